"""The linear support vector machine with squared hinge loss: scikit-learn's LinearSVC, to its optimum, and fast.

min over w, b of ½ ‖w‖² + ½ b² + Σ C_i max(0, 1 - y_i (w·x_i + b))². With I the documents inside the margin, the optimum
is w = Σ β_i x_i and b = Σ β_i over I, where

    (K + D) β = y,    K = X Xᵀ + 1 1ᵀ,    D_i = 1 / (2 C_i)

Newton's method finds I; conjugate gradients solve the system. Their preconditioner is exact for the relevant documents,
which are few and weigh most, and for the mean of the others: eight steps do where scikit-learn needs dozens of passes.

Keerthi and DeCoste, JMLR 6, 2005.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nirank.feedback.balance import weigh_classes
from nirank.feedback.kernel import Kernel
from nirank.feedback.policy import Features, Fit, Labels, Rows, Scores

Vector = NDArray[np.float64]
Operator = Callable[[Vector], Vector]

_TOLERANCE = 1e-8  # of each document's margin; LinearSVC stops at 1e-4
_NEWTON, _STEPS = 50, 1000  # reached only where rounding keeps them from the tolerance
_DENSE = 1024  # rows whose products with each other are kept; for more, going through their terms is faster
_BLOCK = 400  # relevant documents that the preconditioner solves exactly
_ANCHORS = 16  # a fit begins at a solution that lies at most a sixteenth of its documents back


class SquaredHingeModel:
    """Fits on rows of features again and again, and scores all rows.

    A fit begins at the solution for the first of its documents, a round number of them, which itself begins from
    nothing: so it takes half the time, and yet is a function of what is judged alone, to the last bit.
    """

    def __init__(self, features: Features, cost: float) -> None:
        self._kernel, self._cost = Kernel(features), cost
        self._anchor: tuple[bytes, Vector] = (b"", np.zeros(0))

    def score(self, rows: Rows, classes: Labels, balance: float | None, fit: Fit) -> tuple[Scores, float]:
        coefficients = self._fit(rows, classes, balance, self._find_start(rows, classes, balance, fit.batch))
        return self._kernel.score(rows, coefficients), 0.0

    def _find_start(self, rows: Rows, classes: Labels, balance: float | None, batch: int) -> Vector:
        start = np.zeros(len(rows))
        stride = 1 << max(len(rows) // _ANCHORS, 1).bit_length() - 1
        at = len(rows) // stride * stride
        if 2 * batch > stride or at == len(rows) or not 0 < classes[:at].sum() < at:
            return start
        key = rows[:at].tobytes() + classes[:at].tobytes()
        if self._anchor[0] != key:
            self._anchor = (key, self._fit(rows[:at], classes[:at], balance, start[:at].copy()))
        start[:at] = self._anchor[1]
        return start

    def _fit(self, rows: Rows, classes: Labels, balance: float | None, coefficients: Vector) -> Vector:
        """Return β of each row, 0 outside the margin."""
        weights = np.ones(len(rows)) if balance is None else weigh_classes(classes, balance)
        scale = np.sqrt(2 * self._cost * weights)  # D^-½
        signs = np.where(classes == 1, 1.0, -1.0)
        products = self._kernel.multiply_pairs(rows) if len(rows) <= _DENSE else None

        def multiply(vector: Vector) -> Vector:
            return self._kernel.multiply(rows, vector) if products is None else products @ vector

        known = int(np.max(np.flatnonzero(coefficients), initial=-1)) + 1
        inside = (coefficients != 0) | (np.arange(len(rows)) >= known)
        for _ in range(_NEWTON):
            coefficients = self._solve(
                rows, signs, inside * scale, np.where(inside, coefficients, 0), multiply, products
            )
            before = inside
            # At the solution β_i = C_i' × what is missing to the margin: those inside have a β of their sign.
            inside = inside & (signs * coefficients > 0)
            if not before.all():
                inside |= ~before & (signs * multiply(coefficients) < 1)
            if np.array_equal(before, inside):
                break
        return coefficients

    def _solve(
        self,
        rows: Rows,
        signs: Vector,
        scale: Vector,
        start: Vector,
        multiply: Operator,
        products: NDArray[np.float64] | None,
    ) -> Vector:
        """Return β by conjugate gradients, on D^-½ K D^-½ + 1; a scale of 0 is for rows outside the margin."""

        def apply(vector: Vector) -> Vector:
            image: Vector = vector + scale * multiply(scale * vector)
            return image

        tolerance = _TOLERANCE * scale
        solution = np.divide(start, scale, where=scale > 0, out=np.zeros(len(rows)))
        precondition = self._make_preconditioner(rows, signs, scale, apply, products)
        residual = scale * signs - apply(solution)
        improved = precondition(residual)
        direction, decrease = improved.copy(), residual @ improved
        for _ in range(_STEPS):
            if (np.abs(residual) <= tolerance).all():
                break
            image = apply(direction)
            length = decrease / (direction @ image)
            solution += length * direction
            residual -= length * image
            improved = precondition(residual)
            decrease, before = residual @ improved, decrease
            direction = improved + decrease / before * direction
        return solution * scale

    def _make_preconditioner(
        self, rows: Rows, signs: Vector, scale: Vector, apply: Operator, products: NDArray[np.float64] | None
    ) -> Operator:
        """Return what solves the system exactly on the relevant documents and on the mean of the others."""
        from scipy.linalg.lapack import dpotrf, dpotrs  # cho_solve takes longer to check than to solve

        block = np.flatnonzero(signs > 0)[:_BLOCK]
        mean = scale.copy()
        mean[block] = 0
        mean /= np.linalg.norm(mean) or 1.0
        image = apply(mean)
        of_block = self._kernel.multiply_pairs(rows[block]) if products is None else products[np.ix_(block, block)]
        small = np.empty((len(block) + 1, len(block) + 1))
        small[:-1, :-1] = scale[block, None] * of_block * scale[block] + np.eye(len(block))
        small[-1, :-1] = small[:-1, -1] = image[block]
        small[-1, -1] = mean @ image or 1.0
        factor, _ = dpotrf(small, lower=1)

        def precondition(residual: Vector) -> Vector:
            along = mean @ residual
            solved, _ = dpotrs(factor, np.append(residual[block], along), lower=1)
            improved: Vector = residual + (solved[-1] - along) * mean
            improved[block] = solved[:-1]
            return improved

        return precondition
