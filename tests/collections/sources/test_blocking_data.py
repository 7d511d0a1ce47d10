"""Published collections for blocking: their counts, and what a lexical blocker keeps of their matches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.collections.collection import Collection
from nirank.evaluation.pair_measures import count_pairs
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.stages.cut import Cut
from nirank.stages.tfidf import TFIDF
from nirank.store import LocalStore

DATA = Path(__file__).parents[3].parent / "shared" / "data" / "blocking"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the blocking collections are not here")
FILES = {"train": "train.csv", "valid": "valid.csv", "test": "test.csv", "complete": "matches.csv"}


def open_collection(name: str, store: LocalStore, split: str | None, **options: object) -> Collection:
    folder = DATA / name
    pairs = {key: folder / file for key, file in FILES.items() if (folder / file).exists()}
    if (folder / "records.csv").exists():
        return load(records=folder / "records.csv", pairs=pairs, split=split, store=store, **options)
    return load(
        left=folder / "tableA.csv", right=folder / "tableB.csv", pairs=pairs, split=split, store=store, **options
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(
    ("name", "sizes", "labelled", "positive"),
    [
        ("abt-buy", (1081, 1092), (5743, 1916, 1916, 1097), (616, 206, 206, 1097)),
        ("amazon-google", (1363, 3226), (6874, 2293, 2293, 1300), (699, 234, 234, 1300)),
        ("dblp-acm", (2616, 2294), (7417, 2473, 2473, 2224), (1332, 444, 444, 2224)),
        ("fodors-zagats", (533, 331), (567, 190, 189, 112), (66, 22, 22, 112)),
    ],
)
def test_counts(name, sizes, labelled, positive, store):
    for split, pairs, matches in zip(FILES, labelled, positive, strict=True):
        collection = open_collection(name, store, split)
        (qrels,) = collection.qrels.values()
        assert (len(collection.docs), len(collection.queries)) == sizes
        assert (len(qrels), int((qrels.grades >= 1).sum()), int((qrels.rows < 0).sum())) == (pairs, matches, 0)


@pytest.mark.parametrize(
    ("name", "sizes", "matches"),
    [("jedai-restaurants", (339, 2256), 89), ("dirty-cora", (1295, 1295), 17184)],
)
def test_counts_of_collections_with_one_list(name, sizes, matches, store):
    collection = open_collection(name, store, None)
    assert (collection.split, len(collection.docs), len(collection.queries)) == ("complete", *sizes)
    assert collection.origin["counts"]["pairs"] == matches
    counts = count_pairs(_block_nothing(collection), collection.qrels["pairs"], one_table=collection.relation == "self")
    assert counts.matches.sum() == matches


def _block_nothing(collection: Collection):
    from nirank.flow.pairs import Pairs

    empty = np.zeros(0, np.int64)
    return Pairs.build(collection.queries.ids, collection.docs.ids, empty, empty, source="nothing")


@pytest.mark.parametrize(
    ("name", "n_records"), [("abt-buy", 139), ("amazon-google", 133), ("dblp-acm", 236), ("fodors-zagats", 8)]
)
def test_records_that_training_pairs_have_too(name, n_records, store):
    collection = open_collection(name, store, "test")
    messages = [finding.message for finding in collection.findings if finding.code == "records-in-two-splits"]
    assert any(f" {n_records} have both records in pairs of split train" in message for message in messages)


def test_the_column_that_gives_the_answer_away(store):
    findings = {finding.code: finding for finding in open_collection("fodors-zagats", store, "test").findings}
    assert "column 'class' gives the answer away" in findings["giveaway-column"].message
    excluded = {
        finding.code: finding for finding in open_collection("fodors-zagats", store, "test", exclude="class").findings
    }
    assert excluded["giveaway-column"].severity == "note"
    assert "giveaway-column" not in {finding.code for finding in open_collection("abt-buy", store, "test").findings}


def test_tfidf_keeps_what_is_published_for_it(store):
    collection = open_collection("abt-buy", store, "test")
    result = Experiment(collection, {"TF-IDF": TFIDF() >> Cut(1)}, ["R@1"], store=store).run()
    counts = count_pairs(result.ranking("TF-IDF"), collection.qrels["pairs"])
    assert counts.measure("PC") == pytest.approx(0.879, abs=0.002)
    assert counts.candidates.sum() <= 1092
