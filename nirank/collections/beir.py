"""Folders in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`, each plain or `.gz`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nirank.collections.audit import Finding
from nirank.collections.records import Record, Side
from nirank.errors import DataError
from nirank.files import find_file, read_lines
from nirank.identity import digest_files
from nirank.ids import Ids
from nirank.judgements import QrelsFile, read_qrels

_FILES: Mapping[Side, str] = {"docs": "corpus.jsonl", "queries": "queries.jsonl"}
_OWN_KEYS = ("_id", "title", "text", "metadata")


def is_beir(folder: Path) -> bool:
    """Tell whether a folder looks like BEIR's layout."""
    return folder.is_dir() and any((folder / f"{_FILES['docs']}{end}").exists() for end in ("", ".gz"))


class BeirFolder:
    """A collection in a folder. Raises DataError when `corpus` or `queries` is missing."""

    findings: tuple[Finding, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.resolve().name
        found = {side: find_file(folder, name) for side, name in _FILES.items()}
        missing = [_FILES[side] for side, path in found.items() if path is None]
        if missing:
            raise DataError(*(f"{folder}: has no {name} or {name}.gz; expected BEIR's layout" for name in missing))
        self.paths = {side: path for side, path in found.items() if path is not None}

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have a judgement file."""
        names = (path.name for end in ("tsv", "tsv.gz") for path in (self.folder / "qrels").glob(f"*.{end}"))
        return tuple(sorted({name.removesuffix(".gz").removesuffix(".tsv") for name in names}))

    @cached_property
    def digests(self) -> dict[Side, str]:
        """Digests of the files' bytes."""
        try:
            return {side: digest_files([path]) for side, path in self.paths.items()}
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {"reader": "beir-1", "bytes": self.digests[side]}

    def origin(self) -> Mapping[str, Any]:
        files = {path.name: self.digests[side] for side, path in self.paths.items()}
        return {"source": str(self.folder), "reader": "beir", "files": files}

    def label(self, side: Side) -> str:
        return str(self.paths[side])

    def records(self, side: Side) -> Iterator[Record]:
        return read_records(self.paths[side])

    def judgements(self, split: str | None, queries: Ids) -> QrelsFile | None:
        path = None if split is None else find_file(self.folder / "qrels", f"{split}.tsv")
        return None if path is None else read_qrels(path)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a JSON-lines file; blank lines are passed over.

    Keys other than `_id`, `title`, `text` and `metadata` go into the metadata, whose own keys win.
    Raises DataError, file:line, for a line that is not a JSON object, a record without `_id`,
    and values of a wrong type.
    """
    for number, line in read_lines(path):
        if line.isspace():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line.rstrip())
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not valid JSON ({error.msg} at column {error.colno})") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not valid JSON ({error})") from None
        if not isinstance(value, dict):
            raise DataError(f"{where}: a JSON {_kind(value)}; expected an object with _id and text")
        yield _record(value, where, number)


def _record(value: dict[str, Any], where: str, number: int) -> Record:
    id = value.get("_id")
    if id is None or id == "" or id != id:  # pandas writes a missing id as NaN
        raise DataError(f"{where}: the record has no _id; found keys {', '.join(map(repr, value)) or '(none)'}")
    if isinstance(id, bool) or not isinstance(id, (str, int, float)):
        raise DataError(f"{where}: _id is a JSON {_kind(id)}; expected a string")
    metadata = value.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DataError(f"{where}: metadata is a JSON {_kind(metadata)}; expected an object")
    metadata |= {key: found for key, found in value.items() if key not in _OWN_KEYS and key not in metadata}
    return Record(id, _text(value, "title", where), _text(value, "text", where), metadata, number)


def _text(value: dict[str, Any], key: str, where: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DataError(f"{where}: {key} is a JSON {_kind(found)}; expected a string")
    return found


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
