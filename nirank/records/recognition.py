"""What form a text of records is in, told by its content."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from nirank.records.table_rows import HeaderPlace, find_header
from nirank.records.tagged_lines import begins_nbib, begins_ris
from nirank.records.xml_records import find_root_name

_SEARCHED = 200  # lines in which the first record may begin
_SHOWN = 40  # characters of a file that is none
_EXPECTED = "RIS, NBIB, EndNote XML, PubMed XML, or a table (CSV, TSV, XLSX) with a column of titles or abstracts"
_PUBMED_ROOTS = ("PubmedArticleSet", "PubmedArticle", "PubmedBookArticle", "PubmedBookArticleSet")


def find_form(text: str) -> tuple[str, HeaderPlace | None]:
    """Return the form of a text, as `RecordFile.format` names it, and where its header stands if it is a table.

    '' where it holds no records.
    """
    begin = text.lstrip()[:1]
    if begin == "<":
        root = find_root_name(text)
        if root in _PUBMED_ROOTS:
            return "pubmed_xml", None
        if root in ("xml", "records") and ("<record>" in text or "<records" in text):
            return "endnote_xml", None
        return "", None
    lines = list(islice(_iterate_lines(text), _SEARCHED))
    for at, line in enumerate(lines):
        if begins_ris([line]):
            return "ris", None
        if begins_nbib([line]):
            return "nbib", None
        if find_header([line]) is not None:
            break  # what looks like a tag below a header stands in a cell
        if at == 0 and begin in ("{", "["):
            return "", None
    place = find_header(lines)
    if place is None:
        return "", None
    return "tsv" if place.separator == "\t" else "csv", place


def _iterate_lines(text: str) -> list[str]:
    """Return the first lines of a text without splitting all of it."""
    return text[: 1 << 22].split("\n")


def describe_unknown(text: str, path: Path) -> str:
    """Return the sentence for a file that holds no records."""
    begin = " ".join(text[:400].split())
    if not begin:
        return f"{path}: is empty; expected {_EXPECTED}"
    if begin[0] in "{[":
        return f"{path}: is JSON, which is no export of records; expected {_EXPECTED}"
    if begin[0] == "@":
        return f"{path}: looks like BibTeX; expected {_EXPECTED}: reference managers export RIS too"
    shown = begin if len(begin) <= _SHOWN else f"{begin[:_SHOWN]}…"
    return f"{path}: holds no records that are recognised; it begins '{shown}'; expected {_EXPECTED}"
