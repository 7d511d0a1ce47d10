"""A review whose answers are known: who would have been shown what, and when."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np

from nirank.feedback.policy import Labels, Review, Rows


def simulate(review: Review, labels: Labels, priors: Rows, journal: Path | None = None) -> Rows:
    """Return all documents but the priors in the order of judging.

    labels   of every document, (n,)
    priors   documents that are known before
    journal  a file that keeps what is judged, batch by batch, and is gone on with where it is there already
    """
    judged = np.concatenate((priors, _read_journal(journal, priors, len(labels))))
    with nullcontext() if journal is None else journal.open("ab", buffering=0) as file:
        while len(judged) < len(labels):
            proposal = review.propose(judged, labels[judged])
            batch = proposal.order[: proposal.batch]
            judged = np.concatenate((judged, batch))
            if file is not None:
                file.write(batch.astype("<i8").tobytes())
    return judged[len(priors) :]


def _read_journal(journal: Path | None, priors: Rows, n: int) -> Rows:
    """Return what was judged when the review was cut off; nothing where the file holds anything else."""
    nothing = np.zeros(0, np.int64)
    if journal is None or not journal.exists():
        return nothing
    content = journal.read_bytes()
    whole = content[: len(content) // 8 * 8]
    rows = np.frombuffer(whole, "<i8").astype(np.int64)
    distinct = np.unique(np.concatenate((priors, rows)))
    fits = len(distinct) == len(priors) + len(rows) and (not len(distinct) or (distinct[0] >= 0 and distinct[-1] < n))
    journal.write_bytes(whole if fits else b"")
    return rows if fits else nothing
