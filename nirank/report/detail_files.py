"""The files of `details/SET`: which queries there are, and what is odd about each system's first results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirank.errors import DataError
from nirank.report.plain import to_plain
from nirank.results.query_set import QuerySet, Signs

QUERIES = "queries.json"


def write_query_set(query_set: QuerySet, folder: Path) -> None:
    """Write `queries.json`: a query set without its values."""
    known = {
        "collection": query_set.collection,
        "split": query_set.split,
        "qrels": query_set.qrels,
        "folder": query_set.folder,
        "per_chunk": query_set.per_chunk,
        "detailed": query_set.detailed,
        "systems": list(query_set.values),
        "ids": query_set.ids,
        "texts": query_set.texts,
        "relevant": query_set.relevant,
        "signs": query_set.signs,
    }
    lines = [f'"{name}": {_format_json(to_plain(value))}' for name, value in known.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / QUERIES).write_text(text, encoding="utf-8", errors="backslashreplace")


def read_query_set(path: Path) -> QuerySet:
    """Read a `queries.json`; its systems have no values yet. Raises DataError for what is none."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        systems, signs = known.pop("systems"), known.pop("signs")
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in known.items()
        }
        return QuerySet(
            **fields,
            values={system: {} for system in systems},
            signs={system: _read_signs(counts) for system, counts in signs.items()},
        )
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: is no list of queries that this nirank can read ({error!r})") from None


def _read_signs(known: Mapping[str, Any]) -> Signs:
    arrays: dict[str, Any] = {
        name: None if counts is None else np.array(counts, np.int64) for name, counts in known.items()
    }
    return Signs(**arrays)


def _format_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
