"""Training on pairs of records: a leak is a shared pair, whatever queries the pairs have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.algebra.judged import Judged
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.tuned import tune
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.leaves import Leaves
from nirank.experiment.loading import load
from nirank.experiment.training_sources import RunSources, TrainingCollections
from nirank.results.row_training import SeenRecords
from nirank.stages.minhash import MinHash
from nirank.stages.tfidf import TFIDF
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import LocalStore

WORDS = ["apple", "bread", "corn", "dill"]
DATA = Path(__file__).parents[2].parent / "shared" / "data" / "blocking"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def load_tables(tmp_path: Path, store: LocalStore, split: str = "test", **options: object) -> Collection:
    """Both tables have the ids 0 to 3, and train and test the same records."""
    for side, end in (("left", ""), ("right", " of ours")):
        lines = "".join(f"{number},{word}{end}\n" for number, word in enumerate(WORDS))
        (tmp_path / f"{side}.csv").write_text("id,name\n" + lines)
    pairs = {
        "train": "0,0,1\n1,1,1\n0,1,0\n2,1,0\n",
        "test": "2,2,1\n3,3,1\n1,0,0\n",
        "complete": "0,0,1\n1,1,1\n2,2,1\n3,3,1\n",
    }
    for name, text in pairs.items():
        (tmp_path / f"{name}.csv").write_text("ltable_id,rtable_id,label\n" + text)
    files = {name: tmp_path / f"{name}.csv" for name in pairs}
    return load(
        left=tmp_path / "left.csv", right=tmp_path / "right.csv", pairs=files, split=split, store=store, **options
    )


def make_sources(collection: Collection, store: LocalStore, held_out: list[int] | None = None) -> RunSources:
    collections = TrainingCollections((collection,), store, Leaves())
    return RunSources(collections, collection, None if held_out is None else np.array(held_out))


def test_records_of_both_splits_are_no_leak(tmp_path: Path, store: LocalStore) -> None:
    sources = make_sources(load_tables(tmp_path, store), store)
    sources.open_judged(Judged(split="train"), "trained")
    (description,) = [query_set.describe() for query_set in sources.supervision]
    assert (description.overlap, description.relevant_pairs, description.queries) == (0, 2, 2)
    # of the matches 2-2 and 3-3, left 2 is in a training pair, and right 2 and both 3 are in none
    assert description.evaluated_matches == SeenRecords(matches=2, one=1, both=0)


def test_shared_pairs_are_refused_dropped_or_marked(tmp_path: Path, store: LocalStore) -> None:
    collection = load_tables(tmp_path, store, "complete")
    with pytest.raises(ConfigError, match=r"/train: 2 of 4 training pairs are evaluated too \(overlap=2; 0 – 0"):
        make_sources(collection, store).open_judged(Judged(split="train"), "trained")
    marked, dropped = make_sources(collection, store), make_sources(collection, store)
    marked.open_judged(Judged(split="train", on_overlap="mark"), "trained")
    assert (marked.supervision[0].overlap, marked.supervision[0].dropped, len(marked.supervision[0].qrels)) == (
        2,
        False,
        4,
    )
    dropped.open_judged(Judged(split="train", on_overlap="drop"), "trained")
    assert (dropped.supervision[0].overlap, dropped.supervision[0].dropped, len(dropped.supervision[0].qrels)) == (
        2,
        True,
        2,
    )
    assert (dropped.supervision[0].qrels.grades == 0).all()


def test_the_same_pair_with_the_other_side_asking_is_a_leak(tmp_path: Path, store: LocalStore) -> None:
    from nirank.experiment.shared_pairs import EvaluationSet, find_shared

    train = load_tables(tmp_path, store, "train")
    asked_from_left = load_tables(tmp_path, store, "complete", ask="left")
    shared = find_shared(train, train.qrels["pairs"], EvaluationSet(asked_from_left, None))
    assert shared.sum() == 2
    other_records = load(records=tmp_path / "left.csv", pairs=tmp_path / "complete.csv", store=store, check=False)
    assert (
        find_shared(train, train.qrels["pairs"], EvaluationSet(other_records, None)).sum() == 0
    )  # the same ids, other records


def test_folds_of_one_table_share_pairs_across_the_fold(tmp_path: Path, store: LocalStore) -> None:
    (tmp_path / "records.csv").write_text("id,name\n" + "".join(f"{word},{word}\n" for word in WORDS))
    (tmp_path / "pairs.csv").write_text("id1,id2\napple,bread\ncorn,dill\n")
    collection = load(records=tmp_path / "records.csv", pairs=tmp_path / "pairs.csv", store=store)
    with pytest.raises(ConfigError, match="1 of 3 training pairs are evaluated too"):
        make_sources(collection, store, [0]).open_judged(Judged(), "trained")
    sources = make_sources(collection, store, [0])
    sources.open_judged(Judged(on_overlap="drop"), "trained")
    assert (sources.supervision[0].overlap, len(sources.supervision[0].qrels)) == (1, 2)


def test_a_row_says_what_it_was_tuned_on(tmp_path: Path, store: LocalStore) -> None:
    collection = load_tables(tmp_path, store)
    system = tune([TFIDF(k=2), TFIDF(k=2, sublinear=True)], on=Judged(split="train"), measure="R@1")
    (row,) = Experiment(collection, {"S": system}, ["R@1"], store=store).run().rows
    assert (row.unit, row.tuned_on_test, row.tuned_on[0].overlap) == ("pair", False, 0)
    assert row.tuned_on[0].evaluated_matches == SeenRecords(matches=2, one=1, both=0)


@pytest.mark.parametrize("system", [TokenBlocking(), MinHash(), TFIDF(k=1)])
def test_two_tables_that_are_copies_are_two_tables(system: Pipeline, tmp_path: Path, store: LocalStore) -> None:
    for side in ("left", "right"):
        (tmp_path / f"{side}.csv").write_text("id,name\n" + "".join(f"{n},{word}\n" for n, word in enumerate(WORDS)))
    (tmp_path / "pairs.csv").write_text("".join(f"{n},{n}\n" for n in range(len(WORDS))))
    files = {name: tmp_path / f"{name}.csv" for name in ("left", "right", "pairs")}
    (row,) = Experiment(load(**files, store=store), {"S": system}, ["PC"], store=store).run().rows
    assert row.measures["PC"] == 1.0


@pytest.mark.skipif(not DATA.is_dir(), reason="the blocking collections are not here")
def test_published_splits_share_no_pair_and_most_records(store: LocalStore) -> None:
    folder = DATA / "abt-buy"
    files = {name: folder / f"{name}.csv" for name in ("train", "test")}
    collection = load(left=folder / "tableA.csv", right=folder / "tableB.csv", pairs=files, store=store)
    sources = make_sources(collection.sample(1092), store)
    sources.open_judged(Judged(split="train"), "trained")
    assert (sources.supervision[0].overlap, len(sources.supervision[0].qrels)) == (0, 5743)
    assert sources.supervision[0].describe().evaluated_matches == SeenRecords(matches=206, one=43, both=139)
