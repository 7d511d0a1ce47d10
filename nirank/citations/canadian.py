"""References to acts and instruments of Canada, under the identifiers of its own publication."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nirank.citations.reference import Reference

_CHAPTER_CODE = r"[A-Z]{1,2}-\d{1,3}(?:\.\d{1,3})?(?![\d-])"
_REVISED = re.compile(
    r"(?<![\w.])R\.?\s?S\.?(?:\s?C\.?)?,?\s{0,2}(?:(?P<year>(?:18|19)\d\d),?\s{1,2})?[cC](?:h|hap)?\.\s{0,2}"
    rf"(?:(?P<code>{_CHAPTER_CODE})|(?P<number>\d{{1,3}})(?!\d)"
    r"(?:\s{0,2}\((?P<supplement>\d)(?:st|nd|rd|th)\s{1,2}Supp(?:\.|lement)?\))?)"
)
_ANNUAL = re.compile(
    r"(?<![\w.])S\.?\s?C\.?,?\s{0,2}(?P<year>(?:18|19|20)\d\d(?:-\d{2,4}){0,3}),?\s{1,2}[cC](?:h|hap)?\.\s{0,2}"
    r"(?P<number>\d{1,3})(?!\d)(?:,\s{1,2}s\.\s{1,2}(?P<section>\d{1,3})(?![\d.]))?"
)
_INSTRUMENT = re.compile(r"(?<![\w/-])(?P<series>SOR|SI|DORS|TR)[/-](?P<year>\d{4}|\d{2})-(?P<number>\d{1,4})(?![\d-])")
_CONSOLIDATED = re.compile(
    r"(?<![\w.])(?:C\.?\s?R\.?\s?C\.?,?\s{0,2}(?:1978,?\s{0,2})?[cC](?:h|hap)?\.\s{0,2}|CRC-)(?P<number>\d{1,4})(?!\d)"
)
_CODE = re.compile(_CHAPTER_CODE)
_SERIES = {"DORS": "SOR", "TR": "SI"}


def find_canadian(text: str) -> Iterator[Reference]:
    """Yield references by chapter of the statutes or of the regulations of 1978, and by registration."""
    for match in _REVISED.finditer(text):
        yield _make(match, "chapter", _identify_revised(match))
    for match in _ANNUAL.finditer(text):
        identifier = f"SC-{match['year']}-{int(match['number'])}"
        if match["section"]:  # an act that a section of another one enacts; or what that section changed
            yield _make(match, "chapter", f"{identifier}-s{int(match['section'])}", identifier)
        else:
            yield _make(match, "chapter", identifier)
    for match in _INSTRUMENT.finditer(text):
        series = _SERIES.get(match["series"], match["series"])
        yield _make(match, "instrument", f"{series}-{match['year']}-{int(match['number'])}")
    for match in _CONSOLIDATED.finditer(text):
        yield _make(match, "instrument", f"CRC-{int(match['number'])}")


def _make(match: re.Match[str], kind: str, *identifiers: str) -> Reference:
    return Reference(match.group(), match.start(), match.end(), kind, "CA", identifiers)


def _identify_revised(match: re.Match[str]) -> str:
    """Return the code of a chapter of the statutes of 1985, which later revisions of the text keep."""
    year = match["year"] or "1985"
    if match["code"]:
        return match["code"] if year == "1985" else f"RSC-{year}-{match['code']}"
    supplement = f"-{match['supplement']}S" if match["supplement"] else ""
    return f"RSC-{year}{supplement}-{int(match['number'])}"


def parse_canadian(text: str) -> str | None:
    """Return the identifier that a citation or a code names (`SOR/2019-105`: SOR-2019-105); None: none."""
    if _CODE.fullmatch(text):
        return text
    references = [reference for reference in find_canadian(text) if reference.start == 0]
    whole = max(references, key=lambda reference: reference.end, default=None)
    return whole.identifiers[0] if whole is not None and whole.end == len(text) else None


def format_canadian(identifier: str) -> str:
    """Return how texts name an identifier: `R.S.C., 1985, c. A-1`, `S.C. 2012, c. 19`, `SOR/2019-105`."""
    if _CODE.fullmatch(identifier):
        return f"R.S.C., 1985, c. {identifier}"
    series, _, rest = identifier.partition("-")
    if series == "CRC":
        return f"C.R.C., c. {rest}"
    if series in ("SOR", "SI"):
        return f"{series}/{rest}"
    *years, number = rest.removesuffix(rest[rest.find("-s") :] if "-s" in rest else "").split("-")
    if series == "SC":
        section = f", s. {rest.rpartition('-s')[2]}" if "-s" in rest else ""
        return f"S.C. {'-'.join(years)}, c. {number}{section}"
    year, *supplement = years
    ordinal = {"1": "1st", "2": "2nd", "3": "3rd"}
    code = rest.split("-", 1)[1]
    if _CODE.fullmatch(code):
        return f"R.S.C., {year}, c. {code}"
    shown = f" ({ordinal.get(supplement[0][0], supplement[0][0] + 'th')} Supp.)" if supplement else ""
    return f"R.S.C., {year}, c. {number}{shown}"
