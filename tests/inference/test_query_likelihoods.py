"""Query likelihood, by its definition: one forward pass a pair, nothing shared."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank import BM25, Collection, Experiment
from nirank.algebra.context import Context
from nirank.base.work import call_opener
from nirank.errors import ConfigError, ModelError
from nirank.inference import models, query_likelihoods
from nirank.inference.causal import open_language_model
from nirank.inference.query_likelihoods import LikelihoodScoring, PairTexts, score_likelihoods
from nirank.stages.query_likelihood import QueryLikelihood
from nirank.store import LocalStore
from nirank.testing import check_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

QUERIES = ["w1 w2 w3", "w4", "", "w9 w8 w7 w6 w5 w4 w3"]
DOCS = ["w1 w2", "w3 " * 9, "w5 w6 w7 w1", "", "w9 " * 20, "unknown"]
PAIRS = np.array([[q, d] for q in range(4) for d in range(6)])
KINDS: dict[str, dict[str, Any]] = {"llama": {}, "window": {"window": 8}, "chat": {"template": True}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        name: str(tiny_models.make_causal(tmp_path_factory.mktemp(name), **options)) for name, options in KINDS.items()
    }


def score_alone(folder: str, query: str, doc: str, chat: bool) -> float:
    """Return the mean log-probability of a query's tokens, by one forward pass over the whole text."""
    import torch

    language = open_language_model(models.resolve_model(folder), "float32", "cpu")
    before = f"Passage: {doc}. Please write a question based on this passage."
    prompt = f"user : {before}\nassistant :" if chat else f"{before} "
    tokens = language.tokenizer(prompt + query)["input_ids"]
    n = len(language.tokenizer(query if chat else f" {query}", add_special_tokens=False)["input_ids"]) if query else 0
    if not n:
        return 0.0
    with torch.inference_mode():
        logprobs = language.model(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1)
    return float(np.mean([float(logprobs[at - 1, tokens[at]]) for at in range(len(tokens) - n, len(tokens))]))


def score_all(folder: str, ctx: Context | None = None, **options: Any) -> np.ndarray:
    how = LikelihoodScoring(models.resolve_model(folder), **options)
    return score_likelihoods(QUERIES, DOCS, PAIRS, how, ctx or Context(device="cpu"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_tokens", [None, 1, 90])
def test_scores_are_those_of_the_definition(kind: str, batch_tokens: int | None, folders: dict[str, str]) -> None:
    chat = kind == "chat"
    scores = score_all(folders[kind], chat=chat, batch_tokens=batch_tokens)
    expected = [score_alone(folders[kind], QUERIES[q], DOCS[d], chat) for q, d in PAIRS.tolist()]
    assert np.abs(scores - expected).max() < 1e-4
    assert (scores[PAIRS[:, 0] == 2] == 0).all()


def test_a_document_is_read_once(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    language = open_language_model(models.resolve_model(folders["llama"]), "float32", "cpu")
    read, sizes = language.read, []
    monkeypatch.setattr(
        language, "read", lambda tokens, cache, keep: (sizes.append(tokens.shape), read(tokens, cache, keep))[1]
    )
    score_all(folders["llama"])
    assert sum(rows * columns for rows, columns in sizes) < 1.5 * 6 * 30 + 18 * 8, "six documents, 18 queries"
    assert len([rows for rows, _ in sizes]) <= 2 + 3, "a beginning, the documents, and three queries of each"


def test_documents_are_cut_and_not_queries(folders: dict[str, str]) -> None:
    ctx = Context(device="cpu")
    how = LikelihoodScoring(models.resolve_model(folders["llama"]), max_length=24)
    scores = score_likelihoods(["w1 w2 w3"], ["w5" + " w5" * 39, "w5 w5"], np.array([[0, 0], [0, 1]]), how, ctx)
    # start, "Passage:" and the instruction have 13 tokens, the query 3: 8 of 40 are left
    assert ctx.counts == {"truncated_documents": 1, "document_tokens_lost": 32}
    assert scores[0] == pytest.approx(score_alone(folders["llama"], "w1 w2 w3", ("w5 " * 8).strip(), False), abs=1e-4)
    ctx = Context(device="cpu")
    score_likelihoods(["w1 " * 300], ["w5"], np.array([[0, 0]]), LikelihoodScoring(how.model), ctx)
    assert ctx.counts["truncated_queries"] == 1
    assert ctx.declared["max_length"] == 128


def test_what_was_scored_is_not_scored_again(
    folders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_likelihoods, "_SHARD_PAIRS", 5)
    store = LocalStore(tmp_path)
    whole = score_all(folders["llama"])
    half = Context(device="cpu", open_memo=store.open_memo)
    how = LikelihoodScoring(models.resolve_model(folders["llama"]))
    score_likelihoods(QUERIES, DOCS, PAIRS[::2], how, half)
    ctx = Context(device="cpu", open_memo=store.open_memo)
    assert np.abs(score_all(folders["llama"], ctx) - whole).max() < 1e-5
    assert (ctx.memo_use["found"], ctx.memo_use["computed"]) == (12, 12)


def test_a_worker_scores_the_same(folders: dict[str, str]) -> None:
    """What another process is sent can be pickled, and its opener gives what is computed here."""
    how = LikelihoodScoring(models.resolve_model(folders["llama"]))
    texts = PairTexts([QUERIES[q] for q, _ in PAIRS.tolist()], [DOCS[d] for _, d in PAIRS.tolist()])
    options, shard = pickle.loads(pickle.dumps(((how, "cpu"), texts)))
    rows = call_opener(f"{query_likelihoods.__name__}:open_shards", options)(shard).rows
    assert np.abs(rows["score"] - score_all(folders["llama"])).max() < 1e-6
    assert query_likelihoods._describe_pairs(shard) == "24 pairs (of the query 'w1 w2 w3' and on)"


def test_the_stage_obeys_and_stands_in_a_plan(folders: dict[str, str], tmp_path: Path) -> None:
    check_stage(QueryLikelihood(folders["llama"], depth=3))
    docs = {"a": "w1 w2", "b": "w1", "c": "w1 w1 w3 w4 w5 w6", "z": "w7"}
    collection = Collection.of(docs, {"q": "w1 w2"}, {"q": {"a": 1, "z": 1}})
    systems = {"BM25": BM25(), "UPR": BM25() >> QueryLikelihood(folders["llama"], depth=2)}
    result = Experiment(collection, systems, ["R@3"], store=LocalStore(tmp_path)).run()
    lists = {name: list(result.ranking(name).to_dict()["q"]) for name in systems}
    assert set(lists["UPR"]) == set(lists["BM25"]) == {"a", "b", "c"}
    assert lists["UPR"][2] == lists["BM25"][2], "below the depth the old order stays"


def test_other_prompts(folders: dict[str, str]) -> None:
    plain = QueryLikelihood(folders["llama"])
    other = QueryLikelihood(folders["llama"], prompt="{document} Query:")
    assert plain.describe_identity() != other.describe_identity()
    assert plain.describe_identity()["prompt"].startswith("Passage: {document}. Please write a question")
    for prompt in ("no place", "{document} and {document}"):
        with pytest.raises(ConfigError, match=r"query_likelihood: prompt must have \{document\} once, got [02] in"):
            QueryLikelihood("m", prompt=prompt)
    with pytest.raises(ModelError, match="has no chat template"):
        score_all(folders["llama"], chat=True)
    with pytest.raises(ConfigError, match="max_length must leave room for a prompt, got 3"):
        QueryLikelihood("m", max_length=3)
    with pytest.raises(ConfigError, match="query_likelihood: model is empty"):
        QueryLikelihood("")
