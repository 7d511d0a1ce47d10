"""PubMed XML: which elements are title, abstract and the rest of what nirank uses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from nirank.records.publication_dates import find_year, normalise_date
from nirank.records.raw_records import MappedFields, RawRecord, first_filled, make_records, unique
from nirank.records.record import BibliographicRecord
from nirank.records.xml_records import list_fields, parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_INLINE = frozenset({"i", "b", "u", "sup", "sub", "em", "strong", "DispFormula"})
_RECORDS = frozenset({"PubmedArticle", "PubmedBookArticle"})


def read_pubmed_xml(text: str, path: Path, findings: Counter[str]) -> list[BibliographicRecord]:
    """Return the records of a set of PubMed articles and book articles."""
    root = parse_xml(text, path)
    elements = [root] if root.tag in _RECORDS else [child for child in root if child.tag in _RECORDS]
    for child in root if root.tag not in _RECORDS else ():
        findings[f"elements <{child.tag}>, which are no records"] += child.tag not in _RECORDS
    raws = [RawRecord(at, tuple(list_fields(element, _INLINE))) for at, element in enumerate(elements, 1)]
    mapped = iter([_map_element(element) for element in elements])
    return make_records(raws, lambda _: next(mapped), findings)


def _map_element(element: Element) -> MappedFields:
    citation = element.find("MedlineCitation")
    citation = element.find("BookDocument") if citation is None else citation
    if citation is None:
        return MappedFields(ids=("",))
    article = citation.find("Article")
    article = citation if article is None else article
    date = _read_date(article)
    pmid = _read_text(citation.find("PMID"))
    titles = ("ArticleTitle", "VernacularTitle", "Book/BookTitle")
    keywords = [*citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName")]
    keywords += [*citation.iterfind("KeywordList/Keyword")]
    return MappedFields(
        ids=(pmid,),
        title=first_filled(*(_read_text(article.find(path)) for path in titles)),
        abstract=_read_abstract(article),
        keywords=unique(map(_read_text, keywords)),
        authors=unique(map(_read_author, article.iterfind("AuthorList/Author"))),
        date=date,
        year=find_year(date),
        doi=_find_doi(element, article),
        pmid=pmid,
        language="; ".join(unique(map(_read_text, article.iterfind("Language")))),
        journal=first_filled(_read_text(article.find("Journal/Title")), _read_text(article.find("Book/BookTitle"))),
    )


def _read_text(element: Element | None) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())


def _read_abstract(article: Element) -> str:
    """Return the parts of an abstract, each behind its label, as PubMed shows them."""
    parts = []
    for part in article.iterfind("Abstract/AbstractText"):
        label, text = part.get("Label", ""), _read_text(part)
        if text:
            parts.append(f"{label}: {text}" if label else text)
    return " ".join(parts)


def _read_author(author: Element) -> str:
    last, first = _read_text(author.find("LastName")), _read_text(author.find("ForeName"))
    return f"{last}, {first}" if last and first else last or _read_text(author.find("CollectiveName"))


def _read_date(article: Element) -> str:
    for path in ("Journal/JournalIssue/PubDate", "ArticleDate", "Book/PubDate"):
        place = article.find(path)
        if place is not None:
            parts = [_read_text(place.find(name)) for name in ("Year", "Month", "Day")]
            text = "-".join(parts) if parts[1].isdigit() and parts[2] else " ".join(filter(None, parts))
            date = normalise_date(text or _read_text(place.find("MedlineDate")))
            if date:
                return date
    return ""


def _find_doi(element: Element, article: Element) -> str:
    """Return the article's own DOI, never that of something it cites."""
    ids = element.iterfind("PubmedData/ArticleIdList/ArticleId[@IdType='doi']")
    books = element.iterfind("BookDocument/ArticleIdList/ArticleId[@IdType='doi']")
    locations = article.iterfind("ELocationID[@EIdType='doi']")
    return next((doi for place in (*ids, *locations, *books) if (doi := _read_text(place))), "")
