"""Laws in XML as documents: Akoma Ntoso, Formex 4, legislation.gov.uk's CLML, Canada's statutes and regulations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nirank.base.files import MAX_PARSED_BYTES, open_file, read_bytes
from nirank.collections.readers.law_grammars import AkomaNtoso, Canada, Formex, LegislationGovUk, get_name
from nirank.collections.readers.law_metadata import (
    describe_akoma_ntoso,
    describe_canada,
    describe_formex,
    describe_legislation_gov_uk,
)
from nirank.collections.readers.law_walk import Grammar, find_lost_numbers, list_numbers, read_law_text
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns
from nirank.records.xml_records import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PARTS, LOST, BARE, PROVISIONS = "parts", "lost_provisions", "bare_provisions", "provisions"  # metadata keys
OF_WHOLE_LAWS = (PARTS, LOST, BARE, PROVISIONS, "notes", "cites")  # keys that passages of a law do not repeat
VERSION = 1  # raised when the same file would be read otherwise
MAX_DEPTH = 150  # elements inside each other
_HEAD_BYTES = 1 << 14
_PROLOGUE = re.compile(
    r"(?:\s++|\ufeff|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*+(?:\[[^\]]*+\]\s*+)?>)*+<([\w.:-]+)", re.DOTALL
)


class _Markup(NamedTuple):
    """A mark-up: how its elements are read, and what it says of a law."""

    make_grammar: Callable[[Element], Grammar]
    describe: Callable[[Element], dict[str, Any]]


_MARKUPS = {
    "akomaNtoso": _Markup(AkomaNtoso, describe_akoma_ntoso),
    **dict.fromkeys(("ACT", "CONS.ACT", "ANNEX", "GENERAL", "DECISION", "AGR"), _Markup(Formex, describe_formex)),
    "Legislation": _Markup(LegislationGovUk, describe_legislation_gov_uk),
    **dict.fromkeys(("Statute", "Regulation"), _Markup(Canada, describe_canada)),
}


def is_law(metadata: Collection[str]) -> bool:
    """Tell by the keys of its metadata whether a document is a law that was read here."""
    return PARTS in metadata and PROVISIONS in metadata


def holds_law(path: Path) -> bool:
    """Tell whether a file begins like a law in XML, in whatever encoding."""
    with open_file(path) as file:
        raw = file.read(_HEAD_BYTES)
    return begins_law([raw.replace(b"\0", b"").decode("latin-1").removeprefix("\xef\xbb\xbf")])


def begins_law(lines: Sequence[str]) -> bool:
    """Tell whether a file's first lines begin a law in XML."""
    match = _PROLOGUE.match("".join(lines))
    return match is not None and match[1].rpartition(":")[2] in _MARKUPS


def read_law(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the law of a file: title; text with a line for each provision, and U+001E at the end of each part.

    Metadata are `work` and `version`, dates by name, `cites`, `notes`, `parts` (the ids of the text's parts in order),
    `provisions` (how many numbers there are), and where there are any `lost_provisions` (numbers that the text lacks)
    and `bare_provisions` (parts whose number and heading are all their text). The id is the work's, or '' where the law
    does not say it. Raises DataError for a file that declares entities, is no XML or has over 256 MiB.
    """
    root = parse_xml(read_bytes(path, MAX_PARSED_BYTES), path)
    _refuse_deep(root, path)
    markup = _MARKUPS[get_name(root)]
    yield make_law_record(root, markup.make_grammar(root), markup.describe(root))


def make_law_record(root: Element, grammar: Grammar, described: Mapping[str, Any]) -> Record:
    """Return a law as a record.

    described  what its mark-up says of it; what is empty is left out, and `title` is taken where the text has none
    """
    law = read_law_text(root, grammar)
    counted = {
        "notes": law.notes,
        PARTS: [part.id for part in law.parts],
        PROVISIONS: sum(1 for _ in list_numbers(root, grammar)),
        LOST: find_lost_numbers(root, grammar, law.text),
        BARE: [part.id for part in law.parts if part.is_bare],
    }
    metadata = {key: value for key, value in {**described, **counted}.items() if value}
    title = metadata.pop("title", "")
    return Record(metadata.get("work", ""), law.title or title, law.text, metadata, 1)


def name_versions(records: Callable[[], Iterator[Record]]) -> Iterator[Record]:
    """Yield the laws of several files, each under an id of its own.

    A work of which there is one version has the work's id, one of which there are several 'work@version'.

    records  reads them, twice
    """
    counts = Counter(record.id for record in records())
    for record in records():
        version = record.metadata.get("version")
        several = counts[record.id] > 1 and record.id == record.metadata.get("work") and version
        yield record._replace(id=f"{record.id}@{version}") if several else record


def _refuse_deep(root: Element, path: Path) -> None:
    """Raise DataError for a tree that no law has, before it is walked."""
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise DataError(f"{path}: has elements more than {MAX_DEPTH} deep inside each other, which no law has")
        level = [child for element in level for child in element]


LAWS = TextFormat("laws in XML", read_law, (), begins_law, version=VERSION)
