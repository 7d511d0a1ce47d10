"""CELEX numbers of the acts of the European Union: parsed, made, and written as acts write each other."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Sector, year, descriptor, number; then of a corrigendum R(01), of acts that share a number (01), of a consolidated
# text its day.
PATTERN = (
    r"(?P<sector>[0-9CE])(?P<year>(?:19|20)\d\d)(?P<letter>[A-Z]{1,2})(?P<number>\d{4})"
    r"(?P<rest>(?:R?\(\d\d\)){0,2}(?:-\d{8})?)"
)
_CELEX = re.compile(PATTERN)
_ELI_KINDS = {
    **dict.fromkeys(("reg", "reg_impl", "reg_del"), "R"),
    **dict.fromkeys(("dir", "dir_impl", "dir_del"), "L"),
    **dict.fromkeys(("dec", "dec_impl", "dec_del"), "D"),
    "dec_framw": "F",
    "reco": "H",
    "guideline": "O",
}
ELI_PATTERN = (
    rf"eli/(?P<eli>{'|'.join(sorted(_ELI_KINDS, key=len, reverse=True))})/"
    r"(?P<eli_year>(?:19|20)\d\d)/(?P<eli_number>\d{1,4})"
    r"(?P<eli_rest>\(\d\d?\))?(?:/(?P<eli_day>\d{4}-\d\d-\d\d))?"
)
_ELI = re.compile(ELI_PATTERN)
_NAMES = {
    "R": "Regulation",
    "L": "Directive",
    "D": "Decision",
    "S": "Decision",
    "F": "Framework Decision",
    "E": "Common Position",
    "H": "Recommendation",
    "O": "Guideline",
}


@dataclass(frozen=True)
class Celex:
    """The parts of a CELEX number.

    sector  3: legislation; 0: its consolidated texts; 2: agreements
    letter  R: regulation; L: directive; D: decision; F, E: framework decisions, common positions; H: recommendation
    rest    what tells acts of one number, corrigenda and consolidated texts apart
    """

    sector: str
    year: int
    letter: str
    number: int
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.sector}{self.year}{self.letter}{self.number:04}{self.rest}"

    @property
    def original(self) -> str:
        """The number of the act that a consolidated text is of; otherwise this one."""
        consolidated = self.sector == "0"
        return str(Celex("3", self.year, self.letter, self.number)) if consolidated else str(self)


def parse_celex(text: str) -> Celex | None:
    """Return the parts of a CELEX number or of an ELI address; None where the text is neither."""
    match = _CELEX.fullmatch(text)
    if match:
        return Celex(match["sector"], int(match["year"]), match["letter"], int(match["number"]), match["rest"])
    eli = _ELI.search(text)
    return None if eli is None else read_eli(eli)


def read_eli(match: re.Match[str]) -> Celex:
    """Return what an address names: the act, or its text of a day."""
    letter, year, number = _ELI_KINDS[match["eli"]], int(match["eli_year"]), int(match["eli_number"])
    if match["eli_day"]:
        return Celex("0", year, letter, number, "-" + match["eli_day"].replace("-", ""))
    rest = match["eli_rest"]
    return Celex("3", year, letter, number, f"({int(rest[1:-1]):02})" if rest else "")


def format_celex(celex: Celex) -> str:
    """Return how acts name an act: `Directive 77/794/EEC`, `Regulation (EC) No 1907/2006`, `Regulation (EU) 2016/679`.

    What has no such name (consolidated texts, corrigenda, other sectors) is named by its number.
    """
    kind = _NAMES.get(celex.letter)
    if celex.sector != "3" or celex.rest or kind is None:
        return str(celex)
    year, number = celex.year, celex.number
    short_year = f"{year % 100:02}" if year < 1999 else str(year)
    if celex.letter in "FE":
        return f"{kind} {short_year}/{number}/{'JHA' if celex.letter == 'F' else 'CFSP'}"
    if celex.letter == "S":
        return f"{kind} No {number}/{short_year}/ECSC"
    if year >= 2015:
        return f"{kind} (EU) {year}/{number}"
    mark = "EEC" if year < 1994 else "EC" if year < 2010 else "EU"
    return (
        f"{kind} ({mark}) No {number}/{short_year}" if celex.letter == "R" else f"{kind} {short_year}/{number}/{mark}"
    )
