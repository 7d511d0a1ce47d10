"""Pairs that a rule labels as training data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nirank.blocking.rules import All, Equal, Function, Near
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.stages.bm25 import BM25
from nirank.training.rule_pairs import RulePairs, label_pairs

LEFT = Texts.of({f"l{i}": {"name": f"thing {i}", "price": str(i) if i < 4 else ""} for i in range(6)})
RIGHT = Texts.of({f"r{i}": {"name": f"Thing, {i}!", "price": str(i)} for i in range(3)})
RULE = Near("price", 1.0)


def label(rule: Any = RULE, pairs: list[tuple[int, int]] | None = None, **params: Any) -> Any:
    rows = np.array(pairs or [], np.int64).reshape(-1, 2)
    candidates = Pairs.build(RIGHT.ids, LEFT.ids, rows[:, 0], rows[:, 1], source="test")
    return label_pairs(rule, RIGHT, LEFT, candidates, {"random": 0, "seed": 0, **params}, frozenset())


def test_matches_are_positives_and_non_matches_their_negatives() -> None:
    mined = label(pairs=[(0, 0), (0, 2), (0, 3), (0, 4), (1, 3), (2, 2), (2, 3)])
    assert list(zip(mined.queries.tolist(), mined.positives.tolist(), strict=True)) == [(0, 0), (2, 2), (2, 3)]
    assert mined.negatives[: mined.offsets[1]].tolist() == [2, 3]
    assert mined.offsets.tolist() == [0, 2, 2, 2]
    counts = {name: n for name, n in mined.counts.items() if name.startswith(("rule", "pairs"))}
    assert counts == {"pairs sampled": 7, "rule: matches": 3, "rule: non-matches": 3, "rule: unknown, dropped": 1}
    assert label(pairs=[(0, 0), (0, 2), (0, 3)], n=1).offsets.tolist() == [0, 1]


def test_what_a_rule_keeps_apart_stays_apart() -> None:
    """A rule need not be transitive: 0 is near 1 and 1 near 2, and 0 and 2 are a non-match."""
    mined = label(pairs=[(0, 0), (0, 1), (1, 1), (1, 2), (0, 2)])
    assert mined.negatives[: mined.offsets[1]].tolist() == [2]


def test_random_pairs_come_on_top() -> None:
    all_pairs = label(random=6)
    assert all_pairs.counts["pairs sampled"] == 18
    two_pairs = label(random=2)
    assert two_pairs.counts["pairs sampled"] == 6
    assert (
        label(random=2, seed=1).counts != two_pairs.counts
        or (label(random=2, seed=1).queries != two_pairs.queries).any()
    )


def test_a_function_reads_whole_records() -> None:
    """Beside rules that name their columns too."""
    function = Function(lambda left, right: left["price"] == right["price"], "same_price", 1)
    rule = All((Equal("name"), function))
    assert label(rule, [(0, 0), (1, 1), (1, 2)]).positives.tolist() == [0, 1]


def test_in_one_table_a_record_is_no_pair() -> None:
    pairs = Pairs.build(LEFT.ids, LEFT.ids, np.array([0, 0, 1]), np.array([0, 1, 1]), source="test")
    mined = label_pairs(RULE, LEFT, LEFT, pairs, {"random": 0, "seed": 0, "one_table": True}, frozenset())
    assert mined.counts["pairs sampled"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": {"equals": "name"}}, "there is no rule 'equals'"),
        ({"k": 0}, "k must be 1 or more"),
        ({"random": -1}, "random must be 0 or more"),
        ({"negatives": 0}, "negatives must be 1 or more"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RulePairs(**{"rule": {"equal": "name"}, "of": BM25(), **options})
