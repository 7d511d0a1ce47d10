"""The mark-ups of laws in XML: which of their elements are what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nirank.collections.readers.law_walk import Grammar, Role, join_text, make_roles

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HTML_INLINE = "a abbr b cite code em i ins del q s small span strong sub sup u"


def get_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def get_attribute(element: Element, name: str) -> str:
    """Return an attribute, whatever its namespace; '' where there is none."""
    value = element.get(name)
    if value is not None:
        return value
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")


class NamedRoles(Grammar):
    """A mark-up whose elements are what their names say; what has no role is a block."""

    roles: Mapping[str, Role]

    def find_role(self, element: Element) -> Role:
        return self.roles.get(get_name(element), "block")

    def name_part(self, element: Element, number: str) -> str:
        own = get_attribute(element, "eId") or get_attribute(element, "id")
        return own or _make_id(get_name(element), number)


class AkomaNtoso(NamedRoles):
    """Akoma Ntoso 2 and 3: OASIS LegalDocML."""

    _UNITS = ("article", "section", "rule", "hcontainer")
    _REGULATIONS = ("regulation", "rule", "article", "section")  # names of <hcontainer> that are provisions

    def __init__(self, root: Element) -> None:
        roles = make_roles(
            {
                "skip": "meta toc componentInfo coverPage",
                "note": "authorialNote note",
                "quote": "quotedStructure embeddedStructure",
                "number": "num",
                "heading": "heading subheading crossHeading",
                "outer": "preamble attachment component conclusions",
                "point": "point indent subparagraph clause subclause item",
                "row": "tr",
                "inline": f"{_HTML_INLINE} affectedDocument concept date def docDate docNumber docStage docStatus"
                " docType docketNumber entity event img inline judge lawyer legislature location mod mmod object"
                " omissis organization party person process quantity quotedText ref mref rref remark role session"
                " shortTitle signature term time vote docAuthority docCommittee docIntroducer docJurisdiction"
                " docProponent docPurpose docTitle noteRef marker placeholder fillIn eol",
            }
        )
        names = {get_name(element) for element in _iterate_outside_quotes(root)}
        unit = next((name for name in self._UNITS if name in names), "")
        if unit:
            roles[unit] = "unit"
        if unit == "section" or "subsection" in names:
            roles["paragraph"] = "point"
        self.roles = roles
        self._title = find_akn_title(root)

    def find_role(self, element: Element) -> Role:
        if element is self._title:
            return "title"
        role = super().find_role(element)
        if get_name(element) == "hcontainer":
            name = element.get("name", "")
            return "outer" if name == "schedule" else "unit" if name in self._REGULATIONS else "block"
        if get_name(element) == "doc" and element.get("name", "") in ("annex", "schedule"):
            return "outer"
        return role


def find_akn_title(root: Element) -> Element | None:
    """Return the element that holds a law's title: outside the body, the document's, the long or the short one."""
    front = [element for element in root.iter() if get_name(element) in ("preface", "coverPage", "longTitle")]
    for name in ("docTitle", "longTitle", "shortTitle"):
        for part in front:
            found = next((element for element in part.iter() if get_name(element) == name), None)
            if found is not None and join_text(found):
                return found
    return None


class Formex(NamedRoles):
    """Formex 4 of the Publications Office: acts, consolidated acts and annexes."""

    roles = make_roles(
        {
            "skip": "BIB.INSTANCE BIB.DATA INFO.CONSLEG INFO.PROD FAM.COMP FAM.COMP.CL TOC GR.CORRIG PUBLICATION.REF",
            "note": "NOTE",
            "quote": "QUOT.S",
            "number": "TI.ART NO.PARAG NO.P NO.CONSID NO.GR.SEQ NO.SUBDIV",
            "heading": "STI.ART TI STI",
            "unit": "ARTICLE",
            "outer": "PREAMBLE ANNEX CONS.ANNEX FINAL SIGNATURE",
            "point": "ITEM",
            "row": "ROW row",
            "inline": "HT DATE REF.DOC REF.DOC.OJ REF.DOC.ECR REF.DOC.SE QUOT.START QUOT.END QUOT.S.INLINE FT KEYWORD"
            " ADDR EXPONENT INDICE IE INCL.ELEMENT LINK PERIOD OVER UNDER",
        }
    )

    def __init__(self, root: Element) -> None:
        act = next((element for element in root.iter() if get_name(element) in ("CONS.DOC", "ACT")), root)
        self._title = next((child for child in act if get_name(child) == "TITLE"), None)

    def find_role(self, element: Element) -> Role:
        return "title" if element is self._title else super().find_role(element)

    def name_part(self, element: Element, number: str) -> str:
        if get_name(element) == "ARTICLE":
            own = element.get("IDENTIFIER", "").lstrip("0") or number.rpartition(" ")[2]
            return f"art_{own}"
        return {"PREAMBLE": "preamble", "FINAL": "final", "SIGNATURE": "final"}.get(
            get_name(element), _make_id("anx", _find_last_word(element))
        )


class LegislationGovUk(NamedRoles):
    """CLML, the Crown Legislation Markup Language of legislation.gov.uk."""

    roles = make_roles(
        {
            "skip": "Metadata Contents Resources Versions Commentaries CommentaryRef FootnoteRef MarginNoteRef",
            "note": "Footnotes MarginNotes",
            "quote": "BlockAmendment",
            "number": "Pnumber Number",
            "heading": "Title Subtitle TitleBlock",
            "unit": "P1",
            "outer": "PrimaryPrelims SecondaryPrelims EUPrelims Schedule ExplanatoryNotes EarlierOrders SignedSection",
            "point": "P3 P4 P5 P6 P7 ListItem",
            "row": "tr",
            "inline": f"{_HTML_INLINE} Abbreviation Acronym Addition Citation CitationSubRef Character Definition"
            " Emphasis Expanded Foreign InlineAmendment InternalLink ExternalLink Proviso Repeal SmallCaps Span Strong"
            " Substitution Subscript Superior Inferior Superscript Term Underline Uppercase",
        }
    )

    def __init__(self, root: Element) -> None:
        prelims = next((element for element in root.iter() if get_name(element).endswith("Prelims")), None)
        self._title = None
        if prelims is not None:
            self._title = next((element for element in prelims.iter() if get_name(element) == "Title"), None)

    def find_role(self, element: Element) -> Role:
        return "title" if element is self._title else super().find_role(element)

    def write_number(self, element: Element) -> str:
        before, after = element.get("PuncBefore", ""), element.get("PuncAfter", "")
        number = join_text(element)
        return f"{before}{number}{after}" if number else ""

    def name_part(self, element: Element, number: str) -> str:
        names = {"PrimaryPrelims": "prelims", "SecondaryPrelims": "prelims", "EUPrelims": "prelims"}
        name = get_name(element)
        return names.get(name) or element.get("id") or _make_id(name.lower(), number)


class Canada(NamedRoles):
    """The Statutes and Regulations of Canada's Department of Justice."""

    roles = make_roles(
        {
            "skip": "HistoricalNote RecentAmendments ConsolidationDate BillHistory Chapter InstrumentNumber"
            " TableOfProvisions",
            "note": "Footnote",
            "quote": "AmendedText ReadAsText BillPiece RelatedOrNotInForce",
            "number": "Label",
            "heading": "MarginalNote TitleText",
            "unit": "Section",
            "outer": "Identification Schedule Order Preamble",
            "point": "Paragraph Subparagraph Clause Subclause Subsubclause Item",
            "row": "row TableRow",
            "inline": "XRefExternal XRefInternal DefinedTermEn DefinedTermFr DefinitionRef Emphasis Sup Sub Language"
            " FootnoteRef Repealed Ins Del LeaderRightJustified Leader Separator",
        }
    )

    def __init__(self, root: Element) -> None:
        self._title = find_canadian_title(root)

    def find_role(self, element: Element) -> Role:
        return "title" if element is self._title else super().find_role(element)

    def name_part(self, element: Element, number: str) -> str:
        name = get_name(element)
        return _make_id({"Section": "s"}.get(name, name.lower()), number if name in ("Section", "Schedule") else "")


def find_canadian_title(root: Element) -> Element | None:
    """Return the element that holds a title: the short one, else the long one."""
    for name in ("ShortTitle", "LongTitle"):
        found = root.find(f"Identification/{name}")
        if found is not None and join_text(found):
            return found
    return None


def _iterate_outside_quotes(element: Element) -> list[Element]:
    """Return all elements of a law that are not quoted from another one."""
    found, waiting = [], [element]
    while waiting:
        current = waiting.pop()
        if isinstance(current.tag, str) and get_name(current) not in ("meta", "quotedStructure", "embeddedStructure"):
            found.append(current)
            waiting.extend(current)
    return found


def _find_last_word(element: Element) -> str:
    """Return what an annex is called behind the word: 'II' of 'ANNEX II'."""
    title = next((join_text(child) for child in element.iter() if get_name(child) == "TI"), "")
    match = re.match(r"[^\W\d_]+\s+([IVXLCDM]+|\d+|[A-Z])\b", title)
    return match[1] if match else ""


def _make_id(name: str, number: str) -> str:
    number = re.sub(r"[\s()]+", "", number).strip(".")
    return f"{name}_{number}" if number else name
