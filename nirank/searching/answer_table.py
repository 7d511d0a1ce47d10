"""Answers as text for a terminal, in a hundred columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import zip_longest

from nirank.results.query_detail import DocumentDetail
from nirank.searching.answer import Answer, StageTrace

WIDTH = 100
_ID = 18  # columns of an id at most,
_MOVE = 30  # and of how a document moved
_TERMS = 6  # of a stage that are shown


def format_answer(answer: Answer) -> str:
    """Return an answer as a table, and a line for each stage."""
    lines = [_fit(f"{answer.system} on {answer.collection}: {_flatten(answer.query)}", WIDTH), ""]
    lines += _list_documents(answer) if answer.documents else ["no document"]
    return "\n".join(line.rstrip() for line in [*lines, "", *_list_stages(answer)])


def format_answers(first: Answer, second: Answer) -> str:
    """Return two answers side by side; beside each rank is that in the other list, '–' where it is not among them."""
    half = (WIDTH - 3) // 2
    lines = [_fit(_flatten(first.query), WIDTH), "", _join(_flatten(first.system), _flatten(second.system), half)]
    sides = [list(_list_beside(*pair, half)) for pair in ((first, second), (second, first))]
    lines += [_join(left, right, half) for left, right in zip_longest(*sides, fillvalue="")]
    shared = {document.id for document in first.documents} & {document.id for document in second.documents}
    lines += ["", f"{len(shared)} in both lists"]
    for answer in (first, second):
        lines += ["", _fit(_flatten(answer.system), WIDTH), *_list_stages(answer)]
    return "\n".join(line.rstrip() for line in lines)


def _list_documents(answer: Answer) -> Iterator[str]:
    moves = [answer.describe_move(at) for at in range(len(answer.documents))]
    scores = [f"{score:.4f}" for score in answer.scores]
    id_width = min(max(_measure(document.id) for document in answer.documents), _ID)
    score_width = max(map(len, scores))
    move_width = min(max(map(_measure, moves)), _MOVE)
    text_width = WIDTH - 4 - id_width - score_width - move_width - (7 if move_width else 5)
    for rank, (document, score, move) in enumerate(zip(answer.documents, scores, moves, strict=True), 1):
        cells = (
            f"{rank:>4}",
            _pad(_flatten(document.id), id_width),
            _pad(_show(document), text_width),
            f"{score:>{score_width}}",
            _shorten_move(move, move_width),
        )
        yield " ".join(cells[:2]) + "  " + "  ".join(cells[2:])


def _list_beside(answer: Answer, other: Answer, width: int) -> Iterator[str]:
    ranks = {document.id: rank for rank, document in enumerate(other.documents, 1)}
    for rank, document in enumerate(answer.documents, 1):
        start = f"{rank:>3} ({ranks.get(document.id, '–')})"
        yield _fit(f"{start:<9}{_flatten(document.id)}  {_show(document)}", width)


def _list_stages(answer: Answer) -> Iterator[str]:
    width = max(len("in all"), *(_measure(trace.stage) for trace in answer.trace))
    for trace in answer.trace:
        start = f"{_pad(trace.stage, width)}  {_count(trace):>16}  {trace.ms:>8.1f} ms"
        yield _fit(f"{start}  {_explain(trace)}", WIDTH)
    loaded = f"  and {answer.loading_ms / 1000:.1f} s to load what it needs" if answer.loading_ms >= 100 else ""
    yield f"{_pad('in all', width)}  {answer.found:>16,}  {answer.ms:>8.1f} ms{loaded}"


def _count(trace: StageTrace) -> str:
    if trace.candidates_out is None:
        return ""
    return ("" if trace.candidates_in is None else f"{trace.candidates_in:,} → ") + f"{trace.candidates_out:,}"


def _explain(trace: StageTrace) -> str:
    if trace.terms:
        rarest = sorted(trace.terms, key=lambda term: -term.idf)[:_TERMS]
        return ", ".join(f"{term.term} {term.idf:.1f}" if term.documents else f"{term.term} –" for term in rarest)
    return _flatten(trace.text or "")


def _show(document: DocumentDetail) -> str:
    return _flatten(document.title or document.text) or "(no text)"


def _shorten_move(move: str, width: int) -> str:
    """Return a move that fits: of many lists the last ones."""
    while _measure(move) > width and ", " in move:
        move = "… " + move.split(", ", 1)[1]
    return _fit(move, width)


def _join(left: str, right: str, half: int) -> str:
    return f"{_pad(left, half)} │ {_fit(right, half)}"


def _flatten(text: str) -> str:
    """Return a text on one line; characters that a terminal would obey are left out."""
    return " ".join("".join(c for c in text[:400] if c.isspace() or unicodedata.category(c)[0] != "C").split())


def _measure(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _fit(text: str, width: int) -> str:
    """Cut a text to a number of columns."""
    if _measure(text) <= width:
        return text
    while text and _measure(text) > width - 1:
        text = text[: min(len(text) - 1, width - 1)]
    return text + "…"


def _pad(text: str, width: int) -> str:
    text = _fit(text, width)
    return text + " " * (width - _measure(text))
