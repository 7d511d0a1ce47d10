"""Catalogue: which documents of a collection a text names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from nirank.citations.celex import parse_celex
from nirank.citations.find import find_references, normalise_identifier
from nirank.citations.reference import Reference, merge_references
from nirank.citations.titles import TitleFinder, is_title, list_own_names, split_title

_TITLE_KEYS = ("short_title", "long_title", "title", "alias", "popular_name")
_IDENTIFIER_KEYS = ("celex", "number", "work", "eli", "uri", "identifier", "citation")
KEYS = tuple(dict.fromkeys(_TITLE_KEYS + _IDENTIFIER_KEYS))  # metadata that names a document
_ACRONYM = re.compile(r"[A-Z][A-Z0-9]{2,9}")
_TOKEN = re.compile(r"[^\s,;:\"“”'‘’<>\[\]]+")
_PART = re.compile(r"/?[#!~]")  # /akn/zz/act/2019/7/eng@2021-06-30/!main~art_2: from here on a part of the text
_EXPRESSION = re.compile(r"/[a-z]{3}(?:@[^/]*)?$")  # its language and day
_MIN_ID = 5  # characters of an id that is looked for as it is


@dataclass(frozen=True)
class Citation:
    """A mention of documents of a collection.

    rows   of the documents; several where a number or a title is theirs alike
    exact  False for a title that is only nearly that of the document
    """

    reference: Reference
    rows: tuple[int, ...]
    exact: bool


@dataclass
class Catalogue:
    """Names of documents: identifiers in one form, titles, acronyms, ids as they are.

    n_docs       how many documents there are
    identifiers  normalised identifier to rows; consolidated texts also under the act that they are of, after a `~`
    titles       words of a title, joined by blanks, to rows
    acronyms     as written to rows
    ids          ids that are looked for as they are, to rows
    works        ids and works of no form that is known, as written, to rows
    """

    n_docs: int = 0
    identifiers: dict[str, list[int]] = field(default_factory=dict)
    titles: dict[str, list[int]] = field(default_factory=dict)
    acronyms: dict[str, list[int]] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    works: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str, Mapping[str, Any], str]]) -> Self:
        """Make a catalogue of (id, title, metadata, text) of each document."""
        catalogue = cls()
        for row, (id, title, metadata, text) in enumerate(documents):
            catalogue._add(row, id, title, metadata, text)
        return catalogue

    def _add(self, row: int, id: str, title: str, metadata: Mapping[str, Any], text: str) -> None:
        self.n_docs = row + 1
        names = [id, *(value for key in _IDENTIFIER_KEYS for value in _list_texts(metadata.get(key)))]
        identifiers = dict.fromkeys(normalise_identifier(name) for name in names)
        own = normalise_identifier(id)
        for identifier in identifiers:
            if identifier is not None and not _contradicts(identifier, own):
                _append(self.identifiers, identifier, row)
                celex = parse_celex(identifier)
                if celex is not None and celex.original != identifier:
                    _append(self.identifiers, f"~{celex.original}", row)
        for name in dict.fromkeys([id, *_list_texts(metadata.get("work"))]):
            if normalise_identifier(name) is None:
                _append(self.works, name, row)
        if own is None and len(id) >= _MIN_ID and any(map(str.isdigit, id)) and _TOKEN.fullmatch(id):
            self.ids[id] = row
        short = [part.strip() for name in _list_texts(metadata.get("short_title")) for part in name.split(",")]
        for name in dict.fromkeys(part for part in short if _ACRONYM.fullmatch(part)):
            _append(self.acronyms, name, row)
        titles = [title, *short, *list_own_names(text)]
        titles += [name for key in _TITLE_KEYS for name in _list_texts(metadata.get(key))]
        for words in dict.fromkeys(split_title(name) for name in titles):
            if is_title(words):
                _append(self.titles, " ".join(words), row)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "n_docs": self.n_docs,
            "identifiers": self.identifiers,
            "titles": self.titles,
            "acronyms": self.acronyms,
            "ids": self.ids,
            "works": self.works,
        }

    def resolve_link(self, link: str) -> tuple[int, ...]:
        """Return the documents that a link of a law's mark-up means: an identifier, or a work, whatever part of it."""
        identifier = normalise_identifier(link)
        if identifier is not None:
            return tuple(self.identifiers.get(identifier, ()))
        work = _PART.split(link)[0]
        rows = self.works.get(work) or self.works.get(_EXPRESSION.sub("", work))
        return () if rows is None else tuple(rows)

    @cached_property
    def _title_rows(self) -> list[list[int]]:
        return list(self.titles.values())

    @cached_property
    def _finder(self) -> TitleFinder:
        return TitleFinder({tuple(title.split()): key for key, title in enumerate(self.titles)})

    def find_citations(self, text: str) -> list[Citation]:
        """Return the mentions of documents in a text, in order of appearance.

        Numbers, addresses and ids come before titles, exact titles before near ones.
        """
        citations: dict[tuple[int, int], Citation] = {}
        numbered: list[Reference] = []
        titled: list[Reference] = []
        near: list[Reference] = []
        for reference in find_references(text):
            rows = self.resolve(reference)
            if rows:
                numbered.append(reference)
                # An act whose section made or changed what is cited: S.C. 2004, c. 15, s. 56.
                exact = reference.kind != "chapter" or reference.identifiers[0] in self.identifiers
                citations[reference.start, reference.end] = Citation(reference, rows, exact)
        for reference, rows in self._find_names(text):
            numbered.append(reference)
            citations.setdefault((reference.start, reference.end), Citation(reference, rows, True))
        for reference, key, exact in self._finder.find(text):
            (titled if exact else near).append(reference)
            span = reference.start, reference.end
            citations.setdefault(span, Citation(reference, tuple(self._title_rows[key]), exact))
        merged = merge_references(numbered, titled, near)
        return [citations[reference.start, reference.end] for reference in merged]

    def resolve(self, reference: Reference) -> tuple[int, ...]:
        """Return the documents that a reference by identifier names.

        The first of its identifiers that is one of a document counts. Where no document is the act itself, those that
        are texts of it as of some day are meant.
        """
        for mark in ("", "~"):
            for identifier in reference.identifiers:
                rows = self.identifiers.get(mark + identifier)
                if rows:
                    return tuple(rows)
        return ()

    def _find_names(self, text: str) -> Iterator[tuple[Reference, tuple[int, ...]]]:
        """Yield mentions of acronyms and of ids that are of no known form."""
        if not self.acronyms and not self.ids:
            return
        for match in _TOKEN.finditer(text):
            start, token = match.start(), match.group()
            bare = token.strip("().!?") if token not in self.ids else token
            rows = (self.ids[bare],) if bare in self.ids else tuple(self.acronyms.get(bare, ()))
            if rows:
                start += token.find(bare)
                yield Reference(bare, start, start + len(bare), "id", ""), rows


def _contradicts(identifier: str, own: str | None) -> bool:
    """Tell whether an identifier in metadata is not the document's own: the act that its text consolidates."""
    return own is not None and own != identifier and parse_celex(own) is not None


def _append(rows_by_name: dict[str, list[int]], name: str, row: int) -> None:
    rows = rows_by_name.setdefault(name, [])
    if row not in rows[-1:]:
        rows.append(row)


def _list_texts(value: Any) -> Sequence[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in values if isinstance(item, str) and item.strip()]
