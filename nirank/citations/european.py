"""References to acts of the European Union, in the styles in use since 1958."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nirank.citations.celex import ELI_PATTERN, PATTERN, Celex, read_eli
from nirank.citations.reference import Reference

_MARK = r"(?:ECSC|Euratom|EAEC|EEC|EC|EU|CFSP|PESC|CEE|CE|UE|JHA|JAI)"
_TYPES = {
    "regulation": "R",
    "directive": "L",
    "framework decision": "F",
    "decision": "D",
    "recommendation": "H",
    "common position": "E",
    "joint action": "E",
    "guideline": "O",
}
_TYPE = (
    r"(?:Regulation|Directive|(?:Framework\s{1,3})?Decision|Recommendation|Common\s{1,3}Position|Joint\s{1,3}Action"
    r"|Guideline)s?"
)
# Words before a kind that belong to the mention.
_INSTITUTIONS = frozenset((
    "council", "commission", "european", "parliament", "and", "eu", "eec", "ec", "ecsc", "euratom", "ecb",
))  # fmt: skip
_ADJECTIVES = frozenset((
    "implementing", "delegated", "supplementary", "first", "second", "third", "fourth", "fifth", "sixth",
    "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth",
    "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth",
))  # fmt: skip
# What stands between a kind and its numbers: (EU) No
_MARKS = re.compile(
    rf"(?P<marks>\(\s?{_MARK}(?:\s?,\s?{_MARK}){{0,3}}\s?\)\s{{0,3}}|\b{_MARK}\s{{1,3}})?"
    r"(?P<no>\bN(?:os?|r|umber)\.?\s{0,3}|N[°º]\s{0,3}|№\s{0,3})?\Z",
    re.IGNORECASE,
)
_MARKS_WINDOW = 36
_WORD = re.compile(r"[^\W\d_]+")
_KIND_WINDOW = 100
_NUMBERS = re.compile(
    r"(?<![\d/.:,_-])(?<![A-Za-z]-)(\d{1,4})[ \u00a0]?/[ \u00a0]?(\d{1,4})(?!\d)(?![/.-]\d)"
    rf"(?P<suffix>[ \u00a0]?/[ \u00a0]?{_MARK}(?:[,/]\s?{_MARK}){{0,3}}(?![A-Za-z]))?",
    re.IGNORECASE,
)
_LIST_GAP = re.compile(
    r"\s{0,3}(?:\(\s?\*{0,3}\d{0,3}\s?\))?\s{0,3}[,;]?\s{0,3}(?:and/or|and|or|as well as|to)?\s{0,3}(?:of\s)?"
)
_ANY_TYPE = re.compile(rf"\b{_TYPE}\b", re.IGNORECASE)
_LOOK_BACK = 300
_CELEX = re.compile(rf"(?<![A-Za-z0-9]){PATTERN}(?![A-Za-z0-9])")
_ELI = re.compile(rf"(?:https?://)?(?:data\.europa\.eu/)?\b{ELI_PATTERN}(?:/[a-z]{{2,5}}\b){{0,2}}")
_YEARLESS = re.compile(r"(?<!UN )(?<!ECE )\bRegulation No\.? (\d{1,3})(?![\d/])(?! ?/)(?! of the Economic Comm)", re.I)
# The first number of each year, before numbers had years (EEC regulations up to 1962).
_YEARLESS_STARTS = ((17, 1962), (15, 1961), (9, 1960), (5, 1959), (1, 1958))
_ECB = re.compile(r"(?<![\w/])ECB/((?:19|20)\d\d)/(\d{1,3})(?![\d/])")
_EEA = re.compile(r"EEA Joint Committee", re.IGNORECASE)


def find_european(text: str) -> Iterator[Reference]:
    """Yield references by CELEX number, ELI address, and kind and number; treaties have neither, and are left out."""
    for match in _CELEX.finditer(text):
        if match["sector"] != "1":
            yield _make(text, match.span(), "celex", (match.group(),))
    for match in _ELI.finditer(text):
        yield _make(text, match.span(), "eli", (str(read_eli(match)),))
    yield from _find_numbered(text)
    for match in _ECB.finditer(text):
        year, number = int(match[1]), int(match[2])
        identifiers = tuple(str(Celex("3", year, letter, number)) for letter in "OD")
        yield _make(text, match.span(), "guideline", identifiers, certain=False)
    for match in _YEARLESS.finditer(text):
        number = int(match[1])
        year = next((year for start, year in _YEARLESS_STARTS if number >= start), 0)
        if year:
            identifier = str(Celex("3", year, "R", number))
            yield _make(text, match.span(), "regulation", (identifier,), certain=False)


def _make(text: str, span: tuple[int, int], kind: str, identifiers: tuple[str, ...], certain: bool = True) -> Reference:
    start, end = span
    return Reference(text[start:end], start, end, kind, "EU", identifiers, certain)


@dataclass(frozen=True)
class _Numbers:
    """Two numbers with a stroke between them, and what stands around them."""

    first: str
    second: str
    type: str | None  # in lower case and singular
    has_no: bool
    marks: frozenset[str]  # such as EEC; those before and behind
    is_suffix: bool  # the marks stand behind

    def read(self) -> list[tuple[int, int]]:
        """Return the readings as (year, number), the likeliest first; none where no part can be a year."""
        first, second = _read_year(self.first), _read_year(self.second)
        by_year = [] if first is None else [(first, int(self.second))]
        by_number = [] if second is None else [(second, int(self.first))]
        if first is None or second is None:
            return [reading for reading in by_year + by_number if reading[1] > 0]
        return by_number + by_year if self._begins_with_number(first, second) else by_year + by_number

    def _begins_with_number(self, first: int, second: int) -> bool:
        """Tell which comes first where both could be years."""
        modern = first >= 2015 and len(self.first) == 4
        if self.type == "regulation" or (self.type is None and self.has_no and not self.is_suffix):
            short_after_1999 = len(self.second) == 2 and "EU" in self.marks
            return not short_after_1999 if self.has_no else not modern
        if self.type in (None, "decision") and self.has_no:
            return True
        return len(self.first) == 2 and len(self.second) == 4 and not self.marks <= {"EEC", "ECSC"}

    def list_letters(self, year: int, number_first: bool) -> tuple[str, ...]:
        """Return the descriptors that this may have, the likeliest first."""
        if self.type == "joint action":
            return ("F",) if "JHA" in self.marks else ("E",)
        if self.type == "decision" and "ECSC" in self.marks and number_first:
            return ("S", "D")
        if self.type is not None:
            return (_TYPES[self.type],)
        if self.marks & {"JHA", "CFSP"}:
            return ("D", "F" if "JHA" in self.marks else "E")
        if self.has_no and self.marks and not self.is_suffix:
            return ("R",)
        if number_first:
            return ("D",) if self.is_suffix and "ECSC" not in self.marks and year >= 1968 else ("R", "D")
        return ("R", "L", "D") if year >= 2015 else ("L", "D")


def _read_year(digits: str) -> int | None:
    if len(digits) == 4:
        return int(digits) if 1951 <= int(digits) <= 2099 else None
    if len(digits) == 2:
        return 1900 + int(digits) if digits >= "51" else 2000 + int(digits) if digits < "15" else None
    return None


def _find_numbered(text: str) -> Iterator[Reference]:
    """Yield references by number; in a list, the kind that stands before the first one is that of all."""
    previous_type, previous_end = None, -1
    for match in _NUMBERS.finditer(text):
        start, type_, marks_before, has_no = _read_before(text, match.start(), max(previous_end, 0))
        if type_ is None and previous_type is not None and _LIST_GAP.fullmatch(text, previous_end, start):
            type_ = previous_type
        marks = _read_marks(marks_before + (match["suffix"] or ""))
        is_direct = type_ is not None
        if type_ is None and marks:
            type_ = _look_back(text, start)
        kind = None if type_ is None else " ".join(type_.lower().split()).removesuffix("s")
        numbers = _Numbers(match[1], match[2], kind, has_no, marks, match["suffix"] is not None)
        if kind is None and not marks and not _is_bare_number(numbers):
            continue
        readings = numbers.read()
        if not readings or (_is_loose(kind) and not marks and not numbers.has_no and len(match[1]) != 4):
            continue
        is_clear = is_direct or len(numbers.list_letters(*_first(readings, numbers))) == 1
        identifiers = _list_identifiers(text, start, numbers, readings if not is_direct and not marks else readings[:1])
        end = match.end()
        yield _make(text, (start, end), kind or "number", identifiers, is_clear)
        previous_type, previous_end = type_ if is_direct else None, end


def _is_loose(kind: str | None) -> bool:
    """Tell whether others than the Union number what they call so: decisions, guidelines, recommendations."""
    return kind not in (None, "regulation", "directive")


def _read_before(text: str, end: int, least: int) -> tuple[int, str | None, str, bool]:
    """Return where a mention begins whose numbers begin at `end`, its kind, its marks, and whether it says No."""
    before = text[max(end - 4, least) : end].rstrip()[-1:]
    if not (before.isalpha() or before in tuple(").°º№")):
        return end, None, "", False
    marked = _MARKS.search(text, max(end - _MARKS_WINDOW, least), end)
    assert marked is not None
    start, type_ = _find_kind(text, marked.start(), least)
    return start, type_, marked["marks"] or "", marked["no"] is not None


def _find_kind(text: str, end: int, least: int) -> tuple[int, str | None]:
    """Return where a mention begins whose kind stands right before `end`, and the kind; None: there is none."""
    window = text[max(end - _KIND_WINDOW, least) : end]
    if window[-1:].isspace():
        window = window.rstrip()
    base = end - len(text[max(end - _KIND_WINDOW, least) : end])
    words = list(_WORD.finditer(window))
    if not words or words[-1].end() != len(window):
        return end, None
    place = len(words) - 1
    type_ = words[place].group().lower().removesuffix("s")
    if place and f"{words[place - 1].group().lower()} {type_}" in _TYPES and _are_joined(window, words, place):
        place, type_ = place - 1, f"{words[place - 1].group().lower()} {type_}"
    if type_ not in _TYPES:
        return end, None
    known = _ADJECTIVES | _INSTITUTIONS
    while place and words[place - 1].group().lower() in known and _are_joined(window, words, place):
        place -= 1
    while words[place].group().lower() == "and":
        place += 1
    return base + words[place].start(), type_


def _are_joined(window: str, words: list[re.Match[str]], place: int) -> bool:
    """Tell whether only blanks stand between a word and the one before."""
    between = window[words[place - 1].end() : words[place].start()]
    return between.isspace() and len(between) <= 3


def _first(readings: list[tuple[int, int]], numbers: _Numbers) -> tuple[int, bool]:
    year, number = readings[0]
    return year, number == int(numbers.first) and year == _read_year(numbers.second)


def _list_identifiers(text: str, start: int, numbers: _Numbers, readings: list[tuple[int, int]]) -> tuple[str, ...]:
    identifiers = []
    for year, number in readings:
        number_first = number == int(numbers.first) and year == _read_year(numbers.second)
        sector = "3"
        if numbers.type == "decision" and number_first and not numbers.marks:
            sector = "2" if _EEA.search(text, max(start - 100, 0), start) else "3"
        letters = numbers.list_letters(year, number_first)
        identifiers += [str(Celex(sector, year, letter, number)) for letter in letters]
    return tuple(dict.fromkeys(identifiers))


def _is_bare_number(numbers: _Numbers) -> bool:
    """Tell whether numbers without kind and mark may name an act: 2021/2115, but no season, month or fraction."""
    first, second = numbers.first, numbers.second
    if len(first) == 4 and _read_year(first) and len(second) >= 3:
        return int(second) not in (int(first) + 1, int(first) - 1, int(first))
    if len(first) == 4 and numbers.has_no is False and _read_year(first) is not None:
        return int(second) != (int(first) + 1) % 100 and int(second) > 12
    return len(second) == 4 and _read_year(second) is not None and len(first) >= 3


def _read_marks(text: str) -> frozenset[str]:
    names = {
        "UE": "EU",
        "CEE": "EEC",
        "CE": "EC",
        "EURATOM": "Euratom",
        "EAEC": "Euratom",
        "PESC": "CFSP",
        "JAI": "JHA",
    }
    marks = re.findall(_MARK, text, re.IGNORECASE)
    return frozenset(names.get(mark.upper(), mark.upper()) for mark in marks)


def _look_back(text: str, start: int) -> str | None:
    """Return the last kind named before, in the same line: `DIRECTIVE of 11 April 1967 on … (67/227/EEC)`."""
    begin = max(start - _LOOK_BACK, 0)
    begin = max(begin, text.rfind("\n", begin, start) + 1)
    last = None
    for match in _ANY_TYPE.finditer(text, begin, start):
        last = match.group()
    return last
