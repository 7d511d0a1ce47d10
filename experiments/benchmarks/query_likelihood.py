"""Processor seconds a query of `query_likelihood`, and of one forward pass a pair in the plain way.

    python experiments/benchmarks/query_likelihood.py MODEL COLLECTION --queries 8 --depth 20 --precision bfloat16

The pairs are BM25's first ones; no memo. The rivals are asked in turn, query by query, and nirank then for all
queries at once, where documents that several queries found are read once. One thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from alternate import describe_machine

from nirank import BM25, Experiment, load
from nirank.algebra.context import Context
from nirank.collections.text_view import TextView
from nirank.inference.causal import open_language_model
from nirank.inference.models import resolve_model
from nirank.inference.prompts import cut_document, tokenize_prompts
from nirank.inference.query_likelihoods import LikelihoodScoring, score_likelihoods


def score_plainly(queries: list[str], docs: list[str], pairs: np.ndarray, how: LikelihoodScoring) -> np.ndarray:
    """Score each pair by a forward pass of its own."""
    import torch

    language = open_language_model(how.model, how.precision, "cpu")
    frame = how.make_frame(language)
    prompts = tokenize_prompts(language, frame, [docs[d] for _, d in pairs], [f" {queries[q]}" for q, _ in pairs])
    scores = []
    for prompt in prompts:
        cut, _, _ = cut_document(prompt, how.max_length)
        tokens = torch.tensor([cut.tokens])
        with torch.inference_mode():
            logprobs = language.model(input_ids=tokens).logits[0, :-1].float().log_softmax(-1)
        chosen = logprobs.gather(1, tokens[0, 1:, None])[cut.target - 1 :]
        scores.append(float(chosen.mean()))
    return np.array(scores)


def main() -> None:
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("collection")
    parser.add_argument("--queries", type=int, default=8)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--max-length", type=int, default=192)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    collection = load(options.collection).sample(options.queries)
    ranking = Experiment(collection, {"BM25": BM25() % options.depth}, ["nDCG@10"]).run().ranking("BM25")
    data = collection
    queries = list(data.queries.read(TextView(("title", "text")), np.arange(len(data.queries))))
    rows, docs_of_pairs = np.unique(ranking.rows, return_inverse=True)
    docs = list(data.docs.read(TextView(("title", "text")), rows))
    pairs = np.stack((ranking.query_rows, docs_of_pairs), axis=1)
    how = LikelihoodScoring(resolve_model(options.model), max_length=options.max_length, precision=options.precision)
    open_language_model(how.model, how.precision, "cpu")  # loaded once, before the clock starts
    rivals = {
        "nirank": lambda part: score_likelihoods(queries, docs, part, how, Context(device="cpu")),
        "one forward pass a pair": lambda part: score_plainly(queries, docs, part, how),
    }
    seconds = dict.fromkeys(rivals, 0.0)
    scores: dict[str, list[float]] = {name: [] for name in rivals}
    for query in np.unique(pairs[:, 0]).tolist():
        for name, score in rivals.items():
            began = time.process_time()
            scores[name] += score(pairs[pairs[:, 0] == query]).tolist()
            seconds[name] += time.process_time() - began
            print(query, name, seconds[name], file=sys.stderr, flush=True)
    began = time.process_time()
    rivals["nirank"](pairs)
    together = time.process_time() - began
    n = len(np.unique(pairs[:, 0]))
    difference = np.abs(np.array(scores["nirank"]) - scores["one forward pass a pair"]).max()
    result = {
        "machine": describe_machine(),
        "options": {
            **vars(options),
            "collection": Path(options.collection).name,
            "model": Path(options.model).name,
            "out": None,
        },
        "pairs": len(pairs),
        "documents": len(docs),
        "seconds_a_query": {name: round(value / n, 2) for name, value in seconds.items()},
        "nirank, all queries at once": round(together / n, 2),
        "greatest difference": round(float(difference), 4),
    }
    print(json.dumps(result, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
