"""What nirank adds to records (rank, score, decision …) as notes, in forms that have no columns.

`nirank_rank: 1` is a note that reference managers keep and show. Decisions are ASReview's labels, so that ASReview
reads them; `nirank_decision: maybe` stands beside where its labels cannot say it, or other notes say something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nirank.errors import DataError
from nirank.records.decisions import (
    ASREVIEW_MARKS,
    combine_decisions,
    drop_own_decision,
    find_note_decisions,
    has_label,
    parse_verdict,
    replace_label,
)
from nirank.records.raw_records import parse_added
from nirank.records.record import Verdict

DECISION = "decision"


@dataclass(frozen=True)
class Annotation:
    """What one record gets.

    values    by name, without the decision
    decision  None: what the file says is left as it is
    """

    values: Mapping[str, str] = field(default_factory=dict)
    decision: Verdict | None = None

    def change_note(self, note: str) -> str | None:
        """Return an earlier note as it must be now; None where it goes."""
        earlier = parse_added(note)
        if earlier is not None and earlier[0] in self.values:
            return None
        if self.decision is None or ("_" not in note):
            return note
        changed = drop_own_decision(note)
        return replace_label(changed, self.decision) if changed.strip() else None

    def list_notes(self, notes: Sequence[str]) -> list[str]:
        """Return the notes to add to those that a record has, changed already."""
        added = [f"nirank_{name}: {' '.join(value.split())}" for name, value in self.values.items() if value]
        if self.decision is None:
            return added
        if not any(map(has_label, notes)):
            added.append(ASREVIEW_MARKS[self.decision])
        decisions = find_note_decisions([*notes, *added], Counter())
        if combine_decisions(decisions) != self.decision:
            added.append(f"nirank_decision: {self.decision}")
        return added


def make_annotations(added: Mapping[str, Sequence[str]], count: int) -> list[Annotation]:
    """Return what each record gets of the added columns; raise DataError for a column of another length."""
    for name, values in added.items():
        if len(values) != count:
            raise DataError(f"column '{name}' to be added has {len(values):,} values for {count:,} records")
    plain = {name: values for name, values in added.items() if name != DECISION}
    decisions = [parse_decision(value) for value in added[DECISION]] if DECISION in added else [None] * count
    return [
        Annotation({name: values[at] for name, values in plain.items()}, decision)
        for at, decision in enumerate(decisions)
    ]


def parse_decision(text: str) -> Verdict:
    """Return a decision that is to be written; blank is not seen. Raises DataError for another word."""
    if not text:
        return "not_seen"
    verdict = parse_verdict(text)
    if verdict is None:
        raise DataError(f"decision '{text}' cannot be written; expected included, excluded, maybe or not_seen")
    return verdict
