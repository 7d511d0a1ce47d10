"""Corrupted copies of records as training pairs."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.training.augmentation import OPERATORS, Operator, corrupt
from nirank.training.copies import Copies, copy_records
from nirank.training.example_files import Example

RECORDS = {f"r{i}": {"name": f"w{i} w{i + 1} w{i + 2} w{i + 3}", "maker": f"m{i}", "price": ""} for i in range(40)}
WORDS = st.lists(st.sampled_from("abcdefghij"), max_size=10).map(" ".join)
MARKED, VALUES = TextView("marked"), TextView(("title", "text"))


def copy(
    records: dict[str, Any], view: TextView = VALUES, operators: tuple[Operator, ...] = OPERATORS, **params: Any
) -> list[Example]:
    texts = Texts.of(records)
    return list(copy_records(texts, view, {"operators": operators, "n": 1, "seed": 0, **params}, {}))


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.sampled_from(OPERATORS), st.integers(0, 9))
def test_what_each_operator_may_do(values: list[str], operator: Operator, seed: int) -> None:
    changed = corrupt(values, operator, Random(seed))
    if changed is None:
        return
    before, after = (Counter(" ".join(record).split()) for record in (values, changed))
    n_lost = (before - after).total()
    assert not after - before  # nothing is made up
    assert len(changed) == len(values)
    assert changed != [" ".join(value.split()) for value in values]
    if operator in ("swap", "append_col"):
        assert before == after
    elif operator == "del":
        assert 1 <= n_lost <= 2
    elif operator == "drop_col":
        (dropped,) = [value for value, left in zip(values, changed, strict=True) if value.split() != left.split()]
        assert n_lost == len(dropped.split()) <= 8
    assert after


def test_drop_token_drops_a_fifth() -> None:
    values = [" ".join(f"w{i}" for i in range(2000))]
    changed = corrupt(values, "drop_token", Random(1))
    assert changed is not None
    assert len(changed[0].split()) == pytest.approx(1600, abs=54)  # 3 sigma


def test_markers_are_never_touched() -> None:
    for example in copy(RECORDS, MARKED, n=5):
        assert example.query.startswith("[COL] ")
        assert example.query.count("[COL]") == example.query.count("[VAL]") <= 2
        assert {token for token in example.query.split() if token[0] not in "wm"} <= {"[COL]", "name", "[VAL]", "maker"}
        assert example.positive.startswith("[COL] name [VAL] w")


def test_copies_depend_on_seed_and_record_alone() -> None:
    copies = copy(RECORDS, n=2)
    assert len(copies) == 80
    assert copies == copy(RECORDS, n=2)
    assert copies[::2] == copy(RECORDS)  # a second copy leaves the first as it is
    assert copies != copy(RECORDS, n=2, seed=1)
    reverse = copy(dict(reversed(RECORDS.items())), n=2)
    assert set(copies) == set(reverse)
    sample = copy(RECORDS, sample=7)
    assert len(sample) == 7
    assert set(sample) < set(copies)


def test_what_has_no_copy_is_counted() -> None:
    texts, counts = Texts.of({"blank": {"name": " "}, "word": {"name": "a"}, "two": {"name": "a b"}}), {}
    params = {"operators": ["del", "swap", "drop_col"], "n": 1, "seed": 0}
    copies = list(copy_records(texts, VALUES, params, counts))
    assert {example.positive for example in copies} == {"a b"}
    assert counts == {"records": 3, "removed: nothing to corrupt": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "left"}, "of"),
        ({"operators": ("cut",)}, "operators"),
        ({"operators": ()}, "operators are some of del, swap"),
        ({"operators": ("del", "del")}, "each once"),
        ({"n": 0}, "n must be 1 or more"),
        ({"sample": 0}, "sample must be 1 or more"),
    ],
)
def test_copies_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Copies(**options)
