"""The records of experiments/blocking/make_rule_records.py match by their rule, and are the same everywhere."""

from __future__ import annotations

import importlib
from hashlib import sha256
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from nirank.blocking.rule_forms import read_rule

FOLDER = Path(__file__).parents[1] / "experiments" / "blocking"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("make_rule_records")


def test_a_seed_makes_the_same_records_everywhere(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["make", "--records", "300", "--seed", "7", "--out", str(tmp_path)])
    script.main()
    content = b"".join((tmp_path / name).read_bytes() for name in ("corpus.csv", "queries.csv", "qrels/complete.tsv"))
    assert sha256(content).hexdigest()[:16] == "271afbcec754684d"


def test_matches_are_what_the_rule_calls_so(script: ModuleType) -> None:
    random = Random(3)
    left = script.make_records(random, 60)
    right = script.make_partners(random, left)
    rule = read_rule(script.RULE, "rule")
    left_records, right_records = (
        [dict(zip(script.FIELDS, record, strict=True)) for record in table] for table in (left, right)
    )
    expected = [
        (i, j)
        for i, record in enumerate(right_records)
        for j, other in enumerate(left_records)
        if rule.decide(record, other) is True
    ]
    assert sorted(script.find_matches(left, right)) == expected
    assert len(expected) >= 25
