"""A law's tree as lines of text: numbers with what they number, notes apart, tables by rows, and where parts begin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PART_END = "\x1e"  # stands at the end of a part's last line; blank to whatever splits texts at blanks

# What an element is. `skip`: no text (metadata, contents); `note`: apart; `quote`: provisions of another act, which
# are text and no parts; `unit`: a numbered provision that is a part; `outer`: another part (preamble, annex, closing);
# `opener`: a number that begins a part by itself, where no element holds the part; `point`: stays in the line that is
# open; `block`: begins a line; `title`: the law's own.
Role = Literal[
    "skip", "note", "quote", "title", "number", "opener", "heading", "unit", "outer", "point", "row", "inline", "block"
]


class Grammar:
    """Which elements of a mark-up are what."""

    def find_role(self, element: Element) -> Role:
        """Return what an element is."""
        raise NotImplementedError

    def name_part(self, element: Element, number: str) -> str:
        """Return the id of a part by its mark-up, '' where that says none; `number` is the part's, if it has one."""
        raise NotImplementedError

    def write_number(self, element: Element) -> str:
        """Return a number as it is printed."""
        return join_text(element)


class Part(NamedTuple):
    """A part of a law.

    id       as the source numbers it: 'art_1'
    lines    those that are its own, as (first, end)
    is_bare  whether it is a numbered provision whose number and heading are all its text
    """

    id: str
    lines: tuple[int, int]
    is_bare: bool


@dataclass
class LawText:
    """What the walk over a law gives.

    lines    the text
    parts    in order, together all lines; empty where the law has no numbered provisions
    notes    texts of notes, in order
    numbers  of provisions, as they were written
    title    what the mark-up says is the title
    """

    lines: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    title: str = ""

    @property
    def text(self) -> str:
        """The lines, with `PART_END` between parts."""
        if not self.parts:
            return "\n".join(self.lines)
        return f"{PART_END}\n".join("\n".join(self.lines[slice(*part.lines)]) for part in self.parts)


def read_law_text(root: Element, grammar: Grammar) -> LawText:
    """Return a law's text, parts, notes and numbers."""
    walk = _Walk(grammar)
    walk.visit(root, in_unit=False, is_quoted=False, level="line")
    return walk.finish()


def join_text(element: Element) -> str:
    """Return all text of an element, with single blanks."""
    return " ".join("".join(element.itertext()).split())


def list_numbers(root: Element, grammar: Grammar) -> Iterator[str]:
    """Yield the numbers of all provisions that a law has in its mark-up, even where the walk passes them over."""
    role = grammar.find_role(root)
    if role in ("note", "title"):
        return
    if role in ("number", "opener") and (number := join_text(root)):
        yield number
        return
    for child in root:
        if isinstance(child.tag, str):
            yield from list_numbers(child, grammar)


def find_lost_numbers(root: Element, grammar: Grammar, text: str) -> list[str]:
    """Return the numbers of provisions that the text does not have, in the order of the source."""
    place, lost = 0, []
    for number in list_numbers(root, grammar):
        at = text.find(number, place)
        if at < 0:
            lost.append(number)
        else:
            place = at + len(number)
    return lost


_Level = Literal["line", "point", "row"]


class _Walk:
    """The walk; a line is written when the next one begins."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._law = LawText()
        self._is_body: list[bool] = []  # of each line, whether it is more than numbers and headings
        self._line: list[str] = []
        self._line_is_body = False
        self._follows_number = False  # what comes next stands beside a number
        self._breaks = False  # the next text begins a line
        self._begins: list[tuple[str, int, bool]] = []  # of parts: id, first line, whether it is a unit
        self._kept = 0  # headings from this line on may belong to the part that begins next

    def visit(self, element: Element, *, in_unit: bool, is_quoted: bool, level: _Level) -> None:
        role = self._grammar.find_role(element)
        if role == "skip":
            return
        if role == "note":
            if text := self._join_blocks(element):
                self._law.notes.append(text)
            return
        if role == "title" and not any(is_unit for _, _, is_unit in self._begins):
            self._law.title = f"{self._law.title} {self._join_blocks(element)}".strip()
            return
        if role in ("number", "opener"):
            self._write_number(element, begins=role == "opener" and not (in_unit or is_quoted), level=level)
        elif role in ("heading", "title"):
            self._write_heading(element, in_unit=in_unit, is_quoted=is_quoted, level=level)
        elif role in ("unit", "outer") and not in_unit and not is_quoted:
            self._begin_part(self._grammar.name_part(element, self._find_number(element)), is_unit=role == "unit")
            self._visit_children(element, in_unit=True, is_quoted=False, level="line")
            self._end_line()
            self._kept = len(self._law.lines)
        elif role == "inline":
            self._visit_children(element, in_unit=in_unit, is_quoted=is_quoted, level=level)
        else:
            self._visit_block(element, role, in_unit=in_unit, is_quoted=is_quoted or role == "quote", level=level)

    def _visit_block(self, element: Element, role: Role, *, in_unit: bool, is_quoted: bool, level: _Level) -> None:
        if role == "row":
            self._end_line()
            self._visit_children(element, in_unit=in_unit, is_quoted=is_quoted, level="row")
            self._end_line()
            return
        if role == "point":
            self._breaks, level = False, "point" if level == "line" else level
        self._separate(level)
        self._visit_children(element, in_unit=in_unit, is_quoted=is_quoted, level=level)
        self._separate(level)

    def _visit_children(self, element: Element, *, in_unit: bool, is_quoted: bool, level: _Level) -> None:
        self._add(element.text)
        for child in element:
            if isinstance(child.tag, str):  # no comment, no processing instruction
                self.visit(child, in_unit=in_unit, is_quoted=is_quoted, level=level)
            self._add(child.tail)

    def _join_blocks(self, element: Element) -> str:
        """Return all text of an element in one line, without notes, with a blank between blocks."""
        pieces: list[str] = []

        def collect(inner: Element) -> None:
            role = self._grammar.find_role(inner)
            if inner is element or role not in ("skip", "note"):
                edge = "" if role == "inline" else " "
                pieces.extend((edge, inner.text or ""))
                for child in inner:
                    if isinstance(child.tag, str):
                        collect(child)
                    pieces.append(child.tail or "")
                pieces.append(edge)

        collect(element)
        return " ".join("".join(pieces).split())

    def _separate(self, level: _Level) -> None:
        """Let the next text begin a line, or stand apart by a blank: beside a number, if that is no 'Article 1'."""
        self._line.append(" ")
        if level == "line" and not (self._follows_number and not self._law.numbers[-1][0].isalpha()):
            self._breaks = True

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if text.isspace():
            self._line.append(" ")
            return
        if self._breaks:
            self._end_line()
        self._line.append(text)
        self._line_is_body, self._follows_number = True, False

    def _write_number(self, element: Element, *, begins: bool, level: _Level) -> None:
        number = self._grammar.write_number(element)
        if not number:
            return
        if begins:
            self._begin_part(self._grammar.name_part(element, number), is_unit=True)
        elif self._breaks or (level == "line" and not self._follows_number):
            self._end_line()
        self._line.append(f" {number} ")
        self._law.numbers.append(number)
        self._follows_number = True

    def _write_heading(self, element: Element, *, in_unit: bool, is_quoted: bool, level: _Level) -> None:
        """Write a heading beside the number that it follows, else as a line of its own."""
        is_body = self._line_is_body
        if level == "line" and not (self._follows_number and not is_body):
            self._end_line()
            is_body = False
        self._breaks = False
        self._line.append(" ")
        self._visit_children(element, in_unit=in_unit, is_quoted=is_quoted, level="point")
        self._line.append(" ")
        self._line_is_body = is_body
        if level == "line":
            self._end_line()

    def _end_line(self) -> None:
        line = " ".join("".join(self._line).split())
        if line:
            self._law.lines.append(line)
            self._is_body.append(self._line_is_body)
        self._line, self._line_is_body, self._follows_number, self._breaks = [], False, False, False

    def _begin_part(self, id: str, *, is_unit: bool) -> None:
        """Begin a part with the headings before it that are of no part, such as a chapter's."""
        self._end_line()
        first = len(self._law.lines)
        while first > self._kept and not self._is_body[first - 1]:
            first -= 1
        self._begins.append((id, first, is_unit))
        self._kept = len(self._law.lines)

    def _find_number(self, element: Element) -> str:
        for child in element.iter():
            if isinstance(child.tag, str) and self._grammar.find_role(child) in ("number", "opener"):
                return join_text(child)
        return ""

    def finish(self) -> LawText:
        self._end_line()
        law = self._law
        if not any(is_unit for _, _, is_unit in self._begins):
            return law
        begins = self._begins
        if begins[0][1] > 0:
            begins = [("preamble", 0, False), *begins]
        ends = [*(first for _, first, _ in begins[1:]), len(law.lines)]
        taken: dict[str, int] = {}
        for at, ((id, first, is_unit), end) in enumerate(zip(begins, ends, strict=True), 1):
            if first == end:  # an element without text
                continue
            id = "_".join(id.split()) or f"part_{at}"
            taken[id] = taken.get(id, 0) + 1
            id = id if taken[id] == 1 else f"{id}~{taken[id]}"
            law.parts.append(Part(id, (first, end), is_unit and not any(self._is_body[first:end])))
        return law


def make_roles(names: Mapping[Role, str]) -> dict[str, Role]:
    """Return the role of each element, given the names of each role between blanks."""
    return {name: role for role, listed in names.items() for name in listed.split()}
