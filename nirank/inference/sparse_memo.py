"""Sparse vectors in a memo: rows are of one width, so a text's terms are kept as numbered parts of 32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Keys, Memo, Rows, derive_part_keys

Terms = tuple[NDArray[np.int32], NDArray[np.float32], int]  # ascending term ids, their weights, the text's tokens

_TERMS = 32  # of a part
PART = np.dtype([("tokens", "<u4"), ("terms", "<u4"), ("id", "<i4", (_TERMS,)), ("weight", "<f4", (_TERMS,))])


class SparseMemo:
    """A memo whose rows are `Terms`; the first part of each says how many terms there are."""

    def __init__(self, parts: Memo) -> None:
        self._parts = parts
        self._parts_a_text = 1.0

    @property
    def name(self) -> str:
        """That of the memo of parts."""
        return self._parts.name

    @property
    def rate(self) -> float | None:
        """Seconds that computing one of the rows took, on average."""
        return None if self._parts.rate is None else self._parts.rate * self._parts_a_text

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which texts have all their parts, (n,), and the terms of those."""
        present, first = self._parts.get(derive_part_keys(keys, np.zeros(len(keys), np.int64)))
        more = np.maximum(-(-first["terms"].astype(np.int64) // _TERMS), 1) - 1
        text = np.repeat(np.arange(len(first)), more)
        number = np.arange(len(text)) - np.repeat(np.cumsum(more) - more, more) + 1
        has_part, rest = self._parts.get(derive_part_keys(keys[present][text], number))
        n_parts = np.bincount(text[has_part], minlength=len(first))
        complete = n_parts == more
        present[present] = complete
        rows = np.empty(int(complete.sum()), object)
        starts = np.concatenate(([0], np.cumsum(n_parts)))
        for at, row in enumerate(np.flatnonzero(complete).tolist()):
            parts = np.concatenate((first[row : row + 1], rest[starts[row] : starts[row + 1]]))
            n = int(first["terms"][row])
            rows[at] = (parts["id"].ravel()[:n], parts["weight"].ravel()[:n], int(first["tokens"][row]))
        if len(first):
            self._parts_a_text = 1.0 + float(more.mean())
        return present, rows

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Keep the terms of texts; return those that are kept from now on."""
        counts = np.array([max(-(-len(ids) // _TERMS), 1) for ids, _, _ in rows], np.int64)
        text = np.repeat(np.arange(len(rows)), counts)
        number = np.arange(len(text)) - np.repeat(np.cumsum(counts) - counts, counts)
        parts = np.zeros(len(text), PART)
        for start, (ids, weights, tokens) in zip((np.cumsum(counts) - counts).tolist(), rows, strict=True):
            text_parts = parts[start : start + max(-(-len(ids) // _TERMS), 1)]
            text_parts["tokens"], text_parts["terms"] = tokens, len(ids)
            padded = np.zeros(text_parts["id"].size, np.int32), np.zeros(text_parts["id"].size, np.float32)
            padded[0][: len(ids)], padded[1][: len(ids)] = ids, weights
            text_parts["id"], text_parts["weight"] = (values.reshape(-1, _TERMS) for values in padded)
        self._parts.put(derive_part_keys(keys[text], number), parts, seconds)
        present, stored = self.get(keys)
        rows = rows.copy()
        rows[present] = stored
        return rows
