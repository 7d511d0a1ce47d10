"""What the documents of a collection are called, for what is cited in texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nirank.citations.catalogue import KEYS, Catalogue
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts

CITES = "cites"  # metadata: laws that a law's mark-up names


def make_catalogue(docs: Texts) -> Catalogue:
    """Return the names of all documents: ids, numbers, titles, and what they say that they may be cited as."""
    return Catalogue.of(read_documents(docs))


def read_documents(docs: Texts) -> Iterator[tuple[str, str, Mapping[str, Any], str]]:
    """Yield id, title, metadata as far as they name or cite, and text of each document."""
    keys = [key for key in (*KEYS, CITES) if key in docs.text_fields.keys]
    metadata = zip(*(docs.read_metadata(key) for key in keys), strict=True) if keys else iter([()] * len(docs))
    for id, (title, text), values in zip(docs.ids, read_title_and_text(docs), metadata, strict=True):
        yield id, title, dict(zip(keys, values, strict=True)), text


def read_title_and_text(texts: Texts, view: View = TITLE_AND_TEXT) -> Iterator[tuple[str, str]]:
    """Yield title and text of each row apart; a title is only known where the usual columns are read."""
    if TextView(view).is_default and {"title", "text"} <= set(texts.columns) and not texts.reads_all_columns:
        yield from zip(texts.read(TextView("title")), texts.read(TextView("text")), strict=True)
    else:
        yield from (("", text) for text in texts.read(TextView(view)))
