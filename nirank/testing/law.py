"""How a broken law is told, and when two lists are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.stage import Stage
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking

TOLERANCE = 1e-5


def demand(holds: bool, stage: Stage, law: str, what: str) -> None:
    """Raise AssertionError, one sentence, unless the law holds."""
    if not holds:
        raise AssertionError(f"{stage!r}: {law}: {what}")


@contextmanager
def run_law(stage: Stage, law: str) -> Iterator[None]:
    """Run what a law runs; whatever is raised breaks that law."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{stage!r}: {law}: raised {type(error).__name__}: {error}") from error


def copy_arrays(pairs: Pairs) -> tuple[Any, ...]:
    """Return copies of what a list holds, to see later whether it was changed."""
    scores = pairs.scores.copy() if isinstance(pairs, Ranking) else None
    return pairs.offsets.copy(), np.array(pairs.rows), scores


def take_queries(pairs: Pairs, rows: NDArray[np.int64], part: Texts) -> Pairs:
    """Return the lists of some queries."""
    if isinstance(pairs, Ranking):
        return pairs.take(rows, part.ids)
    documents = {pairs.queries[row]: pairs.docs.take(pairs.get_rows(row)) for row in rows.tolist()}
    return Pairs.from_ids(part.ids, pairs.docs, documents, source="check")


def demand_same(wanted: Pairs, got: Pairs, stage: Stage, law: str, what: str) -> None:
    """Raise unless two lists are the same: in scores to 1e-5, in documents but for such ties at the end."""
    if not isinstance(wanted, Ranking) or not isinstance(got, Ranking):
        demand(wanted.drop_scores() == got.drop_scores(), stage, law, what)
        return
    for query, (wanted_scores, got_scores) in enumerate(
        zip(wanted.to_dict().values(), got.to_dict().values(), strict=True)
    ):
        message = f"{what} (query '{wanted.queries[query]}': {wanted_scores} and {got_scores})"
        values, other_values = np.array(list(wanted_scores.values())), np.array(list(got_scores.values()))
        close = values.shape == other_values.shape and np.allclose(values, other_values, rtol=TOLERANCE, atol=TOLERANCE)
        demand(close, stage, law, message)
        for doc in wanted_scores.keys() | got_scores.keys():
            score = wanted_scores.get(doc, values[-1])
            demand(
                bool(np.isclose(score, got_scores.get(doc, values[-1]), rtol=TOLERANCE, atol=TOLERANCE)),
                stage,
                law,
                message,
            )
