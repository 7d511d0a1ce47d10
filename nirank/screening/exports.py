"""The records of a review as a file: all that came in, with what has been decided and where each stands."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from nirank.feedback.policy import Rows
from nirank.records.decisions import combine_decisions
from nirank.records.files import write_record_file
from nirank.screening.decision_log import Entry
from nirank.screening.project import Project


def write_review(path: Path, project: Project, answered: Sequence[Entry], order: Rows) -> None:
    """Write all records in the order in which they were or will be judged; the format is that of the path's ending.

    answered  the entries that hold, in the order of judging
    order     of the records that have no answer, best first; those that it leaves out follow in the file's order

    As many records out as came in, the one on the screen included. Records keep the decisions they came with, unless
    the review has another; one that was put off is not seen.
    """
    answers = {entry.record: entry for entry in answered}
    waiting = [int(row) for row in order if int(row) not in answers and int(row) not in project.plan.known]
    n, first = len(project.file.records), [*answers, *waiting]
    rows = [*first, *sorted(set(range(n)) - set(first))]
    ranks = {row: str(rank) for rank, row in enumerate(rows, 1)}
    decided = {row: "included" if label else "excluded" for row, label in project.plan.known.items()}
    decided |= {row: "not_seen" if entry.answer == "skipped" else entry.answer for row, entry in answers.items()}
    added = {
        "rank": [ranks[row] for row in range(n)],
        "decided_by": [answers[row].reviewer if row in answers else "" for row in range(n)],
        "decided_at": [answers[row].at if row in answers else "" for row in range(n)],
    }
    added = {name: values for name, values in added.items() if any(values)}
    added["decision"] = [
        decided.get(row) or combine_decisions(record.decisions) or "not_seen"
        for row, record in enumerate(project.file.records)
    ]
    write_record_file(path, project.file, rows, added)


def make_review_file(project: Project, answered: Sequence[Entry], order: Rows, form: str) -> bytes:
    """Return the bytes of the file that `write_review` writes, 'ris' or 'csv'."""
    with tempfile.TemporaryDirectory(prefix="nirank-export-") as folder:
        path = Path(folder) / f"decisions.{form}"
        write_review(path, project, answered, order)
        return path.read_bytes()
