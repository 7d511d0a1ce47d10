"""Sparse vectors in a memo: a text's terms are kept in parts of 32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Rows
from nirank.base.parted_memo import PartedMemo

Terms = tuple[NDArray[np.int32], NDArray[np.float32], int]  # ascending term ids, their weights, the text's tokens

_TERMS = 32  # of a part
PART = np.dtype([("tokens", "<u4"), ("terms", "<u4"), ("id", "<i4", (_TERMS,)), ("weight", "<f4", (_TERMS,))])


class SparseMemo(PartedMemo):
    """A memo whose rows are `Terms`."""

    part, length, width = PART, "terms", _TERMS

    def split(self, value: Terms) -> Rows:
        ids, weights, tokens = value
        parts = np.zeros(self.count_parts(len(ids)), PART)
        parts["tokens"], parts["terms"] = tokens, len(ids)
        for name, values in (("id", ids), ("weight", weights)):
            padded = np.zeros(parts[name].size, parts[name].dtype)
            padded[: len(values)] = values
            parts[name] = padded.reshape(-1, _TERMS)
        return parts

    def join(self, parts: Rows) -> Terms:
        n = int(parts["terms"][0])
        return parts["id"].ravel()[:n], parts["weight"].ravel()[:n], int(parts["tokens"][0])
