"""Queries appended to documents: found by their words, counted, and the same from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from written_fakes import FirstWordsGenerator

from nirank.algebra.application import fold, rewrite
from nirank.algebra.judged import Judged
from nirank.algebra.tuned import tune
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.append_queries import AppendQueries
from nirank.stages.bm25 import BM25
from nirank.stages.sentences import Sentences
from nirank.store import open_store
from nirank.synthesis.filters.round_trip import RoundTrip
from nirank.synthesis.filters.scores import ScoreFilter
from nirank.synthesis.synthetic_queries import SyntheticQueries
from nirank.testing import check_stage

DOCS = {"a": {"title": "cats", "text": "sleep all day"}, "b": {"title": "dogs", "text": "bark"}, "c": {"text": "birds"}}
WRITTEN = SyntheticQueries(FirstWordsGenerator(2, 2, suffix=" expansion"))


@pytest.fixture
def collection() -> Collection:
    return Collection.of(DOCS, {"q": "zebra", "r": "cats"}, {"q": {"b": 1}, "r": {"a": 1}})


def run(collection: Collection, tmp_path: Path, **systems):
    return Experiment(collection, systems, ["R@3"], store=open_store(tmp_path / "store")).run()


def test_documents_are_found_by_what_was_appended(collection, tmp_path):
    (tmp_path / "queries.tsv").write_text("b\tzebra crossing\nb\tzebra\na\tlion\nnone\tfish\n")
    given = AppendQueries(path=str(tmp_path / "queries.tsv"))
    result = run(collection, tmp_path, plain=BM25(), fold=fold(given, BM25()))
    rows = {row.system: row for row in result.rows}
    assert rows["plain"].measures["R@3"] == 0.5
    assert rows["fold"].measures["R@3"] == 1.0
    (stated,) = [stated["words"] for stated in rows["fold"].conventions.stages.values() if "words" in stated]
    assert stated == {"documents": 5, "appended": 4, "growth": 0.8}
    assert rows["fold"].counts["queries_without_document"] == 1
    assert rows["fold"].trained_on == ()


def test_written_queries_are_appended_and_reported(collection, tmp_path):
    filtered = SyntheticQueries(FirstWordsGenerator(2, 2, " zebra"), filters=(RoundTrip(BM25()),))
    result = run(
        collection, tmp_path, all=fold(AppendQueries(WRITTEN), BM25()), some=fold(AppendQueries(filtered), BM25())
    )
    rows = {row.system: row for row in result.rows}
    assert [row.status for row in result.rows] == ["ok", "ok"], [row.error for row in result.rows]
    (written,) = rows["some"].written
    assert [sieve.what for sieve in written.sieves][-1] == "filter of written queries: round trip in 1"
    assert rows["some"].measures["R@3"] == 1.0  # every document's queries end with zebra
    assert rows["some"].zero_shot == rows["all"].zero_shot != "no"
    assert rows["all"].address != rows["some"].address


def test_what_filters_search_is_paid_once_and_not_by_each_query(collection, tmp_path):
    filtered = SyntheticQueries(
        FirstWordsGenerator(2, 2, " zebra"), filters=(RoundTrip(BM25()), ScoreFilter(BM25(), 0.5))
    )
    experiment = Experiment(
        collection, {"S": fold(AppendQueries(filtered), BM25())}, ["R@3"], store=open_store(tmp_path / "store")
    )
    nodes = [node for node in experiment.plan()[0].target.walk() if not node.is_leaf]
    assert sum(node.task.endswith(":search") for node in nodes) == 3
    online = [node.task.partition(":")[2] for node in nodes if not node.offline]
    assert sorted(online) == ["fold", "search"]


def test_of_candidates_only_the_chosen_one_is_told_of(collection, tmp_path):
    train = Collection.of(DOCS, {"t": "zebra"}, {"t": {"b": 1}})
    tuned = replace(collection, split="test", open_split=lambda split: train)
    candidates = [
        fold(AppendQueries(SyntheticQueries(FirstWordsGenerator(2, 2, suffix))), BM25()) for suffix in (" x", " zebra")
    ]
    result = run(tuned, tmp_path, tuned=tune(candidates, on=Judged(split="train"), measure="R@3"))
    (row,) = result.rows
    assert row.status == "ok", row.error
    assert [each.generator["suffix"] for each in row.written] == [" zebra"]


def test_titles_stay_apart(collection, tmp_path):
    fields = BM25(fields={"title": 1.0, "text": 1.0})
    result = run(collection, tmp_path, fields=fold(AppendQueries(WRITTEN), fields))
    assert result.rows[0].status == "ok", result.rows[0].error


def test_what_cannot_be_meant(collection, tmp_path):
    for options in ({}, {"queries": WRITTEN, "path": "x"}):
        with pytest.raises(ConfigError, match="expected either queries or path"):
            AppendQueries(**options)
    with pytest.raises(ConfigError, match="expected the outermost fold"):
        run(collection, tmp_path, nested=fold(Sentences(), fold(AppendQueries(WRITTEN), BM25())))
    (tmp_path / "bad.tsv").write_text("a\tx\nno tab\n")
    bad = AppendQueries(path=str(tmp_path / "bad.tsv"))
    with pytest.raises(Exception, match="bad.tsv:2: expected a document's id, a tab and a query"):
        run(collection, tmp_path, bad=fold(bad, BM25()))
    (tmp_path / "q.tsv").write_text("a\tx\n")
    queries = run(collection, tmp_path, rewritten=rewrite(AppendQueries(path=str(tmp_path / "q.tsv")), BM25()))
    assert "no text has the id of a document" in (queries.rows[0].error or "")


def test_the_laws(tmp_path):
    ids = [*(f"d{number:02}" for number in range(1, 13)), *(f"q{number}" for number in range(1, 8))]
    (tmp_path / "queries.tsv").write_text("".join(f"{id}\tgrey cat\n{id}\tdog\n" for id in ids))
    check_stage(AppendQueries(path=str(tmp_path / "queries.tsv")))
