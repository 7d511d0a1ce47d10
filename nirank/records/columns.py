"""Columns of tables: which tool wrote them, and which are title, abstract and the rest of what nirank uses."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.forms.names import ID_NAMES, normalise_name

# Names as `normalise_name` has them: lower case, without blanks, underscores and hyphens. The first that is there and
# not blank is taken.
COLUMNS: dict[str, tuple[str, ...]] = {
    "title": ("title", "primarytitle", "titleprimary", "articletitle", "fulltitle", "documenttitle", "itemtitle"),
    "abstract": ("abstract", "abstractnote", "abstracttext", "notesabstract", "articleabstract"),
    "authors": (
        *("authors", "author", "authornames", "author(s)", "authors,primary", "authorsprimary", "authorfullnames"),
        "authorships.author.displayname",
    ),
    "keywords": (
        *("keywords", "keyword", "authorkeywords", "manualtags", "automatictags", "indexkeywords", "meshterms"),
        *("emtreedrugindexterms(majorfocus)", "emtreemedicalindexterms(majorfocus)", "emtreedrugindexterms"),
        *("emtreemedicalindexterms", "keywords.displayname"),
    ),
    "date": ("date", "publicationdate", "dateofpublication", "pubdate", "publisheddate"),
    "year": ("year", "publicationyear", "pubyear", "publishedyear", "yearpublished", "yearofpublication"),
    "doi": ("doi", "ids.doi"),
    "pmid": ("pmid", "pubmedid", "medlinepmid", "ids.pmid", "medlineid"),
    "language": ("language", "articlelanguage", "languageoforiginaldocument"),
    "journal": (
        *("journal", "journal/book", "journaltitle", "sourcetitle", "publicationtitle", "periodicalfull"),
        *("secondarytitle", "journalname", "publication", "primarylocation.source.displayname", "source"),
    ),
    "notes": ("notes", "note", "customizations", "exportednotes1", "researchnotes", "generalnotes", "usernotes"),
}
# Of each tool: columns that tell it, and the one that holds ids.
_TOOLS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("abstrackr", ("(internal)id", "consensus"), "(internal)id"),
    ("covidence", ("covidence#",), "covidence#"),
    ("rayyan", ("key", "title", "notes", "pubmedid", "pmcid"), "key"),
    ("rayyan", ("key", "title", "customizations", "pubmedid"), "key"),
    ("cochrane", ("centralid",), "centralid"),
    ("cochrane", ("cochranereviewgroupcode",), "centralid"),
    ("embase", ("embaselink",), "pui"),
    ("embase", ("title", "authornames", "source", "doi"), "pui"),
    ("cinahl", ("articletitle", "journaltitle", "accessionnumber"), "accessionnumber"),
    ("pubmed", ("pmid", "title", "journal/book", "createdate"), "pmid"),
    ("openalex", ("ids.openalex",), "id"),
    ("openalex", ("id", "displayname", "publicationyear", "citedbycount"), "id"),
    ("eppi", ("i/e/d/sflag",), "itemid"),
    ("eppi", ("itemid", "shorttitle"), "itemid"),
    ("asreview", ("asreviewlabel",), "recordid"),
    ("asreview", ("asreviewranking",), "recordid"),
    ("asreview", ("recordid", "included"), "recordid"),
    ("zotero", ("key", "itemtype", "abstractnote"), "key"),
    ("scopus", ("eid", "sourcetitle", "title"), "eid"),
    ("googlescholar", ("authors", "title", "publication", "volume", "number", "pages", "year", "publisher"), ""),
    ("refworks", ("referenceid", "titleprimary"), "referenceid"),
)
# Of ASReview's tables and its data sets, and of tables like them; nirank's own first.
LABEL_COLUMNS = (
    *("nirankdecision", "decision", "asreviewlabel", "included", "labelincluded", "includedlabel", "finalincluded"),
    *("includedfinal", "include", "label", "includedflag", "relevant", "isrelevant", "screeningdecision"),
)
_SEPARATORS = {"openalex": "|", "zotero": ";", "embase": ","}
_IDS = tuple(dict.fromkeys(map(normalise_name, ID_NAMES)))
_EVIDENCE = frozenset(name for names in COLUMNS.values() for name in names) | {*_IDS, "accessionnumber", "itemtype"}


def find_tool(header: Sequence[str]) -> str:
    """Return which tool writes tables with these columns; '' where none is known to."""
    names = set(map(normalise_name, header))
    return next((tool for tool, told, _ in _TOOLS if names.issuperset(told)), "")


def list_id_columns(tool: str) -> tuple[str, ...]:
    """Return the names of columns that can hold ids, the tool's own first."""
    own = tuple(dict.fromkeys(id for name, _, id in _TOOLS if name == tool and id))
    return tuple(dict.fromkeys((*own, *_IDS)))


def count_known(cells: Sequence[str]) -> int:
    """Return how many cells of a row are names of columns that nirank knows; 0 where no record could be told from them.

    A header names a title or an abstract, or at least two other things that records have.
    """
    names = set(map(normalise_name, cells))
    known = names & _EVIDENCE
    telling = names & {*COLUMNS["title"], *COLUMNS["abstract"]}
    return len(known) if telling or len(known) > 1 else 0


def split_people(text: str, tool: str) -> tuple[str, ...]:
    """Return the authors in a cell: by lines, ' and ', semicolons or the tool's own sign, else by commas."""
    text = text.strip()
    separator = _SEPARATORS.get(tool)
    if separator is None or separator not in text:
        if " and " in text or "\n" in text:
            parts = text.replace("\n and ", "\n").replace("\n", " and ").split(" and ")
        else:
            comma = tool in ("pubmed",)
            parts = text.split(";") if ";" in text else text.split(",") if comma else [text]
    else:
        parts = text.split(separator)
    return tuple(name for part in parts if (name := part.strip().rstrip(".") if tool == "pubmed" else part.strip()))


def split_keyword_cell(text: str) -> tuple[str, ...]:
    """Return the keywords in a cell: by lines, bars or semicolons, else by commas."""
    separator = next((sign for sign in ("\n", "|", ";", ",") if sign in text), None)
    return tuple(part for each in text.split(separator) if (part := each.strip())) if separator else (text.strip(),)
