"""Tokens a second of `CausalGenerator`'s loop and of transformers' own `generate`, with one model in one process.

    python experiments/benchmarks/causal_generation.py MODEL CORPUS.jsonl.gz --docs 64 --batch 16 --precision bfloat16

Prompts have three examples; greedy; a line ends a query, for transformers too (its tokens with a line break are named
as ends). The rivals are asked in turn, batch by batch; seconds are processor time. One thread is fastest on a machine
that does other things.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from alternate import describe_machine

from nirank.base.files import read_lines
from nirank.inference.causal import LanguageModel, open_language_model
from nirank.inference.generation import prepare_prompts, write_texts
from nirank.synthesis.causal_generator import CausalGenerator
from nirank.synthesis.few_shot import FewShot

EXAMPLES = FewShot(
    (
        (
            "Vitamin D supplementation and fractures. In a trial of 36,282 postmenopausal women, calcium with vitamin"
            " D improved hip bone density but did not significantly reduce hip fracture, and increased kidney stones.",
            "Vitamin D and calcium do not prevent hip fractures in postmenopausal women",
        ),
        (
            "Sleep and memory. After learning, slow oscillations of deep sleep replay the day's patterns in the"
            " hippocampus; subjects who were kept awake remembered fewer word pairs a week later.",
            "Deep sleep helps to consolidate memory",
        ),
        (
            "Gut bacteria and obesity. Germ-free mice that received the microbiota of obese donors gained more fat on"
            " the same food than those that received the microbiota of lean ones.",
            "Obesity can be transmitted by gut microbiota",
        ),
    )
)


def read_documents(path: Path, n: int) -> list[str]:
    """Return title and text of the first documents."""
    records = [json.loads(line) for _, line in islice(read_lines(path), n)]
    return [f"{record['title']} {record['text']}".strip() for record in records]


def make_rivals(language: LanguageModel, how: Any) -> dict[str, Callable[[list[str]], list[str]]]:
    """Return what writes queries for a batch of documents, by name."""
    import torch

    tokenizer = language.tokenizer
    breaks = [token for token in range(language.model.config.vocab_size) if "\n" in language.decode_token(token)]
    ends = [*sorted(language.ends), *breaks]
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]

    def generate(docs: list[str]) -> list[str]:
        prompts = [prompt.tokens for prompt in prepare_prompts(language, docs, how)[0]]
        longest = max(map(len, prompts))
        tokens = torch.tensor([[padding] * (longest - len(prompt)) + prompt for prompt in prompts])
        attended = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with torch.inference_mode():
            written = language.model.generate(
                tokens, attention_mask=attended, max_new_tokens=how.decoding.max_new_tokens, do_sample=False,
                eos_token_id=ends, pad_token_id=padding,
            )[:, longest:]  # fmt: skip
        return [tokenizer.decode(row, skip_special_tokens=True).strip().split("\n")[0].strip() for row in written]

    return {
        "nirank": lambda docs: [text.text for text in write_texts(language, docs, [0] * len(docs), how)],
        "generate, equal batches": generate,
        "generate, one by one": lambda docs: [text for doc in docs for text in generate([doc])],
    }


def main() -> None:
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--docs", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--alone", type=int, help="of each batch, how many are also written one by one [all]")
    parser.add_argument("--words", type=int, default=90)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = CausalGenerator(
        options.model, EXAMPLES, words=options.words, max_new_tokens=options.tokens, precision=options.precision
    )
    how = generator._make_generation(EXAMPLES.pairs)
    language = open_language_model(how.model, how.precision, "cpu")
    docs = [" ".join(doc.split()[: options.words]) for doc in read_documents(options.corpus, options.docs)]
    rivals = make_rivals(language, how)
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    texts: dict[str, list[str]] = {name: [] for name in rivals}
    for start in range(0, len(docs), options.batch):
        for name, write in rivals.items():
            n = options.batch if options.alone is None or "one by one" not in name else options.alone
            began = time.process_time()
            texts[name] += write(docs[start : start + min(n, options.batch)])
            seconds[name].append(time.process_time() - began)
            print(start, name, seconds[name][-1], file=sys.stderr, flush=True)
    n_tokens = {
        name: sum(len(language.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in written)
        for name, written in texts.items()
    }
    speeds = {name: n_tokens[name] / sum(seconds[name]) for name in rivals}
    same = [a == b for a, b in zip(texts["generate, equal batches"], texts["nirank"], strict=True)]
    figures = {
        name: {
            "documents": len(texts[name]),
            "seconds": round(sum(seconds[name]), 2),
            "tokens": n_tokens[name],
            "tokens_per_second": round(speeds[name], 1),
            "nirank_is_faster": round(speeds["nirank"] / speeds[name], 2),
        }
        for name in rivals
    }
    figures["same texts in equal batches"] = {"documents": sum(same)}
    shown = {**vars(options), "corpus": options.corpus.name, "model": Path(options.model).name, "out": None}
    result = {"machine": describe_machine(), "options": shown, **figures}
    print(json.dumps(result, indent=1, default=str))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1, default=str) + "\n")
    print("\n".join(texts["nirank"][:5]))


if __name__ == "__main__":
    main()
