"""A review played again: labels are all known, and records are read as a policy would have shown them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nirank.errors import DataError, suggest
from nirank.evaluation.evaluate import evaluate
from nirank.feedback.policy import Labels, Review, Rows
from nirank.feedback.simulation import simulate
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.records.record import BibliographicRecord
from nirank.screening.question_ranking import RecordRanking
from nirank.stopping.outcomes import ReviewEnd, end_review
from nirank.stopping.rule import StoppingRule

_SHARES = (1, 2, 5, 10, 20, 30, 40, 50, 75, 100)  # of the records, in per cent
MEASURES = ("WSS@95", "WSS@100", "TNR@95", "last_rel", "ATD", "loss", "AP", "nDCG")


@dataclass(frozen=True)
class Simulation:
    """A simulated review; priors are in none of its figures.

    order   records in the order of reading, (n - priors,)
    labels  theirs
    curve   (per cent of the records read, records read, relevant ones found)
    ends    where each stopping rule ends the review
    """

    order: Rows
    labels: Labels
    n_priors: int
    curve: Sequence[tuple[int, int, int]]
    measures: Mapping[str, float | None]
    ends: Sequence[tuple[StoppingRule, ReviewEnd]]


def require_all_labels(records: Sequence[BibliographicRecord], labels: Mapping[int, int]) -> None:
    """Raise DataError unless every record is included or excluded, and some record is included."""
    missing = [row for row in range(len(records)) if row not in labels]
    if missing:
        record = records[missing[0]]
        raise DataError(
            f"--simulate: {len(missing):,} of {len(records):,} records are neither included nor excluded, the first is"
            f" record {record.number} (id '{record.id}'); expected a decision on each"
        )
    if not any(labels.values()):
        raise DataError("--simulate: no record is included, so there is nothing to find; expected at least one")


def simulate_review(labels: Labels, priors: Rows, review: Review, rules: Sequence[StoppingRule]) -> Simulation:
    """Read records batch by batch in the order in which a review proposes them.

    labels  of all records, (n,)
    priors  known before, in their order; they train the first model and are never shown
    """
    read = simulate(review, labels, priors)
    found = labels[read]
    ends = [(rule, end_review(rule, "review", found)) for rule in rules]
    return Simulation(read, found, len(priors), _measure_curve(found), _compute_measures(found), ends)


def find_rows(records: Sequence[BibliographicRecord], ids: Sequence[str]) -> list[int]:
    """Return the rows of records by id, in the order given; raise DataError for an id of none or of several."""
    rows = []
    for id in dict.fromkeys(ids):
        having = [row for row, record in enumerate(records) if record.id == id]
        if len(having) != 1:
            known = [record.id for record in records]
            what = f"{len(having)} records have the id" if having else "no record has the id"
            raise DataError(f"--prior: {what} '{id}'{'' if having else suggest(id, known)}")
        rows += having
    return rows


def rank_as_read(simulation: Simulation, priors: Rows, n: int) -> RecordRanking:
    """Return all records, priors first, in the order of reading; scores fall by one a record."""
    order = np.concatenate([priors, simulation.order])
    scores = np.empty(n)
    scores[order] = np.arange(n, 0, -1)
    return RecordRanking(order, scores)


def _measure_curve(labels: Labels) -> list[tuple[int, int, int]]:
    n = len(labels)
    n_read = [-(-share * n // 100) for share in _SHARES]
    return [(share, at, int(labels[:at].sum())) for share, at in zip(_SHARES, n_read, strict=True)]


def _compute_measures(labels: Labels) -> dict[str, float | None]:
    """Return the measures of a table, as it has them of a ranking; None where no record is relevant."""
    if not labels.any():
        return dict.fromkeys(MEASURES)
    ids = Ids.of(f"{at:09d}" for at in range(len(labels)))
    scores = {f"{at:09d}": float(-at) for at in range(len(labels))}
    queries = Ids.of(["review"])
    ranking = Ranking.from_dict({"review": scores}, queries, ids)
    judged = {f"{at:09d}": int(label) for at, label in enumerate(labels.tolist())}
    qrels = Qrels.from_dict({"review": judged}, queries, ids)
    means = evaluate(ranking, qrels, MEASURES).means
    return {name: means.get(name) for name in MEASURES}
