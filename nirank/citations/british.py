"""References to legislation of the United Kingdom, under the identifiers of legislation.gov.uk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nirank.citations.reference import Reference

_TYPES = (
    r"ukpga|ukla|ukppa|uksi|ukmd|ukci|uksro|ukcm|asp|ssi|anaw|mwa|asc|wsi|nia|apni|nisi|nisr|nisro|mnia|aosp|aep|gbla|eur|eudn"
    r"|eudr"
)
_REGNAL = r"(?:Geo|Will|Vict|Edw|Eliz|Anne|Chas|Ja|Hen|Ric|Mar)"
_SERIES = {"SI": "uksi", "SSI": "ssi", "WSI": "wsi", "SR": "nisr", "SRO": "uksro"}
_INSTRUMENT = re.compile(
    r"(?<![\w.&])(?P<series>S\.?\s?S\.?\s?I|W\.?\s?S\.?\s?I|S\.?\s?I|S\.?\s?R\.?\s?&\s?O|S\.?\s?R)\.?\s{0,2}"
    r"(?:\((?:N\.?\s?I\.?|Scotland|Wales)\)\s{0,2})?"
    r"(?P<year>(?:18|19|20)\d\d)(?:\s?/\s?|,?\s{0,2}(?P<open>\()?No\.?\s{0,2})(?P<number>\d{1,4})(?!\d)(?(open)\))"
    r"(?:\s{0,2}\((?P<sub>W|N\.?\s?I|S|C|L)\.?\s?\d{1,3}\)){0,1}"
)
_CHAPTER = re.compile(
    r"(?<![\w/])(?P<year>(?:18|19|20)\d\d)\s{1,2}(?P<open>\()?"
    r"(?:c(?:h|hap|hapter)?\.?\s{0,2}(?P<chapter>\d{1,3}|[ivxlc]{1,9})|(?P<body>asp|anaw|nawm|mwa|asc)\s{1,2}(?P<number>\d{1,3}))"
    r"(?![\w.]\d)(?!\w)(?(open)\))(?P<ni>\s{0,2}\(N\.?\s?I\.?\))?"
)
_REGNAL_CHAPTER = re.compile(
    rf"(?<![\w/])(?P<years>\d{{1,2}}(?:\s?(?:&|and)\s?\d{{1,2}})?)\s{{1,2}}(?P<monarch>{_REGNAL})\.?\s{{0,2}}"
    r"(?P<ordinal>\d|[IVX]{1,4})?\.?,?\s{0,2}c(?:h|ap)?\.\s{0,2}(?P<number>\d{1,3})(?!\d)"
)
_ADDRESS = re.compile(
    rf"(?:https?://)?(?:www\.)?legislation\.gov\.uk/(?:id/)?(?P<type>{_TYPES})/"
    r"(?P<year>\d{4}|[A-Z][A-Za-z]{2,11}\d?/\d{1,2}(?:-\d{1,2})?)/(?P<number>\d{1,5})(?:/[\w/-]{0,80})?"
)
_PATH = re.compile(
    rf"(?P<type>{_TYPES})/(?P<year>\d{{4}}|[A-Z][A-Za-z]+\d?/\d{{1,2}}(?:-\d{{1,2}})?)/(?P<number>\d{{1,5}})"
)
_CODE = re.compile(
    rf"(?<![A-Za-z0-9])(?P<type>{_TYPES.upper()})(?P<year>(?:18|19|20)\d\d)(?P<number>\d{{4,5}})(?![A-Za-z0-9])"
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def find_british(text: str) -> Iterator[Reference]:
    """Yield references by address, code (`UKPGA20060046`), number of an instrument, and year and chapter of an act."""
    for match in _ADDRESS.finditer(text):
        yield _make(match, "uri", f"{match['type']}/{match['year']}/{int(match['number'])}")
    for match in _CODE.finditer(text):
        yield _make(match, "code", f"{match['type'].lower()}/{match['year']}/{int(match['number'])}")
    for match in _INSTRUMENT.finditer(text):
        series = _SERIES[re.sub(r"[\s.&]", "", match["series"])]
        sub = (match["sub"] or "").replace(".", "").replace(" ", "")
        series = {"W": "wsi", "NI": "nisi", "S": "uksi"}.get(sub, series) if series == "uksi" else series
        yield _make(match, "instrument", f"{series}/{match['year']}/{int(match['number'])}")
    for match in _CHAPTER.finditer(text):
        yield _make(match, "chapter", _identify_chapter(match))
    for match in _REGNAL_CHAPTER.finditer(text):
        years = "-".join(re.findall(r"\d+", match["years"]))
        ordinal = match["ordinal"] or ""
        ordinal = ordinal if ordinal.isdigit() or not ordinal else str(_read_roman(ordinal.lower()))
        yield _make(match, "chapter", f"ukpga/{match['monarch']}{ordinal}/{years}/{int(match['number'])}")


def _make(match: re.Match[str], kind: str, identifier: str) -> Reference:
    return Reference(match.group(), match.start(), match.end(), kind, "UK", (identifier,))


def _identify_chapter(match: re.Match[str]) -> str:
    year = match["year"]
    if match["body"]:
        body = {"nawm": "mwa"}.get(match["body"], match["body"])
        return f"{body}/{year}/{int(match['number'])}"
    if match["ni"]:
        return f"{'nia' if year >= '2000' else 'apni'}/{year}/{match['chapter']}"
    chapter = match["chapter"]
    return f"ukpga/{year}/{int(chapter)}" if chapter.isdigit() else f"ukla/{year}/{_read_roman(chapter)}"


def _read_roman(digits: str) -> int:
    values = [_ROMAN[digit] for digit in digits]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def parse_british(text: str) -> str | None:
    """Return the identifier that a path, an address or a code names (`UKPGA20060046`: ukpga/2006/46); None: none."""
    for pattern in (_CODE, _PATH, _ADDRESS):
        match = pattern.fullmatch(text)
        if match:
            return f"{match['type'].lower()}/{match['year']}/{int(match['number'])}"
    return None


def format_british(identifier: str) -> str:
    """Return how texts name an identifier: `2006 c. 46`, `S.I. 1998/1833`, `2003 asp 1`; else its address."""
    series, _, rest = identifier.partition("/")
    year, _, number = rest.rpartition("/")
    if year.isdigit():
        if series == "ukpga":
            return f"{year} c. {number}"
        if series in ("uksi", "ssi", "wsi", "nisr"):
            name = {"uksi": "S.I.", "ssi": "S.S.I.", "wsi": "W.S.I.", "nisr": "S.R."}[series]
            return f"{name} {year}/{number}"
        if series in ("asp", "anaw", "asc", "mwa"):
            return f"{year} {series} {number}"
    return f"https://www.legislation.gov.uk/{identifier}"


def format_regir(identifier: str) -> str:
    """Return the code that REG-IR gives to an identifier: `UKPGA20060046`."""
    series, year, number = identifier.split("/")
    return f"{series.upper()}{year}{int(number):04}"
