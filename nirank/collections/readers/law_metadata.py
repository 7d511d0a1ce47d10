"""What laws in XML say of themselves: work and version, dates by name, language, and the laws that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from nirank.collections.readers.law_grammars import get_attribute, get_name
from nirank.collections.readers.law_walk import join_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_CELEX_LETTERS = (("regulation", "R"), ("directive", "L"), ("decision", "D"), ("recommendation", "H"))
_DC_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_GOV_UK = re.compile(r"https?://(?:www\.)?legislation\.gov\.uk/(?:id/)?")


def describe_akoma_ntoso(root: Element) -> dict[str, Any]:
    """Return a law's metadata by its FRBR elements; `date` is the work's, `version_date` the expression's."""
    work, expression = _find(root, "FRBRWork"), _find(root, "FRBRExpression")
    work_uri, version_uri = _get_uri(work), _get_uri(expression)
    values: dict[str, Any] = {"work": work_uri, "version": version_uri.removeprefix(work_uri).strip("/")}
    values |= {"date": _get_date(work), "version_date": _get_date(expression)}
    for event in _iterate(root, "eventRef"):
        kind = f"{event.get('type', '')} {event.get('refersTo', '')}".lower()
        key = "end" if "repeal" in kind else "in_force" if "force" in kind or "commence" in kind else ""
        if key:
            values.setdefault(key, event.get("date", ""))
    values["title"] = _get_attribute(root, ("FRBRtitle", "FRBRalias"), "value")
    language = None if expression is None else _find(expression, "FRBRlanguage")
    values["language"] = "" if language is None else language.get("language", "")
    hrefs = (element.get("href", "") for element in root.iter() if get_name(element) in ("ref", "mref"))
    values["cites"] = _list_unique(href for href in hrefs if href and href[0] != "#" and href != work_uri)
    return values


def describe_formex(root: Element) -> dict[str, Any]:
    """Return an act's metadata; of a consolidated one `work` is the act's CELEX number, and `version` its first day."""
    consolidated, family = _find(root, "INFO.CONSLEG"), _find(root, "FAM.COMP")
    bib = _find(root, "BIB.INSTANCE")
    values: dict[str, Any] = {"language": _get_text(bib, "LG.DOC")}
    if consolidated is not None:
        data = None if family is None else _find(family, "BIB.DATA")
        reference = consolidated.get("CONSLEG.REF", "")
        start = _to_iso(consolidated.get("START.DATE", ""))
        values |= {
            "work": _get_text(data, "NO.CELEX") or (f"3{reference}" if reference[:1].isdigit() else reference),
            "version": start,
            "version_date": start,
            "end": _to_iso(consolidated.get("END.DATE", "")),
            "date": _to_iso(_get_child_date(data)),
        }
    else:
        title = next((child for child in root if get_name(child) == "TITLE"), None)
        published = _to_iso(_get_child_date(bib))
        signed = None if title is None else next((each.get("ISO", "") for each in _iterate(title, "DATE")), "")
        values |= {"work": _make_celex(bib, title), "date": _to_iso(signed or "") or published, "published": published}
    references = (join_text(element) for element in root.iter() if get_name(element) == "REF.DOC.OJ")
    values["cites"] = _list_unique(references)
    return values


def describe_legislation_gov_uk(root: Element) -> dict[str, Any]:
    """Return a law's metadata: `work` is its identifier, 'uksi/2012/632'; `version` made, or the day it is as of."""
    work = _GOV_UK.sub("", root.get("IdURI", "") or root.get("DocumentURI", ""))
    version = _GOV_UK.sub("", root.get("DocumentURI", "")).removeprefix(work).strip("/").removeprefix("contents/")
    valid = next((join_text(element) for element in root.iter() if get_name(element) == "valid"), "")
    forces = [each.get("Date", "") for element in _iterate(root, "ComingIntoForce") for each in element]
    values: dict[str, Any] = {
        "work": work,
        "version": version or valid,
        "version_date": valid or root.get("RestrictStartDate", ""),
        "date": _get_attribute(root, ("Made", "EnactmentDate"), "Date"),
        "title": next((join_text(element) for element in root.iter() if element.tag == _DC_TITLE), ""),
        "in_force": min(filter(None, forces), default=""),
        "end": root.get("RestrictEndDate", ""),
        "language": next((join_text(element) for element in root.iter() if get_name(element) == "language"), ""),
    }
    references = (
        element.get("URI", "") for element in root.iter() if get_name(element) in ("Citation", "CitationSubRef")
    )
    values["cites"] = _list_unique(uri for uri in references if uri and _GOV_UK.sub("", uri) != work)
    return values


def describe_canada(root: Element) -> dict[str, Any]:
    """Return a law's metadata: `work` is its number, 'SOR/2019-105' or 'H-3.3'."""
    names = ("InstrumentNumber", "Chapter/ConsolidatedNumber", "Chapter/AnnualStatuteId", "Chapter")
    identification = root.find("Identification")
    numbers = (identification.find(name) for name in names) if identification is not None else ()
    work = next((join_text(element) for element in numbers if element is not None and join_text(element)), "")
    stages = (element for element in root.iter("Stages") if element.get("stage") == "assented-to")
    made = next(stages, None)
    made = root.find("Identification/RegistrationDate") if made is None else made
    values: dict[str, Any] = {
        "work": work,
        "version": get_attribute(root, "inforce-start-date"),
        "version_date": get_attribute(root, "inforce-start-date"),
        "date": _read_canadian_date(made),
        "language": get_attribute(root, "lang"),
    }
    links = (element.get("link", "") for element in root.iter("XRefExternal"))
    own = re.sub(r"\W+", "", work)
    values["cites"] = _list_unique(link for link in links if link and re.sub(r"[\W_]+", "", link) != own)
    return values


def _read_canadian_date(element: Element | None) -> str:
    found = None if element is None else element.find(".//Date")
    if found is None:
        return ""
    parts = [join_text(part) for part in found]
    return "-".join(part.zfill(2) for part in parts if part.isdigit())


def _find(root: Element, name: str) -> Element | None:
    return next(_iterate(root, name), None)


def _iterate(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if get_name(element) == name)


def _get_uri(element: Element | None) -> str:
    """Return the identifier of a work or an expression, with its language and its day where it is one."""
    if element is None:
        return ""
    for name in ("FRBRuri", "FRBRthis"):
        found = _find(element, name)
        if found is not None and found.get("value"):
            return found.get("value", "").strip().rstrip("/")
    return ""


def _get_date(element: Element | None) -> str:
    found = None if element is None else _find(element, "FRBRdate")
    return "" if found is None else found.get("date", "").strip()


def _get_text(element: Element | None, name: str) -> str:
    found = None if element is None else _find(element, name)
    return "" if found is None else join_text(found)


def _get_child_date(element: Element | None) -> str:
    """Return the date of an element itself, not of what is inside its parts."""
    if element is None:
        return ""
    return next((child.get("ISO", "") for child in element if get_name(child) == "DATE"), "")


def _get_attribute(root: Element, names: tuple[str, ...], attribute: str) -> str:
    return next((element.get(attribute, "") for element in root.iter() if get_name(element) in names), "")


def _to_iso(written: str) -> str:
    """Return a date of Formex, YYYYMMDD, in ISO form; '' for what is none, such as 99999999, which is no end."""
    match = _COMPACT.fullmatch(written.strip())
    text = "-".join(match.groups()) if match else written.strip()
    try:
        date.fromisoformat(text)
    except ValueError:
        return ""
    return text if _ISO.fullmatch(text) else ""


def _make_celex(bib: Element | None, title: Element | None) -> str:
    """Return the CELEX number of an act by its number, year and kind; '' where one of these is not told."""
    number = None if bib is None else _find(bib, "NO.DOC")
    if number is None or title is None:
        return ""
    year, current = _get_text(number, "YEAR"), _get_text(number, "NO.CURRENT")
    name = join_text(title).lower()
    places = [(name.find(word), letter) for word, letter in _CELEX_LETTERS if word in name]
    if not (places and year.isdigit() and current.isdigit()):
        return ""
    return f"3{year}{min(places)[1]}{current.zfill(4)}"


def _list_unique(values: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(values))
