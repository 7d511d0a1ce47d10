"""A record's fields for another form than its own: what nirank knows by kind, everything else under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nirank.forms.names import normalise_name
from nirank.records import nbib, ris
from nirank.records.columns import COLUMNS
from nirank.records.identifiers import find_doi, find_pmid
from nirank.records.publication_dates import normalise_date
from nirank.records.raw_records import flatten, parse_added
from nirank.records.record import BibliographicRecord

TABLES = frozenset({"csv", "tsv", "xlsx"})
_DOI_WORDS = re.compile(r"https?|doi|dx|org|www|\W|_")


class PortableField(NamedTuple):
    """One field of a record.

    kind  what it is (title, author, volume, note, …), '' where that is not known
    name  the tag, element or column that it had
    """

    kind: str
    name: str
    value: str


# What `BibliographicRecord` has beside its fields; the others are carried over as they are.
_MAPPED = frozenset({"id", "title", "abstract", "author", "keyword", "date", "doi", "pmid", "language", "journal"})

_RIS: Mapping[str, str] = {
    **dict.fromkeys(ris.TITLE_TAGS, "title"),
    **dict.fromkeys(ris.ABSTRACT_TAGS, "abstract"),
    **dict.fromkeys(ris.AUTHOR_TAGS, "author"),
    **dict.fromkeys(ris.JOURNAL_TAGS, "journal"),
    **dict.fromkeys(ris.DATE_TAGS, "date"),
    "KW": "keyword",
    "ID": "id",
    "DO": "doi",
    "LA": "language",
    "TY": "type",
    "VL": "volume",
    "IS": "issue",
    "SP": "pages",
    "EP": "end page",
    "UR": "url",
    "SN": "issn",
    "PB": "publisher",
    "CY": "place",
    "N1": "note",
    "AD": "address",
    "DB": "database",
}
_NBIB: Mapping[str, str] = {
    **dict.fromkeys(nbib.TITLE_TAGS, "title"),
    **dict.fromkeys(nbib.ABSTRACT_TAGS, "abstract"),
    **dict.fromkeys(nbib.KEYWORD_TAGS, "keyword"),
    **dict.fromkeys(nbib.JOURNAL_TAGS, "journal"),
    **dict.fromkeys(("LID", "AID"), "doi"),
    "FAU": "author",
    "DP": "date",
    "PMID": "pmid",
    "LA": "language",
    "PT": "type",
    "VI": "volume",
    "IP": "issue",
    "PG": "pages",
    "IS": "issn",
    "PL": "place",
    "GN": "note",
    "AD": "address",
}
_ENDNOTE: Mapping[str, str] = {
    "titles/title": "title",
    "titles/secondary-title": "journal",
    "periodical/full-title": "journal",
    "abstract": "abstract",
    "contributors/authors/author": "author",
    "keywords/keyword": "keyword",
    "dates/year": "date",
    "electronic-resource-num": "doi",
    "accession-num": "pmid",
    "language": "language",
    "label": "id",
    "rec-number": "id",
    "ref-type@name": "type",
    "volume": "volume",
    "number": "issue",
    "pages": "pages",
    "urls/related-urls/url": "url",
    "isbn": "issn",
    "publisher": "publisher",
    "pub-location": "place",
    "notes": "note",
    "research-notes": "note",
    "auth-address": "address",
}
_PUBMED_XML: Mapping[str, str] = {
    "MedlineCitation/PMID": "pmid",
    "MedlineCitation/Article/ArticleTitle": "title",
    "MedlineCitation/Article/Abstract/AbstractText": "abstract",
    "MedlineCitation/Article/Language": "language",
    "MedlineCitation/Article/Journal/Title": "journal",
    "MedlineCitation/Article/Journal/ISSN": "issn",
    "MedlineCitation/Article/Journal/JournalIssue/Volume": "volume",
    "MedlineCitation/Article/Journal/JournalIssue/Issue": "issue",
    "MedlineCitation/Article/Journal/JournalIssue/PubDate/Year": "date",
    "MedlineCitation/Article/Pagination/MedlinePgn": "pages",
    "MedlineCitation/Article/AuthorList/Author/LastName": "author",
    "MedlineCitation/Article/AuthorList/Author/ForeName": "author",
    "MedlineCitation/Article/PublicationTypeList/PublicationType": "type",
    "MedlineCitation/MeshHeadingList/MeshHeading/DescriptorName": "keyword",
    "MedlineCitation/KeywordList/Keyword": "keyword",
    "PubmedData/ArticleIdList/ArticleId": "doi",
    "MedlineCitation/Article/ELocationID": "doi",
}
_KIND_OF_COLUMN = {"authors": "author", "keywords": "keyword", "year": "date", "notes": "note"}
_COLUMNS: Mapping[str, str] = {
    **{name: _KIND_OF_COLUMN.get(kind, kind) for kind, names in COLUMNS.items() for name in names},
    "volume": "volume",
    "issue": "issue",
    "pages": "pages",
    "url": "url",
    "issn": "issn",
    "publisher": "publisher",
    "place": "place",
    "type": "type",
    "itemtype": "type",
    "publicationtype": "type",
    "referencetype": "type",
    "firstpage": "pages",
    "startpage": "pages",
    "lastpage": "end page",
    "endpage": "end page",
    "id": "id",
    "recordid": "id",
    "key": "id",
}
_KINDS = {"ris": _RIS, "nbib": _NBIB, "endnote_xml": _ENDNOTE, "pubmed_xml": _PUBMED_XML}


def find_kind(form: str, name: str) -> str:
    """Return what a field of this name is in a form, '' where that is not known."""
    return _COLUMNS.get(normalise_name(name), "") if form in TABLES else _KINDS[form].get(name, "")


def list_portable_fields(record: BibliographicRecord, form: str) -> Iterator[PortableField]:
    """Yield a record's fields for another form: those that are mapped first, then what these do not say already.

    What nirank added earlier is left out.
    """
    yield PortableField("id", "id", record.id)
    for kind, values in _list_mapped(record).items():
        for value in values:
            if value:
                yield PortableField(kind, kind, value)
    mapped = _list_mapped(record) | {"id": (record.id,)}
    own_columns = {name for name, _ in record.added} if form in TABLES else set()
    for name, raw in record.fields:
        value = raw.strip()
        if not value or parse_added(value) is not None or name in own_columns or name.startswith("nirank_"):
            continue
        kind = find_kind(form, name)
        if kind in _MAPPED:
            if not _is_said(kind, flatten(value), mapped[kind]):
                yield PortableField("", name, value)
        else:
            yield PortableField(kind, name, value)


def _list_mapped(record: BibliographicRecord) -> dict[str, tuple[str, ...]]:
    return {
        "title": (record.title,),
        "author": record.authors,
        "journal": (record.journal,),
        "date": (record.date,),
        "abstract": (record.abstract,),
        "keyword": record.keywords,
        "doi": (record.doi,),
        "pmid": (record.pmid,),
        "language": (record.language,),
    }


def _is_said(kind: str, value: str, mapped: tuple[str, ...]) -> bool:
    """Tell whether the mapped values of a kind say all that a field says."""
    if kind == "date":
        return normalise_date(value) in (mapped[0], mapped[0][:4], "")
    if kind == "doi":
        return find_doi(value) == mapped[0] != "" and not _DOI_WORDS.sub("", value.replace(mapped[0], ""))
    if kind == "pmid":
        return find_pmid(value) == mapped[0]
    rest = value.casefold() if kind == "language" else value
    for part in sorted(mapped, key=len, reverse=True):
        if part:
            rest = rest.replace(part.casefold() if kind == "language" else part, "\n")
    return not re.search(r"\w", rest.replace(" and ", ""))
