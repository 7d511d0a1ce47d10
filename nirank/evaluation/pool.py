"""The pool: what each query's ranking could hold, which screening measures count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope


@dataclass(frozen=True)
class Pool:
    """The documents that may be returned to each query.

    sizes   (n_queries,) int64, how many
    judged  (n_judgements,) bool, which judged documents are among them
    """

    sizes: NDArray[np.int64]
    judged: NDArray[np.bool_]

    @classmethod
    def of(cls, qrels: Qrels, scope: Scope | None) -> Pool:
        """Return what a scope allows; None: the whole corpus."""
        if scope is None:
            return cls(np.full(len(qrels.queries), len(qrels.docs)), qrels.rows >= 0)
        return cls(scope.count_rows(), find_reachable(qrels, scope))


def find_reachable(qrels: Qrels, scope: Scope | None) -> NDArray[np.bool_]:
    """Tell which judged documents are in the corpus, and in their query's scope, (n_judgements,) bool."""
    reached = qrels.rows >= 0
    if scope is not None:
        reached[reached] = scope.allows(qrels.query_rows[reached], qrels.rows[reached])
    return reached
