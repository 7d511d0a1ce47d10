"""Searcher: a query asked alone gets what the run gave it, nothing is stored, and the answer explains itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import searched_folder
import tiny_models

from nirank import (
    BM25,
    RM3,
    Collection,
    CrossEncoder,
    Dense,
    Experiment,
    Judged,
    MaxSim,
    RunFile,
    Searcher,
    Where,
    Windows,
    fold,
    grid,
    load,
    rewrite,
    rrf,
    tune,
    within,
)
from nirank.algebra.pipeline import Pipeline
from nirank.errors import ConfigError
from nirank.searching.query_run import SearchTimeout
from nirank.stages.feedback import Feedback
from nirank.stages.first_words import FirstWords

QUERIES = searched_folder.QUERIES


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("bi", "cross")}
    return {
        "bi": str(tiny_models.make_bi_encoder(folders["bi"])),
        "cross": str(tiny_models.make_cross_encoder(folders["cross"], 1)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return searched_folder.write_collection(tmp_path_factory.mktemp("searched") / "tiny")


LEXICAL: dict[str, Callable[[], Pipeline]] = {
    "bm25": lambda: BM25(),
    "rm3": lambda: BM25() >> RM3(),
    "passages": lambda: fold(Windows(words=8, overlap=4), BM25()),
    "rewritten": lambda: rewrite(FirstWords(words=2), BM25()),
    "scoped": lambda: within(Where(match={"year": {"min": 2000}}), BM25()),
}


def list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts)


def check_equal(
    systems: dict[str, Pipeline], folder: Path, store: Path, rtol: float, ranges: int | None = None
) -> None:
    """Every query asked alone gets the run's documents and scores, and the store stays as the run left it."""
    collection = load(folder, store=None, ranges=ranges)
    result = Experiment(collection, systems, ["nDCG@10"], store=store).run()
    assert not result.failed, [row.error for row in result.rows]
    before = list_files(store)
    searcher = Searcher(collection, systems, store=store)
    for (_, _, system), ranking in result.rankings.items():
        for id, text in QUERIES.items():
            expected = ranking.to_dict()[id]  # type: ignore[attr-defined]
            answer = searcher.search(system, {"text": text, "year": 2000}, k=20)
            assert answer.found == len(expected)
            best = list(expected.items())[:20]
            assert [document.id for document in answer.documents] == [doc for doc, _ in best], (system, id)
            np.testing.assert_allclose(answer.scores, [score for _, score in best], rtol=rtol, atol=0)
            assert answer.stages[-1].ranks == tuple(range(1, len(best) + 1))
    assert list_files(store) == before


@pytest.mark.parametrize("name", LEXICAL)
def test_lexical_systems_give_the_bits_of_the_run(name: str, folder: Path, tmp_path: Path) -> None:
    check_equal({name: LEXICAL[name]()}, folder, tmp_path / "store", rtol=0)


def test_models_give_the_run_s_lists_up_to_the_company_in_a_batch(
    folder: Path, models: dict[str, str], tmp_path: Path
) -> None:
    dense = Dense(models["bi"])
    systems = {
        "dense": dense,
        "hybrid": rrf(BM25(), dense),
        "cross": BM25() >> CrossEncoder(models["cross"], depth=10),
        "late": rrf(BM25(), dense) >> MaxSim(models["bi"], depth=5),
    }
    check_equal(systems, folder, tmp_path / "store", rtol=1e-5)


def test_documents_in_ranges_give_the_run_s_lists(folder: Path, models: dict[str, str], tmp_path: Path) -> None:
    check_equal({"words": BM25()}, folder, tmp_path / "store", rtol=0, ranges=15)
    check_equal({"both": rrf(BM25(), Dense(models["bi"]))}, folder, tmp_path / "store", rtol=1e-5, ranges=15)
    answer = Searcher(load(folder, ranges=15), {"words": BM25()}, store=tmp_path / "store").search("words", "w1 w2", 5)
    assert not any(trace.terms for trace in answer.trace)  # which an index of one range cannot count


def test_a_tuned_choice_is_the_run_s(folder: Path, tmp_path: Path) -> None:
    tuned = tune(grid(BM25(), {"bm25.k1": [0.1, 2.0]}), on=Judged(split="test", on_overlap="mark"), measure="nDCG@10")
    check_equal({"tuned": tuned}, folder, tmp_path / "store", rtol=0)


def test_dates_of_the_query_rule_as_in_the_run(folder: Path, tmp_path: Path) -> None:
    collection = load(folder, time="as_of_query")
    systems = {"in time": BM25()}
    ranking = Experiment(collection, systems, ["nDCG@10"], store=tmp_path).run().rankings["tiny", "test", "in time"]
    searcher = Searcher(collection, systems, store=tmp_path)
    answer = searcher.search("in time", {"text": QUERIES["q1"], "metadata": {"year": 2000}}, k=100)
    assert [document.id for document in answer.documents] == list(ranking.to_dict()["q1"])  # type: ignore[attr-defined]
    assert {document.date for document in answer.documents} <= {str(year) for year in range(1990, 2000)}
    undated = searcher.search("in time", QUERIES["q1"], k=100)
    assert undated.found > answer.found


def test_an_answer_says_what_every_stage_did(folder: Path, tmp_path: Path) -> None:
    system = rrf(BM25(), BM25() >> RM3())
    answer = Searcher(load(folder), {"S": system}, store=tmp_path).search("S", "w1 w2 nowhere w2", 5)
    assert [trace.stage for trace in answer.trace] == ["bm25", "rm3", "rrf"]
    bm25, rm3, fused = answer.trace
    assert bm25.candidates_in is None and bm25.candidates_out == rm3.candidates_in
    assert fused.candidates_in == (bm25.candidates_out or 0) + (rm3.candidates_out or 0)
    assert [term.term for term in bm25.terms] == ["w1", "w2", "nowher"]
    assert bm25.terms[2].documents == 0 and bm25.terms[2].idf == 0
    docs = {doc["_id"]: doc for doc in map(json.loads, (folder / "corpus.jsonl").read_text().splitlines())}
    for document, matches in zip(answer.documents, answer.matches, strict=True):
        words = f"{docs[document.id]['title']} {docs[document.id]['text']}".split()
        assert set(matches) == {"w1", "w2"} & set(words)
        assert document.text == docs[document.id]["text"]
    made = dict(pair.rsplit(" ", 1) for pair in str(rm3.text).split(", "))
    assert {"w1", "w2"} < made.keys() and rm3.terms == ()  # with terms of feedback
    assert answer.describe_move(0) == f"bm25 {answer.stages[0].ranks[0]}, rm3 {answer.stages[1].ranks[0]} → 1"


def test_passages_and_rewritten_queries_are_shown(folder: Path, tmp_path: Path) -> None:
    systems = {"P": LEXICAL["passages"](), "R": LEXICAL["rewritten"]()}
    searcher = Searcher(load(folder), systems, store=tmp_path)
    passage = searcher.search("P", "w1 w2", 3).passages[0][0]
    assert len(passage.text.split()) <= 8
    assert {"w1", "w2"} & set(passage.text.split())
    texts = [trace.text for trace in searcher.search("R", "w7 w8 w9", 3).trace if trace.text is not None]
    assert texts == ["w7 w8", "w7 w8"]  # made, and put in the query's place


def test_a_document_asks_where_documents_are_the_queries(tmp_path: Path) -> None:
    docs = {"a": "red apple pie", "b": "red apple tree", "c": "blue sky"}
    collection = Collection.of(docs, docs, {"a": {"b": 1}}, self_match="id")
    searcher = Searcher(collection, {"BM25": BM25()}, store=tmp_path)
    assert [d.id for d in searcher.search("BM25", {"id": "a", "text": docs["a"]}).documents] == ["b"]
    assert [d.id for d in searcher.search("BM25", docs["a"]).documents] == ["a", "b"]


def test_what_cannot_be_asked_says_why(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.txt"
    run.write_text("q1 Q0 d1 1 1.0 x\n")
    searcher = Searcher(
        load(folder), {"BM25": BM25(), "File": RunFile(str(run)), "F": BM25() >> Feedback()}, store=tmp_path / "store"
    )
    systems = searcher.list_systems()
    assert systems["BM25"] is None
    assert "reads judgements" in str(systems["F"])
    assert "lists of its own queries only" in str(systems["File"])
    for ask, words in (
        (lambda: searcher.search("File", "w1"), "cannot be asked"),
        (lambda: searcher.search("BM2", "w1"), "did you mean 'BM25'"),
        (lambda: searcher.search("BM25", "w1", collection="tin"), "did you mean 'tiny'"),
        (lambda: searcher.search("BM25", " \n"), "no text"),
        (lambda: searcher.search("BM25", {"text": "w1", "yaer": 3}), "did you mean 'year'"),
        (lambda: searcher.search("BM25", {"text": 3}), "text is text, got 3"),
        (lambda: searcher.search("BM25", "\ud800"), "half a character"),
        (lambda: searcher.search("BM25", "w1", 0), "1 or more"),
    ):
        with pytest.raises(ConfigError, match=words):
            ask()
    with pytest.raises(ConfigError, match="no document 'x'"):
        searcher.get_document("x")
    assert searcher.get_document("d3").title == "title w3"


def test_tables_whose_pairs_are_sought_cannot_be_asked(tmp_path: Path) -> None:
    table = tmp_path / "records.csv"
    table.write_text("id,name\n1,anna\n2,anne\n3,bob\n")
    collection = load(records=table, store=None)
    searcher = Searcher(collection, {"S": BM25()}, measures=["candidates"], store=tmp_path / "store")
    with pytest.raises(ConfigError, match="seeks pairs of records"):
        searcher.search("S", "anna")


def test_a_search_ends_when_its_time_is_over(folder: Path, models: dict[str, str], tmp_path: Path) -> None:
    system = BM25() >> CrossEncoder(models["cross"], depth=40)
    searcher = Searcher(load(folder), {"S": system}, store=tmp_path)
    searcher.search("S", "w1")
    with pytest.raises(SearchTimeout, match="ended after 1e-06 s"):
        searcher.search("S", "w1 w2", seconds=1e-6)
    assert searcher.search("S", "w1 w2").documents


def test_nothing_of_a_query_stays_on_disk_or_in_the_plan(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    searcher: Any = Searcher(load(folder), {"S": BM25() >> RM3()}, store=tmp_path / "store")
    searcher.search("S", "w1")
    sizes = len(searcher._plans), len(searcher._runner._values), len(searcher._runner.leaves)
    for word in searched_folder.WORDS:
        searcher.search("S", word)
    for year in (2000, None):  # other fields have a plan of their own, and leave nothing else
        searcher.search("S", {"text": "w1", "title": "w2", **({} if year is None else {"year": year})})
    sizes = (sizes[0] + 2, *sizes[1:])
    assert (len(searcher._plans), len(searcher._runner._values), len(searcher._runner.leaves)) == sizes
    assert not list((tmp_path / "temporary").iterdir())
