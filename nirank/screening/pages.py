"""The pages of a review: what a request asks for, and what comes back."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from nirank.screening.decision_log import ANSWERS, Answer
from nirank.screening.page_views import (
    ANSWER_NAMES,
    PAGE_LENGTH,
    RecordView,
    describe_outcome,
    list_records,
    name_record,
    view_record,
)
from nirank.screening.progress import measure_progress
from nirank.screening.refitting import Learner
from nirank.screening.review_queue import ReviewQueue

_MAX_NAME = 100  # characters of a reviewer's name
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """What is sent back."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = _HTML
    headers: Mapping[str, str] = field(default_factory=dict)


class ReviewPages:
    """Makes pages of a review, and takes its forms.

    question  words of the question, with their places in it
    export    makes the file of a format, 'ris' or 'csv': records, decisions and order as they stand
    key       stands in every form: what is sent without it was made elsewhere
    """

    def __init__(
        self, queue: ReviewQueue, learner: Learner, question: Mapping[str, int], export: Callable[[str], bytes]
    ) -> None:
        import jinja2

        self._queue, self._learner, self._question, self._export = queue, learner, question, export
        self._project = queue.project
        self.key = hmac.new(self._project.secret, b"form", hashlib.sha256).hexdigest()[:32]
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        self._template = environment.from_string(
            files("nirank.screening").joinpath("page.html").read_text(encoding="utf-8")
        )

    def get(self, path: str, parameters: Mapping[str, str], nonce: str) -> Reply:
        """Answer a GET request."""
        reviewer = _read_name(parameters)
        if path == "/":
            return self._show_next(reviewer, parameters, nonce)
        if path == "/record":
            return self._show_record(reviewer, parameters, nonce)
        if path == "/decisions":
            return self._show_list(reviewer, parameters, nonce)
        if path in ("/export.ris", "/export.csv"):
            return self._send_export(path.removeprefix("/export."))
        return self.refuse(HTTPStatus.NOT_FOUND, "there is no such page", nonce)

    def post(self, path: str, form: Mapping[str, str], nonce: str) -> Reply:
        """Answer a form; what it did is on disk before the reply leads to the next page."""
        reviewer, token, row = _read_name(form), form.get("token", ""), _read_number(form.get("record", ""))
        if path == "/answer":
            answer = next((name for name in ANSWERS if name == form.get("answer")), None)
            if answer is None or row is None:
                return self.refuse(HTTPStatus.BAD_REQUEST, "a form without a record or a decision", nonce)
            return self._take_answer(reviewer, row, answer, token)
        if path == "/undo":
            outcome, entry = self._queue.undo(reviewer, token)
            return self._lead_on(reviewer, outcome, None if entry is None else entry.number)
        if path == "/take-over" and row is not None:
            self._queue.take_over(reviewer, row)
            return self._lead_on(reviewer)
        return self.refuse(HTTPStatus.NOT_FOUND, "there is no such form", nonce)

    def refuse(self, status: HTTPStatus, sentence: str, nonce: str) -> Reply:
        """Return a page that says why there is no other."""
        return self._render(nonce, "", "Mistake", heading=status.phrase, sentence=sentence, status=status)

    def _take_answer(self, reviewer: str, row: int, answer: Answer, token: str) -> Reply:
        outcome, entry = self._queue.answer(reviewer, row, answer, token)
        return self._lead_on(reviewer, outcome, None if entry is None else entry.number)

    def _lead_on(self, reviewer: str, outcome: str = "", number: int | None = None) -> Reply:
        parameters = {"reviewer": reviewer, "outcome": outcome, "entry": "" if number is None else str(number)}
        query = urlencode({name: value for name, value in parameters.items() if value}, errors="replace")
        return Reply(HTTPStatus.SEE_OTHER, headers={"Location": f"/?{query}" if query else "/"})

    def _show_next(self, reviewer: str, parameters: Mapping[str, str], nonce: str) -> Reply:
        showing = self._queue.show(reviewer)
        records = self._project.file.records
        record = None if showing.record is None else self._view(showing.record, showing.token)
        held = [(row, name_record(records[row]), name or "the only reviewer") for name, row in showing.held]
        heading = "All records are decided" if record is None else name_record(records[record.row])
        return self._render(
            nonce, reviewer, "Screen", heading=heading, shown=record, held=held, notice=self._say_outcome(parameters)
        )

    def _show_record(self, reviewer: str, parameters: Mapping[str, str], nonce: str) -> Reply:
        number = _read_number(parameters.get("number", ""))
        if number is None or not 1 <= number <= len(self._project.file.records):
            return self.refuse(HTTPStatus.NOT_FOUND, "there is no such record", nonce)
        row = number - 1
        record = self._view(row, self._queue.make_token(reviewer, row))
        return self._render(
            nonce, reviewer, "Record", heading=name_record(self._project.file.records[row]), shown=record
        )

    def _show_list(self, reviewer: str, parameters: Mapping[str, str], nonce: str) -> Reply:
        sought, chosen = parameters.get("title", "")[:500], parameters.get("answer", "any")
        chosen = chosen if chosen in ANSWER_NAMES else "any"
        records = self._project.file.records
        lines = self._queue.read(
            lambda state: list_records(records, state, title=sought, answer=chosen, reviewer=reviewer)
        )
        start = min(_read_number(parameters.get("from", "")) or 0, len(lines))
        asked = {"title": sought, "answer": chosen, "reviewer": reviewer}

        def link(at: int) -> str:
            return f"/decisions?{urlencode({**asked, 'from': at}, errors='replace')}"

        shown = lines[start : start + PAGE_LENGTH]
        sentence = f"{len(lines):,} records" + (f", {start + 1:,} to {start + len(shown):,} shown" if shown else "")
        return self._render(
            nonce,
            reviewer,
            "Decisions",
            heading="Records and decisions",
            sought=sought,
            chosen=chosen,
            answer_names=ANSWER_NAMES,
            lines=shown,
            list_sentence=sentence,
            earlier=link(max(start - PAGE_LENGTH, 0)) if start else "",
            later=link(start + PAGE_LENGTH) if start + PAGE_LENGTH < len(lines) else "",
        )

    def _send_export(self, form: str) -> Reply:
        body = self._export(form)
        kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-research-info-systems"
        return Reply(HTTPStatus.OK, body, kind, {"Content-Disposition": f'attachment; filename="decisions.{form}"'})

    def _view(self, row: int, token: str) -> RecordView:
        entry = self._queue.read(lambda state: state.find_answer(row))
        record = self._project.file.records[row]
        return view_record(row, record, token, self._question, self._learner.latest.words, entry)

    def _say_outcome(self, parameters: Mapping[str, str]) -> str:
        outcome, number = parameters.get("outcome", ""), _read_number(parameters.get("entry", ""))
        if not outcome:
            return ""
        entry = self._queue.read(lambda state: None if number is None else state.get_entry(number))
        return describe_outcome(outcome, entry, self._project.file.records)

    def _render(
        self, nonce: str, reviewer: str, page: str, *, heading: str, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> Reply:
        learnt = self._learner.latest
        progress = self._queue.read(measure_progress)
        n_labels = self._queue.read(lambda state: len(state.collect_labels()[0]))
        mine = f"?{urlencode({'reviewer': reviewer}, errors='replace')}" if reviewer else ""
        text = self._template.render(
            nonce=nonce,
            key=self.key,
            reviewer=reviewer,
            page=page,
            pages=[("Screen", f"/{mine}"), ("Decisions", f"/decisions{mine}")],
            heading=heading,
            question=self._project.plan.question,
            source=self._project.file.path.name,
            undo_token=self._queue.make_undo_token(reviewer),
            progress=progress,
            order_sentence=_describe_order(learnt.n_known, n_labels, learnt.mistake, bool(self._project.plan.question)),
            evidence=learnt.evidence,
            evidence_sentence=_describe_evidence(learnt.n_judged, bool(learnt.evidence)),
            learnt=learnt.words,
            **values,
        )
        return Reply(status, text.encode("utf-8", "replace"))


def _describe_order(n_known: int, n_labels: int, mistake: str, has_question: bool) -> str:
    beginning = "the order of the question" if has_question else "the file's order"
    order = f"the order that knew {n_known:,} decisions" if n_known else beginning
    if mistake:
        return f"Records come in {order}: a newer one could not be made ({mistake})."
    if n_known == n_labels:
        return f"Records come in {order}."
    return f"Records come in {order}; one that knows all {n_labels:,} is being made."


def _describe_evidence(n_judged: int, has_any: bool) -> str:
    if not has_any:
        return "Stopping rules answer as soon as decisions have been learnt from."
    return f"What stopping rules say after {n_judged:,} records read:"


def _read_name(parameters: Mapping[str, str]) -> str:
    """Return a reviewer's name: printable, of bounded length, "" for none."""
    name = "".join(sign for sign in parameters.get("reviewer", "") if sign.isprintable())
    return " ".join(name.split())[:_MAX_NAME]


def _read_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None
