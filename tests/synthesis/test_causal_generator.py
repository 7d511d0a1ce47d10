"""Queries by a causal language model: prompts, memo, options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from nirank import BM25, Collection, Experiment, fold
from nirank.algebra.context import Context
from nirank.base.work import call_opener
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.inference import models
from nirank.inference.causal import open_language_model
from nirank.inference.generation import prepare_prompts
from nirank.stages.append_queries import AppendQueries
from nirank.store import LocalStore
from nirank.synthesis import causal_generator
from nirank.synthesis.causal_generator import CausalGenerator
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.generator import Writing
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.synthesis.writing_memo import Request

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

DOCS = [f"w{n} w{n + 1} w{n * 7 % 50}" for n in range(11)]
PAIRS = FewShot((("w1 w2 w3 w4 w5", "w6"), ("w7", "w8 w9")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_causal(tmp_path_factory.mktemp("causal"), template=True))


def write(
    generator: CausalGenerator, docs: list[str], store: LocalStore | None = None
) -> tuple[list[list[Writing]], Context]:
    context = Context(device="cpu", **({"open_memo": store.open_memo} if store else {}))
    return list(generator.write_queries(docs, {}, context)), context


def read_prompt(generator: CausalGenerator, doc: str) -> str:
    how = generator._make_generation(generator.examples.pairs)
    language = open_language_model(how.model, "float32", "cpu")
    (prompt,), _ = prepare_prompts(language, [doc], how)
    return str(language.tokenizer.decode(prompt.tokens))


def test_prompts_have_the_form_of_inpars(folder: str) -> None:
    generator = CausalGenerator(folder, PAIRS, words=3)
    example = "Example<unk>:\nDocument: w1 w2 w3\nRelevant Query: w6\n\nExample<unk>:\nDocument: w7\nRelevant Query: w8 w9\n\n"
    assert read_prompt(generator, "w10 w11") == f"<s>{example}Example<unk>:\nDocument: w10 w11\nRelevant Query:"
    asked = CausalGenerator(folder, instruction="w20 w21.", words=3)
    assert read_prompt(asked, "w10") == "<s>w20 w21.\n\nExample<unk>:\nDocument: w10\nRelevant Query:"


def test_chats_have_examples_as_turns(folder: str) -> None:
    generator = CausalGenerator(folder, PAIRS, chat=True, instruction="w20.", words=2, max_new_tokens=8)
    how = generator._make_generation(generator.examples.pairs)
    assert how.turns == (("w20.\n\nw1 w2", "w6"), ("w20.\n\nw7", "w8 w9"))
    assert read_prompt(generator, "w10").endswith("w20.\n\nw10\n<unk><unk>:")
    default = CausalGenerator(folder, chat=True)._make_generation(())
    assert default.frame.before.startswith("Write a search query that the following document answers.")


def test_documents_are_shortened_and_cut_and_that_is_counted(folder: str) -> None:
    long = " ".join(["w1"] * 200)
    written, context = write(CausalGenerator(folder, words=150, max_new_tokens=8, max_length=60), [long, "w2"])
    assert context.counts["shortened_documents"] == 1
    assert context.counts["truncated_documents"] == 1
    assert context.counts["document_tokens_lost"] > 50
    assert len(written) == 2
    assert context.declared["prompt"]["after"] == "\nRelevant Query:"


def test_what_was_written_is_not_written_again(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causal_generator, "_SHARD_QUERIES", 4)
    generator = CausalGenerator(folder, PAIRS, temperature=2.0, per_doc=2, max_new_tokens=8)
    expected, _ = write(generator, DOCS)
    original, calls = causal_generator.write_texts, [0]

    def interrupt(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(causal_generator, "write_texts", interrupt)
    store = LocalStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        write(generator, DOCS, store)
    resumed, context = write(generator, DOCS, store)
    assert (context.memo_use["found"], context.memo_use["computed"]) == (8, 14)
    assert [[query.text for query in queries] for queries in resumed] == [
        [query.text for query in queries] for queries in expected
    ]
    extended, context = write(generator, [*DOCS, "w50", DOCS[0]], store)
    assert (context.memo_use["found"], context.memo_use["computed"]) == (22, 2)
    assert extended[: len(DOCS)] == resumed
    assert extended[-1] == resumed[0]
    assert all(query.logprob is None or query.logprob < 0 for queries in resumed for query in queries)


def test_a_worker_writes_the_same(folder: str) -> None:
    """What another process is sent can be pickled, and its opener gives what is written here."""
    import pickle

    generator = CausalGenerator(folder, PAIRS, temperature=2.0, max_new_tokens=8)
    how = generator._make_generation(PAIRS.pairs)
    expected, _ = write(generator, DOCS[:3])
    options, shard = pickle.loads(pickle.dumps(((how, "cpu"), [Request(doc, 0) for doc in DOCS[:3]])))
    written = call_opener(f"{causal_generator.__name__}:open_shards", options)(shard)
    assert [query.text for query in pickle.loads(pickle.dumps(written)).rows] == [query.text for (query,) in expected]
    assert causal_generator._describe_shard(shard) == "3 queries (for 'w0 w1 w0' and on)"


CHANGES = {
    "examples": FewShot((("w1", "w2"),)), "chat": True, "instruction": "w3", "words": 2, "max_new_tokens": 5,
    "temperature": 3.0, "top_k": 3, "top_p": 0.5, "seed": 4, "stop_at_line": False, "max_length": 64,
    "precision": "bfloat16",
}  # fmt: skip


@pytest.mark.parametrize("option", CHANGES)
def test_every_option_is_in_the_identity(option: str, folder: str) -> None:
    generator = CausalGenerator(folder, PAIRS, temperature=2.0, max_new_tokens=8)
    changed = CausalGenerator(
        folder, **{"examples": PAIRS, "temperature": 2.0, "max_new_tokens": 8, option: CHANGES[option]}
    )
    assert dict(changed.describe_identity()) != dict(generator.describe_identity())


def test_places_and_batches_are_not_in_the_identity(folder: str, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    generator = CausalGenerator(str(tmp_path / "copy"), PAIRS, batch_tokens=7, per_doc=1)
    assert dict(generator.describe_identity()) == dict(CausalGenerator(folder, PAIRS).describe_identity())
    assert models.resolve_model(folder).identity.keys() == {"files"}


@pytest.fixture(params=[
    ({"model": ""}, "model is empty"),
    ({"words": 0}, "words must be 1 or more, got 0"),
    ({"per_doc": 2}, "without a temperature all queries of a document are the same"),
    ({"top_k": 3}, "top_k, top_p and seed are of draws; set a temperature above 0"),
    ({"temperature": -1.0}, r"temperature must be 0 \(the likeliest token\) or more"),
    ({"temperature": 1.0, "top_p": 1.5}, "top_p must be above 0 and at most 1, got 1.5"),
    ({"max_new_tokens": 0}, "max_new_tokens must be 1 or more, got 0"),
    ({"max_length": 64}, "max_length must leave room for a prompt, got 64"),
])  # fmt: skip
def mistake(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], str]]:
    yield request.param


def test_options_that_cannot_be_meant_are_refused(mistake: tuple[dict[str, Any], str]) -> None:
    options, message = mistake
    with pytest.raises(ConfigError, match=f"^causal: {message}"):
        CausalGenerator(**{"model": "org/name", **options})


def test_yaml_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        """
collections: [c]
measures: [nDCG@10]
data:
  written:
    synthetic:
      generate:
        causal:
          model: org/name
          examples: {pairs: [[a document, its query]]}
          chat: true
          instruction: Ask
          words: 90
          temperature: 0.7
          top_p: 0.9
          per_doc: 3
          precision: bfloat16
models: {m: {base: org/base, data: written}}
systems: {S: {dense: m}}
"""
    )
    generator = load_config(tmp_path / "config.yaml").systems["S"].model.data.queries.generator
    assert generator == CausalGenerator(
        "org/name", FewShot((("a document", "its query"),)), chat=True, instruction="Ask", words=90, temperature=0.7,
        top_p=0.9, per_doc=3, precision="bfloat16",
    )  # fmt: skip


def test_a_plan_writes_and_appends(folder: str, tmp_path: Path) -> None:
    generator = CausalGenerator(folder, PAIRS, max_new_tokens=8)
    docs = {f"d{n}": text for n, text in enumerate(DOCS)}
    collection = Collection.of(docs, {"q": "w3 w4"}, {"q": {"d3": 1}})
    systems = {"Plain": BM25(), "Expanded": fold(AppendQueries(SyntheticQueries(generator)), BM25())}
    result = Experiment(collection, systems, ["nDCG@10"], store=LocalStore(tmp_path), device="cpu").run()
    assert not result.failed
    stored = [meta for meta in LocalStore(tmp_path).read_descriptions() if "queries by" in str(meta.get("label"))]
    (written,) = stored
    assert written["declared"]["prompt"]["before"].startswith("Example 1:\nDocument: w1 w2")
