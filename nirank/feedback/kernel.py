"""Inner products of documents with a few of them, the judged ones, whose number grows."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.feedback.policy import Features, Rows, Scores

Vector = NDArray[np.float64]


class Kernel:
    """K = X Xᵀ + 1 1ᵀ over all documents.

    Terms that one document alone has count in its product with itself, and are in no other: they are summed once and
    left out, and the others are sorted by frequency, so that what is read most lies together.
    """

    def __init__(self, features: Features) -> None:
        from scipy.sparse import csr_matrix

        matrix = csr_matrix(features, dtype=np.float64)
        df = np.bincount(matrix.indices, minlength=matrix.shape[1])
        single = df[matrix.indices] < 2
        documents = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        self._own = np.bincount(documents[single], matrix.data[single] ** 2, minlength=matrix.shape[0])
        places = np.empty(len(df), np.int32)
        places[np.argsort(-df, kind="stable")] = np.arange(len(df))
        offsets = np.append(0, np.cumsum(np.bincount(documents[~single], minlength=matrix.shape[0])))
        self._rows = (offsets, places[matrix.indices[~single]], matrix.data[~single])
        self._weights = np.zeros(int((df > 1).sum()))
        self._kept = np.zeros(0, np.int64)
        self._products = np.zeros((0, 0))

    def score(self, rows: Rows, factors: Vector) -> Scores:
        """Return Σ_j K_ij f_j over some rows j, for every document i."""
        scores = self._multiply(np.arange(len(self._own)), rows, factors)
        np.add.at(scores, rows, self._own[rows] * factors)
        return scores

    def multiply_pairs(self, rows: Rows) -> NDArray[np.float64]:
        """Return K over a few rows, (n, n); the first ones in common with the last call are not computed again."""
        common = min(len(rows), len(self._kept))
        same = rows[:common] == self._kept[:common]
        known = common if same.all() else int(np.argmin(same))
        if len(self._products) < len(rows):
            grown = np.zeros((2 * len(rows) + 64,) * 2)
            grown[:known, :known] = self._products[:known, :known]
            self._products = grown
        for at in range(known, len(rows)):
            products = self._multiply(rows[: at + 1], rows[at : at + 1], np.ones(1))
            products[at] += self._own[rows[at]]
            self._products[at, : at + 1] = self._products[: at + 1, at] = products
        self._kept = rows.copy()
        return self._products[: len(rows), : len(rows)]

    def multiply(self, rows: Rows, factors: Vector) -> Vector:
        """Return K f over some rows, (n,)."""
        product = self._multiply(rows, rows, factors)
        product += self._own[rows] * factors
        return product

    def _multiply(self, rows: Rows, others: Rows, factors: Vector) -> Vector:
        """Return for each row Σ_j (x·x_j + 1) f_j over others, without what a row's own terms add."""
        add, multiply = _open_loops()
        self._weights[:] = 0
        add(*self._rows, others, factors, self._weights)
        products = np.empty(len(rows))
        multiply(*self._rows, rows, self._weights, products)
        products += factors.sum()
        return products


@cache
def _open_loops() -> tuple[Any, Any]:
    return compile_loop(_add_rows), compile_loop(_multiply_rows)


def _add_rows(offsets: Any, columns: Any, values: Any, rows: Any, factors: Any, total: Any) -> None:
    for i in range(len(rows)):
        factor = factors[i]
        if factor != 0:
            for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
                total[columns[at]] += factor * values[at]


def _multiply_rows(offsets: Any, columns: Any, values: Any, rows: Any, vector: Any, products: Any) -> None:
    for i in range(len(rows)):
        product = 0.0
        for at in range(offsets[rows[i]], offsets[rows[i] + 1]):
            product += values[at] * vector[columns[at]]
        products[i] = product
