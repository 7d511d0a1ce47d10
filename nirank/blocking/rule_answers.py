"""What a matching rule answers for pairs of rows of two sides, a block of records in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.walk import walk
from nirank.blocking.rules import Function, Record, Rule, apply_rule
from nirank.collections.text_fields import METADATA
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts

Rows = NDArray[np.int64]
BLOCK = 4096  # pairs whose records are in memory at a time


def answer_pairs(rule: Rule, queries: Texts, docs: Texts, q: Rows, d: Rows) -> NDArray[np.int8]:
    """Return MATCH, NON_MATCH or UNKNOWN for each pair of rows, (n,) int8."""
    # what a user's function reads nobody knows
    columns = None if any(isinstance(part, Function) for part in walk(rule)) else rule.columns()
    answers = np.empty(len(q), np.int8)
    for start in range(0, len(q), BLOCK):
        block = slice(start, start + BLOCK)
        records = (_read_records(texts, columns, rows[block]) for texts, rows in ((queries, q), (docs, d)))
        answers[block] = apply_rule(rule, *records)
    return answers


def _read_records(texts: Texts, columns: Sequence[str] | None, rows: Rows) -> list[Record]:
    """Return the records of some rows as mappings, one a row; columns None: all that the side has."""
    names = [name for name in texts.columns if name != METADATA] if columns is None else list(columns)
    distinct, place = np.unique(rows, return_inverse=True)
    cells = [list(texts.read(TextView(name), distinct)) for name in names]
    records: list[Record] = [dict(zip(names, values, strict=True)) for values in zip(*cells, strict=True)]
    return [records[at] for at in place] if names else [{} for _ in place]
