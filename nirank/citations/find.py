"""All references to acts in a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nirank.citations.british import find_british, parse_british
from nirank.citations.canadian import find_canadian, parse_canadian
from nirank.citations.celex import parse_celex
from nirank.citations.european import find_european
from nirank.citations.phrases import find_titles
from nirank.citations.reference import Reference, merge_references

_YEAR = len("2006")


def find_references(text: str) -> list[Reference]:
    """Return the references to acts of the European Union, the United Kingdom and Canada, in order of appearance.

    Numbers come before names: where both overlap, what has a number counts. Time is linear in the text.
    """
    titles = list(find_titles(text))
    return merge_references(find_canadian(text), _join_titles(find_british(text), titles), find_european(text), titles)


def _join_titles(chapters: Iterable[Reference], titles: Iterable[Reference]) -> Iterator[Reference]:
    """Let a chapter begin where the title does whose year it shares: `Companies Act 2006 (c. 46)`."""
    starts = {title.end: title for title in titles}
    for chapter in chapters:
        title = starts.get(chapter.start + _YEAR) if chapter.kind == "chapter" else None
        if title is None:
            yield chapter
        else:
            yield replace(chapter, text=title.text + chapter.text[_YEAR:], start=title.start)


def normalise_identifier(text: str) -> str | None:
    """Return the identifier that a document's id, number or address stands for; None where it is of no known form.

    `UKPGA20060046` is ukpga/2006/46, `SOR/94-123` is SOR-94-123, an ELI address its CELEX number.
    """
    text = text.strip()
    celex = parse_celex(text)
    return str(celex) if celex is not None else parse_british(text) or parse_canadian(text)
