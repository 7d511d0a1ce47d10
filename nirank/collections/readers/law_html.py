"""Laws in HTML: EUR-Lex's pages of the Official Journal and of consolidated acts, and legislation.gov.uk's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nirank.collections.readers.law_walk import Grammar, Role, join_text
from nirank.forms.html_text import SKIPPED
from nirank.forms.html_tree import split_names

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ARTICLE = re.compile(r"(?:oj-)?ti-art|title-article-norm")
_OPENER = re.compile(rf"{_ARTICLE.pattern}|LegP1No|LegArticleNo")
_HEADING = re.compile(
    r"(?:oj-)?(?:sti-art|ti-(?:section|grseq|tbl|annotation)\b.*)|stitle-article-norm|title-(?:division|gr-seq|annex).*|eli-title"
    r"|Leg(?:P1GroupTitle|PartTitle|ChapterTitle|PblockTitle|ScheduleTitle|Heading).*"
)
_NUMBER = re.compile(r"no-parag|Leg(?:P[2-5]No|PartNo|ChapterNo|ScheduleNo).*")
_ROW = re.compile(r"grid-container")  # of a list: (a) beside its text
_TITLE = re.compile(r"(?:oj-)?doc-ti|title-doc-(?:first|last)|LegTitle")
_NOTE = re.compile(r"(?:oj-)?(?:note|footnote)|LegFootnote.*|LegCommentary.*|LegAnnotations")
_SKIPPED = re.compile(
    r"(?:oj-)?hd-(?:date|lg|ti|oj|toc.*|modifiers)|reference|disclaimer|modref|arrow|title-fam-member.*|title-doc-oj-reference"
    r"|LegNavPrevNext|LegContents.*|LegExtentRestriction"
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE = split_names(
    "a abbr acronym b big cite code del dfn em font i img ins kbd mark q s samp small span strike strong sub sup time"
    " tt u var wbr"
)
_CELEX = re.compile(r"(?:celex(?::|%3A)|resource/celex/)([0-9CE]\d{4}[A-Z]{1,2}\d{4}(?:[-(]\d+\)?)*)", re.IGNORECASE)
_LAW_LINK = re.compile(r"https?://(?:data\.europa\.eu/eli/|(?:www\.)?legislation\.gov\.uk/(?:id/)?)(?!.*#)\w+/.+")
# Properties of the European Legislation Identifier, and Dublin Core's, in <meta>: the key of each.
_PROPERTIES = {
    "eli:date_document": "date",
    "eli:first_date_entry_in_force": "in_force",
    "eli:date_no_longer_in_force": "end",
    "eli:version_date": "version_date",
    "eli:id_local": "work",
    "dct:valid": "version_date",
    "dc.date.valid": "version_date",
}
_CONSOLIDATED = re.compile(r"([0-9]\d{4}[A-Z]{1,2}\d{4})\W+[A-Z]{2}\W+(\d\d)\.(\d\d)\.(\d{4})")  # in <title>


def holds_law_page(root: Element) -> bool:
    """Tell whether a page is a law whose articles or sections are marked as such."""
    return any(_has_class(element, _OPENER) or _is_subdivision(element, "art_") for element in root.iter())


class LawPage(Grammar):
    """The classes by which EUR-Lex and legislation.gov.uk mark numbers, headings, notes and the like."""

    def find_role(self, element: Element) -> Role:
        name = element.tag
        if name in SKIPPED or _has_class(element, _SKIPPED) or _is_note_mark(element):
            return "skip"
        for pattern, role in _ROLES:
            if _has_class(element, pattern):
                return role
        if _is_subdivision(element, "art_"):
            return "unit"
        if _is_subdivision(element, "anx_", "pbl_", "fnp_"):
            return "outer"
        if name in _HEADINGS:
            return "heading"
        return "row" if name == "tr" else "inline" if name in _INLINE else "block"

    def name_part(self, element: Element, number: str) -> str:
        own = element.get("id", "")
        if own and not re.match(r"d\d+e\d+|L_|C_", own):  # made by a conversion
            return own
        return f"art_{number.rpartition(' ')[2]}" if number else ""


_ROLES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (_OPENER, "opener"),
    (_NUMBER, "number"),
    (_HEADING, "heading"),
    (_TITLE, "title"),
    (_NOTE, "note"),
    (_ROW, "row"),
)


def describe_law_page(root: Element) -> dict[str, Any]:
    """Return a page's metadata: what ELI's properties and its title say, and the laws that it links to."""
    values: dict[str, Any] = {}
    for element in root.iter("meta"):
        key = _PROPERTIES.get((element.get("property") or element.get("name") or "").lower())
        content = element.get("content", "").strip()
        if key and content:
            values.setdefault(key, content)
    match = _CONSOLIDATED.search(next((join_text(element) for element in root.iter("title")), ""))
    if match:
        day = f"{match[4]}-{match[3]}-{match[2]}"
        values = {
            "work": f"3{match[1][1:]}" if match[1][0] == "0" else match[1],
            "version": day,
            "version_date": day,
        } | values
    own = values.get("work", "")
    values["cites"] = list(dict.fromkeys(link for link in _list_links(root) if link != own))
    return values


def _list_links(root: Element) -> Iterator[str]:
    """Yield the laws that a page links to: CELEX numbers where links have them, else the links."""
    for element in root.iter("a"):
        href = element.get("href", "")
        celex = _CELEX.search(href)
        if celex:
            yield celex[1].upper()
        elif _LAW_LINK.fullmatch(href):
            yield href


def _has_class(element: Element, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(name) for name in element.get("class", "").split())


def _is_subdivision(element: Element, *beginnings: str) -> bool:
    """Tell whether an element is a part by its id: art_1, but not what is inside it, art_1.tit_1."""
    id = element.get("id", "")
    is_part = element.get("class", "") in ("eli-subdivision", "eli-container") and id.startswith(beginnings)
    return is_part and "." not in id


def _is_note_mark(element: Element) -> bool:
    """Tell whether a link only leads to a note: (1) in a sentence."""
    if element.tag != "a" or not element.get("href", "").startswith("#"):
        return False
    return re.fullmatch(r"[\s()\[\]*\d]+", join_text(element)) is not None
