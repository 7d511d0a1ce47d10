"""The query that is asked: a collection with it in the place of its own queries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from nirank.collections.collection import Collection
from nirank.collections.dates import find_date_key
from nirank.collections.text_fields import METADATA
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, suggest
from nirank.flow.ids import Ids, as_id

_ID = "asked"  # of a query that has none
_SHOWN = 10  # keys in a message


def ask_collection(collection: Collection, query: str | Mapping[str, Any]) -> Collection:
    """Return a collection whose only query is the one that is asked.

    query  its text, or a record as the collection's files have them: title, text, id, metadata; other keys are metadata

    Rules of the collection hold for it (dates, own documents). It is not judged, and has neither candidates nor
    documents that it had before: it is ranked over all documents.
    Raises ConfigError for a key that no query of the collection has, and for a query without any text.
    """
    return replace(
        collection,
        queries=_make_texts(collection, {"text": query} if isinstance(query, str) else query),
        qrels={},
        candidates=None,
        known=None,
        known_qrels={},
        relation="two_sided",
    )


def list_query_keys(collection: Collection) -> tuple[str, ...]:
    """Return the columns and metadata keys that a query of the collection can have."""
    queries = collection.queries
    date = collection.date or find_date_key(queries) or find_date_key(collection.docs)
    columns = queries.text_columns or ("text",)
    return tuple(dict.fromkeys((*columns, *queries.text_fields.keys, *(() if date is None else (date,)))))


def _make_texts(collection: Collection, record: Mapping[str, Any]) -> Texts:
    fields = {str(key): value for key, value in record.items() if key not in ("id", "_id", METADATA)}
    metadata = record.get(METADATA) or {}
    if not isinstance(metadata, Mapping):
        raise ConfigError(f"query: metadata is a mapping of keys to values, got {metadata!r}")
    fields |= {str(key): value for key, value in metadata.items()}
    columns, keys = collection.queries.text_columns or ("text",), list_query_keys(collection)
    if "text" in fields and "text" not in columns:  # the collection names its only text otherwise
        fields = {columns[0]: fields.pop("text")} | fields
    for key in fields:
        if key not in keys:
            known = ", ".join([*keys[:_SHOWN], *(["…"] if len(keys) > _SHOWN else [])])
            raise ConfigError(f"query: no query of {collection.name} has '{key}'; expected {known}{suggest(key, keys)}")
    texts = {name: _as_text(name, fields.pop(name, "")) for name in columns}
    if not any(text.strip() for text in texts.values()):
        raise ConfigError("query: it has no text")
    try:
        cells = texts | {METADATA: json.dumps(fields, ensure_ascii=False) if fields else ""}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"query: metadata that JSON cannot say ({error})") from None
    id = as_id(record.get("id", record.get("_id", _ID)), "query")
    own = collection.queries
    text_fields = replace(own.text_fields, keys={**dict.fromkeys(fields, 1), **own.text_fields.keys})
    return Texts(
        Ids.of([id]),
        {name: pa.chunked_array([pa.array([value], pa.large_string())]) for name, value in cells.items()},
        text_fields=text_fields if len(own) else None,
        reads_all_columns=own.reads_all_columns,
    )


def _as_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"query: {name} is text, got {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"query: {name} has half a character (a lone surrogate)") from None
    return value
