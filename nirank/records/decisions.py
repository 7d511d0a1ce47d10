"""Decisions of reviewers by the conventions of the tools that wrote them, and what several of them come to.

In notes: ASReview's `ASReview_relevant`, Rayyan's `RAYYAN-INCLUSION: {"Ana"=>"Included"}`, Covidence's
`Exclusion reason: …`, nirank's own `nirank_decision: maybe`. ASReview's is a label where it is a sentence of its
own; a note that only holds the word (`"ASReview_relevant is a word here"`) is none, and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from nirank.records.record import Decision, Verdict

RAYYAN_MARK = "RAYYAN-INCLUSION"
UNCLEAR_MARK = "notes that hold 'ASReview_' inside a sentence, not taken for a decision"

# A sentence of its own: from the beginning, a full stop, a bar or a line, to the next of these.
_ASREVIEW = re.compile(
    r"(?:(?<=[.;|\n>])|^)\s*ASReview_(relevant|irrelevant|not_seen|prior)\s*(?=[.;|\n<]|$)", re.IGNORECASE
)
_RAYYAN = re.compile(RAYYAN_MARK + r":\s*\{(.*?)\}(?=\s*(?:\||$|\n)|\s)", re.DOTALL)
_RAYYAN_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"\s*=>\s*"([^"]*)"')
_RAYYAN_REASONS = re.compile(r"RAYYAN-EXCLUSION-REASONS:\s*([^|\n]*)")
_COVIDENCE = re.compile(r"(?:^|[;\n]\s*)Exclusion reason:\s*([^;\n]*)", re.IGNORECASE)
_NIRANK = re.compile(r"(?:^|\n)\s*nirank_decision:\s*(\w+)\s*(?=\n|$)")

# ASReview has no word for what is undecided.
ASREVIEW_MARKS: dict[Verdict, str] = {
    "included": "ASReview_relevant",
    "excluded": "ASReview_irrelevant",
    "maybe": "ASReview_not_seen",
    "not_seen": "ASReview_not_seen",
}
_VERDICTS: dict[str, Verdict] = {
    "relevant": "included",
    "irrelevant": "excluded",
    "not_seen": "not_seen",
}
_WORDS: dict[str, Verdict] = {
    **dict.fromkeys(("1", "1.0", "yes", "y", "true", "include", "included", "relevant"), "included"),
    **dict.fromkeys(("accept", "accepted", "in"), "included"),
    **dict.fromkeys(("0", "0.0", "no", "n", "false", "exclude", "excluded", "irrelevant", "not relevant"), "excluded"),
    **dict.fromkeys(("reject", "rejected", "not included", "out"), "excluded"),
    **dict.fromkeys(("maybe", "unsure", "unclear", "undecided", "uncertain"), "maybe"),
    **dict.fromkeys(("-1", "-1.0", "not_seen", "not seen", "unlabeled", "unlabelled"), "not_seen"),
}  # fmt: skip


def parse_verdict(text: str) -> Verdict | None:
    """Return what a word or number in a column of labels says, None where it is not known."""
    return _WORDS.get(text.strip().casefold())


def find_note_decisions(notes: Iterable[str], findings: Counter[str]) -> tuple[Decision, ...]:
    """Return the decisions in a record's notes; count notes that hold ASReview's word without saying it."""
    decisions: list[Decision] = []
    verdicts: list[Verdict] = []
    prior = False
    own: Verdict | None = None
    for note in notes:
        if "_" in note:
            if "asreview_" in note.casefold():
                marks = [match[1].lower() for match in _ASREVIEW.finditer(note)]
                findings[UNCLEAR_MARK] += not marks
                prior |= "prior" in marks
                verdicts += [_VERDICTS[mark] for mark in marks if mark != "prior"]
            match = _NIRANK.search(note)
            own = own if match is None else parse_verdict(match[1]) or own
        if RAYYAN_MARK in note:
            decisions += _read_rayyan(note, findings)
        if "xclusion reason:" in note:
            decisions += [Decision("excluded", reason=match[1].strip()) for match in _COVIDENCE.finditer(note)]
    if own is not None:  # the last word, written where the other notes say something else
        return (Decision(own, prior=prior),)
    return (*(Decision(verdict, prior=prior) for verdict in dict.fromkeys(verdicts)), *decisions)


def _read_rayyan(note: str, findings: Counter[str]) -> Iterable[Decision]:
    reasons = _RAYYAN_REASONS.search(note)
    reason = "" if reasons is None else reasons[1].strip()
    inclusion = _RAYYAN.search(note)
    if inclusion is None:
        findings["notes with RAYYAN-INCLUSION that cannot be read"] += 1
        return
    for name, word in _RAYYAN_PAIR.findall(inclusion[1]):
        verdict = parse_verdict(word)
        if verdict is None:
            findings[f"Rayyan's decision '{word}', which is not known"] += 1
        else:
            yield Decision(verdict, name.replace('\\"', '"'), reason=reason if verdict == "excluded" else "")


def combine_decisions(decisions: Sequence[Decision]) -> Verdict | None:
    """Return what a record's decisions come to; None where there are none.

    Included where anybody included it; else maybe where anybody was unsure; excluded where all who decided excluded it.
    """
    verdicts = {decision.verdict for decision in decisions}
    order: tuple[Verdict, ...] = ("included", "maybe", "excluded", "not_seen")
    return next((verdict for verdict in order if verdict in verdicts), None)


def are_in_conflict(decisions: Sequence[Decision]) -> bool:
    """Tell whether a record was both included and excluded."""
    return {"included", "excluded"} <= {decision.verdict for decision in decisions}


def has_label(note: str) -> bool:
    """Tell whether a note has ASReview's label in it."""
    return any(match[1].lower() != "prior" for match in _ASREVIEW.finditer(note))


def replace_label(note: str, verdict: Verdict) -> str:
    """Return a note in which ASReview's label, where it has one, is that of a verdict."""
    mark = ASREVIEW_MARKS[verdict]

    def replace(match: re.Match[str]) -> str:
        if match[1].lower() == "prior":
            return match[0]
        return f"{match[0][: match.start(1) - match.start() - len('ASReview_')]}{mark}"

    return _ASREVIEW.sub(replace, note)


def drop_own_decision(note: str) -> str:
    """Return a note without the line in which nirank wrote a decision."""
    return _NIRANK.sub("", note).removeprefix("\n") if "nirank_decision:" in note else note
