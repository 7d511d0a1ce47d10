"""Models trained on tables of records: labelled pairs, and what is made of records without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_models

from nirank.algebra.judged import Judged
from nirank.blocking.rules import Function
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.results.row import Row
from nirank.stages.dense import Dense
from nirank.stages.tfidf import TFIDF
from nirank.store import LocalStore
from nirank.training.copies import Copies
from nirank.training.models import Train
from nirank.training.negatives import LabelledNegatives, Mined
from nirank.training.recipe import Recipe
from nirank.training.rule_pairs import RulePairs
from nirank.training.training_data import TrainingData
from nirank.training.training_sets import TrainingSet

QUICK = Recipe(steps=2, batch=4, learning_rate=1e-3)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi")))


@pytest.fixture
def tables(tmp_path: Path, store: LocalStore) -> Collection:
    """Six records a side; left n is right n, and right 0 and 1 are one thing."""
    for side, end in (("left", ""), ("right", " w40")):
        lines = "".join(f"{n},w{n} w{n + 10},w{n + 20}{end}\n" for n in range(6))
        (tmp_path / f"{side}.csv").write_text("id,name,maker\n" + lines)
    pairs = {
        "train": "0,0,1\n0,1,1\n1,1,1\n2,2,1\n3,2,0\n4,0,0\n5,5,0\n",
        "test": "3,3,1\n4,4,1\n",
    }
    for name, lines in pairs.items():
        (tmp_path / f"{name}.csv").write_text("ltable_id,rtable_id,label\n" + lines)
    files = {name: tmp_path / f"{name}.csv" for name in pairs}
    return load(left=tmp_path / "left.csv", right=tmp_path / "right.csv", pairs=files, split="test", store=store)


def train(tables: Collection, base: str, data: TrainingData, store: LocalStore) -> Row:
    systems = {"D": Dense(Train(base, data, recipe=QUICK))}
    (row,) = Experiment(tables, systems, ["PC@1"], store=store, seeds=[1]).run().rows
    assert row.status == "ok", row.error
    return row


def test_labelled_non_matches_and_no_match_of_a_match(tables: Collection, base: str, store: LocalStore) -> None:
    negatives = (LabelledNegatives(), Mined(TFIDF(), ranks=(1, 6), n=6))
    row = train(tables, base, TrainingSet(Judged(split="train"), negatives), store)
    counts = row.trainings[0].examples_by_reason
    assert counts["examples"] == 4
    assert counts["labelled non-matches"] == 3
    assert counts["labelled non-matches of queries without a positive"] == 1
    assert counts["matches through partners"] == 1  # left 1 and right 0
    assert not row.trained_on_test


def test_each_round_mines_with_the_model_of_the_one_before(tables: Collection, base: str, store: LocalStore) -> None:
    data = TrainingSet(Judged(split="train"), (LabelledNegatives(), Mined(TFIDF(), ranks=(1, 6), n=2)))
    one_round, two_rounds = (Train(base, data, recipe=QUICK, rounds=rounds) for rounds in (1, 2))
    experiment = Experiment(
        tables, {"once": Dense(one_round), "twice": Dense(two_rounds)}, ["PC@1"], store=store, seeds=[1]
    )
    result = experiment.run()
    assert {row.system: len(row.trainings) for row in result.rows} == {"once": 1, "twice": 2}
    assert len([label for label in result.computed if label.startswith("train ")]) == 2  # the first is shared
    row = result.rows[1]
    assert not row.trained_on_test
    assert len(row.trained_on) == 1
    assert row.trainings[1].examples_by_reason["removed: known positives"] > 0


@pytest.mark.parametrize(("side", "records"), [("docs", 6), ("queries", 6), ("both", 12)])
def test_copies_need_no_labels(side: str, records: int, tables: Collection, base: str, store: LocalStore) -> None:
    row = train(tables, base, Copies(side, text="marked"), store)  # type: ignore[arg-type]
    counts = row.trainings[0].examples_by_reason
    assert counts["records"] == records
    assert counts["examples"] + counts.get("removed: nothing to corrupt", 0) == records
    assert not row.trained_on_test


@pytest.mark.parametrize(
    "rule", [{"equal": "name"}, Function(lambda left, right: left["name"] == right["name"], "same_name", 1)]
)
def test_a_rule_labels_pairs(rule: Any, tables: Collection, base: str, store: LocalStore) -> None:
    row = train(tables, base, RulePairs(rule, TFIDF(), k=2, random=1), store)
    counts = row.trainings[0].examples_by_reason
    assert counts["rule: matches"] == counts["examples"] == 6
    assert counts["pairs sampled"] == counts["rule: matches"] + counts["rule: non-matches"] > 12
    assert counts["negatives"] > 0
    assert not row.trained_on_test


def test_the_columns_of_a_rule_must_be_there(tables: Collection, base: str, store: LocalStore) -> None:
    data = RulePairs({"equal": "phone"}, TFIDF(), k=2)
    experiment = Experiment(tables, {"D": Dense(Train(base, data))}, ["PC@1"], store=store, seeds=[1])
    with pytest.raises(ConfigError, match="phone"):
        experiment.run()
