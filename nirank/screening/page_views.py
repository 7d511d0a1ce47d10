"""What the page shows of records and answers: words only, escaped by the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from nirank.records.record import BibliographicRecord, Fields
from nirank.screening.decision_log import Entry
from nirank.screening.review_state import ReviewState
from nirank.screening.words import Segment, collect_words, explain_record, mark_words

PAGE_LENGTH = 100  # lines of a list
ANSWER_NAMES = ("any", "included", "excluded", "maybe", "skipped", "known before", "none yet")
_MAX_NOTICE = 80  # characters of a title in a sentence


@dataclass(frozen=True)
class RecordView:
    """A record as it is shown, with the token that goes with an answer."""

    row: int
    token: str
    title: Sequence[Segment]
    abstract: Sequence[Segment]
    keywords: Sequence[Segment]
    origin: str
    fields: Fields
    why: str
    answer: str = ""
    answered_by: str = ""


@dataclass(frozen=True)
class ListLine:
    """One record in a list."""

    address: str
    title: str
    answer: str
    by: str = ""
    at: str = ""


def view_record(
    row: int,
    record: BibliographicRecord,
    token: str,
    question: Mapping[str, int],
    learnt: Mapping[str, float],
    entry: Entry | None,
) -> RecordView:
    """Return a record with its words marked."""
    origin = ", ".join(
        part
        for part in (
            "; ".join(record.authors),
            record.journal,
            record.date or ("" if record.year is None else str(record.year)),
            record.doi and f"doi:{record.doi}",
            record.pmid and f"PMID {record.pmid}",
            f"record {record.number}",
        )
        if part
    )
    why = explain_record(collect_words(record), question, learnt)
    return RecordView(
        row,
        token,
        mark_words(record.title.strip(), question, learnt),
        mark_words(record.abstract.strip(), question, learnt),
        mark_words("; ".join(record.keywords), question, learnt),
        origin,
        record.fields,
        why and f"Shares {why}.",
        "" if entry is None else entry.answer,
        "" if entry is None else entry.reviewer or "the only reviewer",
    )


def name_record(record: BibliographicRecord) -> str:
    """Return a record's title for a sentence."""
    title = " ".join(record.title.split()) or f"record {record.number}, which has no title"
    return title if len(title) <= _MAX_NOTICE else f"{title[: _MAX_NOTICE - 1]}…"


def list_records(
    records: Sequence[BibliographicRecord], state: ReviewState, *, title: str, answer: str, reviewer: str
) -> list[ListLine]:
    """Return the records whose title contains some words and which have an answer, the latest answers first."""
    sought = " ".join(title.lower().split())
    latest = sorted(state.list_answers(), key=lambda entry: -entry.number)
    answered = [entry.record for entry in latest]
    others = [row for row in range(len(records)) if state.find_answer(row) is None]
    lines = (_make_line(row, records[row], state, reviewer) for row in (*answered, *others))
    return [
        line
        for line in lines
        if (answer == "any" or line.answer == answer) and sought in " ".join(line.title.lower().split())
    ]


def _make_line(row: int, record: BibliographicRecord, state: ReviewState, reviewer: str) -> ListLine:
    address = f"/record?{urlencode({'number': row + 1, 'reviewer': reviewer}, errors='replace')}"
    title = record.title.strip() or f"(record {row + 1}, no title)"
    entry = state.find_answer(row)
    if entry is not None:
        return ListLine(address, title, entry.answer, entry.reviewer, entry.at[:16].replace("T", " ") + " UTC")
    if row in state.known:
        return ListLine(address, title, "known before", "", "included" if state.known[row] else "excluded")
    return ListLine(address, title, "none yet")


def describe_outcome(outcome: str, entry: Entry | None, records: Sequence[BibliographicRecord]) -> str:
    """Return what became of a form, in a sentence."""
    if outcome == "nothing":
        return "There is nothing to undo."
    if outcome == "elsewhere":
        return "That record is on another reviewer's screen; nothing was changed."
    if entry is None:
        return "That page was out of date; nothing was changed."
    title = name_record(records[entry.record])
    if outcome == "kept" and entry.answer == "undone":
        return f"Taken back: “{title}”."
    if outcome == "kept":
        return f"{entry.answer.capitalize()}: “{title}”."
    return f"“{title}” is {entry.answer} already; that page was out of date and nothing was changed."
