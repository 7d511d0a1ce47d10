"""Queries that plans wrote: what each filter left of them, as tables and examples."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nirank.report.grid import Cell, Grid
from nirank.report.plain import to_plain
from nirank.results.row import Row
from nirank.results.row_training import WrittenQueries

_LONGEST = 200  # characters of a query that are shown

_HEAD = ["", "queries in", "kept", "share"]


@dataclass(frozen=True)
class ExampleLine:
    """A query for people: what looked at it, whether it was kept, its document, its words."""

    sieve: str
    fate: str
    document: str
    query: str


@dataclass(frozen=True)
class WrittenSection:
    """What the page says of one set of written queries beside the table of its counts.

    generator  what the queries depend on beside the documents, as JSON
    file  that has all of them
    """

    title: str
    generator: str
    file: str
    examples: Sequence[ExampleLine]


def name_written_file(written: WrittenQueries) -> str:
    """Return the file, in the folder of a run, that has every query of a set."""
    return f"written/{written.address[:12]}.tsv.gz"


def make_written_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each set of written queries: how many each filter was given, and how many it kept."""
    return [_make_grid(written) for written in list_written_sets(rows)]


def make_written_sections(rows: Sequence[Row]) -> list[WrittenSection]:
    """Return what the page says of each set of written queries."""
    return [
        WrittenSection(
            _clean(written.what),
            json.dumps(to_plain(written.generator), indent=1),
            name_written_file(written),
            list(_list_examples(written)),
        )
        for written in list_written_sets(rows)
    ]


def list_written_sets(rows: Sequence[Row]) -> Iterator[WrittenQueries]:
    """Yield each set of written queries once, however many systems use it."""
    distinct: dict[tuple[str, str], WrittenQueries] = {}
    for written in (each for row in rows for each in row.written):
        distinct.setdefault((written.what, written.address), written)
    yield from distinct.values()


def _make_grid(written: WrittenQueries) -> Grid:
    body = [
        [
            Cell(_clean(sieve.what)),
            Cell(f"{sieve.entered:,}", number=True),
            Cell(f"{sieve.left:,}", number=True),
            Cell(f"{sieve.left / sieve.entered:.4f}" if sieve.entered else "-", number=True),
        ]
        for sieve in written.sieves
    ]
    count = f"{written.written:,}"
    body.insert(0, [Cell("written"), *(Cell(text, number=True) for text in (count, count, "-"))])
    notes = [f"Documents: {_clean(written.selection)}; {written.documents:,} chosen."]
    if written.clusters and written.covered_at_random is not None:
        notes.append(
            f"Kept queries are of documents in {written.covered:,} of {written.clusters:,} clusters; as many documents"
            f" drawn at random would lie in {written.covered_at_random:.1f} on average."
        )
    if written.evaluated:
        fate = "left out" if written.dropped else "kept"
        notes.append(f"{written.evaluated:,} with the words of evaluated queries: {fate}.")
    tokens = f", {written.tokens:,} tokens" if written.tokens else ""
    notes.append(f"Writing took {written.seconds:,.1f} seconds{tokens}; it is part of no system's time for queries.")
    notes.append(f"All of them, kept and dropped: {name_written_file(written)}.")
    return Grid(f"Written queries: {_clean(written.what)}", _HEAD, body, notes)


def _list_examples(written: WrittenQueries) -> Iterator[ExampleLine]:
    for sieve in written.sieves:
        for fate, pairs in (("dropped", sieve.dropped), ("kept", sieve.kept)):
            for document, query in pairs:
                yield ExampleLine(_clean(sieve.what), fate, _clean(document), _clean(query))


def _clean(text: str) -> str:
    """Return a text on one line and not too long, what cannot be seen written out: models write it, not people."""
    visible = "".join(
        character if unicodedata.category(character)[0] != "C" else f"\\u{ord(character):04x}"
        for character in " ".join(text.split())
    )
    return visible if len(visible) <= _LONGEST else f"{visible[:_LONGEST]}…"
