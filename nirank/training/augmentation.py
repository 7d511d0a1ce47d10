"""Operators that corrupt a record: its copy still says the same thing, differently. Those of Sudowoodo.

Wang, Li and Wang, ICDE 2023, arXiv 2207.04122. They change values; what marks them, as `[COL]` does, is written behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Literal, get_args

Operator = Literal["del", "swap", "drop_token", "drop_col", "append_col"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

Values = list[list[str]]  # the tokens of each column
_DROPPED = 0.2  # share of the tokens that drop_token drops
_LONGEST_COLUMN = 8  # tokens of a column that drop_col drops


def corrupt(values: Sequence[str], operator: Operator, random: Random) -> list[str] | None:
    """Return the values of a record's columns after an operator; None where it changes nothing or leaves nothing."""
    record = [value.split() for value in values]
    changed = _CHANGES[operator]([list(tokens) for tokens in record], random)
    if changed is None or changed == record or not any(changed):
        return None
    return [" ".join(tokens) for tokens in changed]


def _delete_span(record: Values, random: Random) -> Values | None:
    """Delete one or two tokens that stand together in a column."""
    column = _draw_column(record, random, 1)
    if column is None:
        return None
    start, end = _draw_span(len(record[column]), random, 1, 2)
    del record[column][start:end]
    return record


def _swap_tokens(record: Values, random: Random) -> Values | None:
    """Shuffle two to four tokens that stand together in a column."""
    column = _draw_column(record, random, 2)
    if column is None:
        return None
    start, end = _draw_span(len(record[column]), random, 2, 4)
    span = record[column][start:end]
    while len(set(span)) > 1 and span == record[column][start:end]:
        random.shuffle(span)
    record[column][start:end] = span
    return record


def _drop_tokens(record: Values, random: Random) -> Values | None:
    """Drop each token of all columns with a probability of a fifth."""
    return [[token for token in tokens if random.random() >= _DROPPED] for tokens in record]


def _drop_column(record: Values, random: Random) -> Values | None:
    """Drop the value of a column with at most eight tokens."""
    short = [column for column, tokens in enumerate(record) if 0 < len(tokens) <= _LONGEST_COLUMN]
    if not short or sum(map(bool, record)) < 2:
        return None
    record[random.choice(short)] = []
    return record


def _append_column(record: Values, random: Random) -> Values | None:
    """Move a column's value behind another's."""
    filled = [column for column, tokens in enumerate(record) if tokens]
    if len(filled) < 2:
        return None
    moved, target = random.sample(filled, 2)
    record[target] += record[moved]
    record[moved] = []
    return record


_CHANGES: Mapping[Operator, Callable[[Values, Random], Values | None]] = {
    "del": _delete_span,
    "swap": _swap_tokens,
    "drop_token": _drop_tokens,
    "drop_col": _drop_column,
    "append_col": _append_column,
}


def _draw_column(record: Values, random: Random, least: int) -> int | None:
    """Draw a column with at least so many tokens, each token alike; None where there is none."""
    tokens = [column for column, values in enumerate(record) for _ in values if len(values) >= least]
    return random.choice(tokens) if tokens else None


def _draw_span(n: int, random: Random, least: int, most: int) -> tuple[int, int]:
    """Draw where a span of so many of n tokens starts and ends."""
    length = random.randint(least, min(most, n))
    start = random.randint(0, n - length)
    return start, start + length
