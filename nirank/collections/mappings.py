"""Texts, judgements and pairs that Python callers hold in mappings, taken as readers take files."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nirank.collections.importer import ImportFacts, import_texts
from nirank.collections.readers.record_builder import RecordBuilder
from nirank.collections.readers.records import Record
from nirank.collections.text_fields import value_to_text
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.judgement_files import PairsFile, QrelsFile
from nirank.forms.cells import NotText, cell_to_id
from nirank.forms.column_names import TextColumns
from nirank.forms.names import TEXT_NAMES, TITLE_NAMES, is_known

_LABEL_LIMIT = 10**9  # labels are below, as in files


def texts_from_mapping(records: Mapping[Any, Any], what: str) -> tuple[Texts, ImportFacts]:
    """Import {id: text} or {id: {title, text, metadata, …}}; records with neither title nor text are a table's rows.

    what  'documents' or 'queries'
    Ids that are numbers become text and are counted. Raises DataError, naming the record, for what is no id or no text.
    """
    if not isinstance(records, Mapping):
        raise DataError(f"{what}: expected a mapping of ids to texts, got {_name_type(records)}")
    with tempfile.TemporaryDirectory(prefix="nirank-memory-", ignore_cleanup_errors=True) as folder:
        facts = import_texts(_iterate_records(records, what), Path(folder), what)
        return Texts.open(Path(folder)), facts


def _iterate_records(records: Mapping[Any, Any], what: str) -> Iterator[Record]:
    rows = [(_to_json_value(id), _read_fields(id, value, what)) for id, value in records.items()]
    names = dict.fromkeys(name for _, fields in rows for name in fields if name != "metadata")
    is_table = bool(names) and not any(is_known(name, (*TITLE_NAMES, *TEXT_NAMES)) for name in names)
    builder = RecordBuilder(what, TextColumns())
    for number, (id, fields) in enumerate(rows, 1):
        if not is_table:
            yield builder.build_record({**fields, "_id": id}, f"{what}, '{id}'", number)
            continue
        metadata = {"metadata": fields["metadata"]} if "metadata" in fields else {}
        columns = {name: value_to_text(fields.get(name)) for name in names}
        yield builder.build_record({"_id": id, **metadata}, f"{what}, '{id}'", number)._replace(columns=columns)


def _read_fields(id: Any, value: Any, what: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        fields = {str(name): _to_json_value(item) for name, item in value.items()}
        return {name: item for name, item in fields.items() if item is not None}
    text = _to_json_value(value)
    if text is None or isinstance(text, str):
        return {"text": text or ""}
    raise DataError(
        f"{what}, '{id}': expected a text, or a mapping of title, text and metadata, got {_name_type(value)}"
    )


def judgements_from_mapping(judged: Mapping[Any, Any], source: str) -> QrelsFile:
    """Take {query id: {document id: label}}; raises DataError, naming both, for a label that is no whole number."""
    if not isinstance(judged, Mapping):
        raise DataError(f"{source}: expected {{query id: {{document id: label}}}}, got {_name_type(judged)}")
    rows: list[tuple[str, str, int]] = []
    for query, graded in judged.items():
        if not isinstance(graded, Mapping):
            raise DataError(f"{source}: query '{query}': expected {{document id: label}}, got {_name_type(graded)}")
        query_id = id_from_value(query, f"{source}: a query id")
        for doc, given in graded.items():
            label = _to_json_value(given)
            is_integer = isinstance(label, int) or (isinstance(label, float) and label.is_integer())
            if not is_integer or abs(label) >= _LABEL_LIMIT:
                raise DataError(
                    f"{source}: query '{query}', document '{doc}' has label {given!r}; expected a whole number"
                )
            rows.append((query_id, id_from_value(doc, f"{source}: query '{query}': a document id"), int(label)))
    return QrelsFile.of(rows, source)


def pairs_from_mapping(listed: Mapping[Any, Any], source: str) -> PairsFile:
    """Take {query id: document ids}."""
    if not isinstance(listed, Mapping):
        raise DataError(f"{source}: expected {{query id: document ids}}, got {_name_type(listed)}")
    queries: list[str] = []
    docs: list[str] = []
    for query, given in listed.items():
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise DataError(f"{source}: query '{query}': expected a list of document ids, got {_name_type(given)}")
        doc_ids = [id_from_value(doc, f"{source}: query '{query}': a document id") for doc in given]
        queries += [id_from_value(query, f"{source}: a query id")] * len(doc_ids)
        docs += doc_ids
    return PairsFile.build(source, pa.array(queries, pa.large_string()), pa.array(docs, pa.large_string()))


def id_from_value(value: Any, where: str) -> str:
    """Return an id as text, whole numbers as written; raise DataError, which begins with `where`, for no id."""
    try:
        id = cell_to_id(_to_json_value(value))
    except NotText:
        id = None
    if not id:
        raise DataError(f"{where} is {value!r}; expected text or a number")
    return id


def _to_json_value(value: Any) -> Any:
    """Return a value as JSON has it: dates and what else JSON lacks become text, NaN nothing."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _to_json_value(item) for key, item in value.items()}
    if isinstance(value, date):
        return None if value != value else value.isoformat()  # a missing time of pandas is unequal to itself
    if isinstance(value, (list, tuple, set, frozenset)):
        return [
            _to_json_value(item) for item in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)
        ]
    return None if value is not value or type(value).__name__ in ("NAType", "NaTType") else str(value)


def _name_type(value: Any) -> str:
    names = {list: "a list", dict: "a mapping", str: "text", type(None): "None", bool: "true or false"}
    return names.get(type(value), f"a value of type {type(value).__name__}")
