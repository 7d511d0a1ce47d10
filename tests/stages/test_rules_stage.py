"""Rules as a stage: what is kept, what is counted, and that a function is known by name and version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nirank.blocking.rules import Equal, Function
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.rules import Rules, rule_function
from nirank.stages.tfidf import TFIDF
from nirank.store import LocalStore

LEFT = {"l1": {"name": "saw", "price": "10"}, "l2": {"name": "saw", "price": ""}, "l3": {"name": "saw", "price": "99"}}
RIGHT = {"r1": {"name": "saw", "price": "11"}}
CLOSE = {"near": {"column": "price", "within": 2}}


@pytest.fixture
def tables() -> Collection:
    return Collection.of(LEFT, RIGHT, {"r1": {"l1": 1}}, name="tools")


def run(tables: Collection, store: Path, systems: Mapping[str, Any]) -> Any:
    result = Experiment(tables, systems, ["PC", "candidates"], store=LocalStore(store)).run()
    assert [row.error for row in result.rows if row.status != "ok"] == []
    return result


def test_a_rule_keeps_matches_or_all_but_non_matches_and_counts_its_answers(tables: Collection, tmp_path: Path) -> None:
    all_pairs = TFIDF(doc_text="name", query_text="name")
    systems = {"possible": all_pairs >> Rules(CLOSE), "match": all_pairs >> Rules(CLOSE, keep="match")}
    result = run(tables, tmp_path, systems)
    assert result.pairs("possible").to_dict() == {"r1": ["l1", "l2"]}
    assert result.pairs("match").to_dict() == {"r1": ["l1"]}
    for row in result.rows:
        answers = {name: n for name, n in row.counts.items() if name.startswith("rule_")}
        assert answers == {"rule_matches": 1, "rule_non_matches": 1, "rule_unknown": 1}


def test_a_python_function_sees_all_columns(tables: Collection, tmp_path: Path) -> None:
    def both_priced(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
        return bool(left["price"]) and bool(right["price"])

    all_pairs = TFIDF(doc_text="name", query_text="name")
    result = run(tables, tmp_path, {"F": all_pairs >> rule_function(both_priced, version=1)})
    assert result.pairs("F").to_dict() == {"r1": ["l1", "l3"]}


def test_a_rule_of_python_is_that_of_yaml_and_a_function_is_its_name_and_version() -> None:
    assert Rules(Equal("name")) == Rules({"equal": {"column": "name"}})
    assert Rules({"equal": "name"}).describe_identity() == Rules(Equal("name")).describe_identity()
    first, second = (rule_function(lambda left, right: True, name="f", version=version) for version in (1, 2))
    assert first.describe_identity() != second.describe_identity()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rules({"equl": "a"}), "rules: there is no rule 'equl'"),
        (lambda: Rules(Function(lambda left, right: True, "f", 1)), "rules: a function is a stage by rule_function"),
        (lambda: rule_function(lambda left, right: True, version=1), "has no name of its own"),
        (lambda: rule_function(len, version=0), "version must be a whole number"),
    ],
)
def test_mistakes_are_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make()
    assert message in str(error.value)


def test_a_column_that_a_table_lacks_is_refused_while_planning(tables: Collection, tmp_path: Path) -> None:
    experiment = Experiment(tables, {"R": TFIDF() >> Rules({"equal": "colour"})}, ["PC"], store=LocalStore(tmp_path))
    with pytest.raises(ConfigError, match="colour"):
        experiment.check()
