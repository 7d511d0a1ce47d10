"""The files of `details/SET`: which queries there are, and scripts that a page loads where one is looked at.

A script is one call, `nirankDetails('SET/lists-0000', '…')`, whose second argument is JSON as text: an object of its
own would lose what is called `__proto__`. Scripts and no JSON files, since a page opened from a disk reads no files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from nirank.errors import DataError
from nirank.report.plain import to_plain
from nirank.results.query_detail import (
    DetailSource,
    DocumentDetail,
    ListDetail,
    MissedDocument,
    QueryDetail,
    StageList,
)
from nirank.results.query_set import QuerySet, Signs

QUERIES = "queries.json"
PER_SCRIPT = 200  # documents
_TITLE = 80  # characters of a text that stand for its title
_SCRIPTS = 4  # of texts that are kept while documents are looked up

_SCRIPT = re.compile(r"nirankDetails\('[^'\\]*', '(.*)'\);\n", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MISSED = {"rank": None, "last_in": None, "last_rank": None}


def write_details(query_set: QuerySet, source: DetailSource | None, folder: Path) -> None:
    """Write `queries.json`, and the scripts of queries and documents where there is a source of details."""
    write_query_set(query_set, folder)
    if source is not None:
        _ScriptWriter(query_set, source, folder).write()


class _ScriptWriter:
    """Writes scripts a few queries at a time; of documents it remembers the titles."""

    def __init__(self, query_set: QuerySet, source: DetailSource, folder: Path) -> None:
        self._query_set, self._source, self._folder = query_set, source, folder
        self._listed: dict[str, list[str | int | None]] = {}  # title, number of the script with the text, date
        self._n_texts = 0
        self._waiting: list[DocumentDetail] = []

    def write(self) -> None:
        queries = self._source.queries()
        chunks = iter(lambda: list(islice(queries, self._query_set.per_chunk)), [])
        for number, details in enumerate(chunks):
            ids = list(dict.fromkeys(id for detail in details for id in _list_documents(detail)))
            self._read_documents([id for id in ids if id not in self._listed])
            documents = {id: self._listed[id] for id in ids}
            content = {"queries": [_describe_query(detail) for detail in details], "documents": documents}
            self._write_script(f"lists-{number:04}", content)
        if self._waiting:
            self._write_texts()

    def _read_documents(self, ids: Sequence[str]) -> None:
        for document in self._source.documents(ids):
            self._listed[document.id] = [_name_document(document), self._n_texts, document.date]
            self._waiting.append(document)
            if len(self._waiting) == PER_SCRIPT:
                self._write_texts()
        for id in ids:
            self._listed.setdefault(id, ["", None, None])

    def _write_texts(self) -> None:
        documents = {document.id: _drop_nothing(vars(document)) for document in self._waiting}
        self._write_script(f"texts-{self._n_texts:04}", {"documents": documents})
        self._n_texts += 1
        self._waiting = []

    def _write_script(self, name: str, content: Mapping[str, Any]) -> None:
        text = _format_json(content).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        literal = text.replace("\\", "\\\\").replace("'", "\\'")
        script = f"nirankDetails('{self._query_set.folder}/{name}', '{literal}');\n"
        (self._folder / f"{name}.js").write_text(script, encoding="utf-8", errors="backslashreplace")


def _name_document(document: DocumentDetail) -> str:
    """Return what a list shows of a document beside its id: the title, or else how its text begins."""
    words = document.title or " ".join(document.text[: 2 * _TITLE].split())
    return words if document.title or len(words) <= _TITLE else f"{words[:_TITLE].rstrip()}…"


def open_details(folder: str | Path, query_set: QuerySet) -> DetailSource | None:
    """Return the details of a query set of a folder of results; None where none were written.

    Documents are known once a query has been read that lists them.
    """
    if query_set.folder is None:
        return None
    saved = _SavedDetails(folder, query_set)
    return DetailSource(saved.iterate_queries, saved.describe_documents)


class _SavedDetails:
    """Reads scripts of lists one by one, and of those of texts the ones that are asked for."""

    def __init__(self, folder: str | Path, query_set: QuerySet) -> None:
        self._folder, self._query_set = folder, query_set
        self._scripts: dict[str, int] = {}  # in which script a document's text stands
        self._read_texts = lru_cache(_SCRIPTS)(self._read_texts_anew)

    def iterate_queries(self) -> Iterator[QueryDetail]:
        for path in _list_scripts(self._folder, self._query_set, "lists"):
            content = _read_script(path)
            numbers = ((id, number) for id, (_, number, _) in content["documents"].items())
            self._scripts.update((id, number) for id, number in numbers if number is not None)
            yield from map(_parse_query, content["queries"])

    def describe_documents(self, ids: Sequence[str]) -> Iterator[DocumentDetail]:
        for id in ids:
            if id in self._scripts:
                yield DocumentDetail(**self._read_texts(self._scripts[id])[id])

    def _read_texts_anew(self, number: int) -> dict[str, Any]:
        path = Path(self._folder) / "details" / str(self._query_set.folder) / f"texts-{number:04}.js"
        documents: dict[str, Any] = _read_script(path)["documents"]
        return documents


def read_query_details(folder: str | Path, query_set: QuerySet) -> Iterator[QueryDetail]:
    """Yield the details of a query set of a folder of results, in the set's order. Raises DataError for no scripts."""
    for path in _list_scripts(folder, query_set, "lists"):
        yield from map(_parse_query, _read_script(path)["queries"])


def read_document_details(folder: str | Path, query_set: QuerySet) -> Iterator[DocumentDetail]:
    """Yield what is known of the documents of a query set's lists."""
    for path in _list_scripts(folder, query_set, "texts"):
        for document in _read_script(path)["documents"].values():
            yield DocumentDetail(**document)


def _list_scripts(folder: str | Path, query_set: QuerySet, kind: str) -> list[Path]:
    return sorted((Path(folder) / "details" / str(query_set.folder)).glob(f"{kind}-*.js"), key=_read_number)


def _read_number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _read_script(path: Path) -> dict[str, Any]:
    try:
        match = _SCRIPT.fullmatch(path.read_text(encoding="utf-8"))
        content: dict[str, Any] = json.loads(_ESCAPED.sub(r"\1", match[1])) if match is not None else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    if not content:
        raise DataError(f"{path}: is no script of details")
    return content


def _list_documents(detail: QueryDetail) -> Iterator[str]:
    for listed in detail.lists.values():
        yield from listed.documents
        yield from (missed.document for missed in listed.missed)


def _describe_query(detail: QueryDetail) -> dict[str, Any]:
    """Return a detail as JSON has it; `to_plain` looks at every value, which takes longer than all the rest."""
    lists = {
        system: _drop_nothing(
            {
                "documents": listed.documents,
                "scores": listed.scores,
                "stages": [vars(stage) for stage in listed.stages],
                "missed": [_drop_nothing(vars(missed)) for missed in listed.missed],
            }
        )
        for system, listed in detail.lists.items()
    }
    return _drop_nothing({**vars(detail), "lists": lists})


def _drop_nothing(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is None or an empty collection."""
    return {name: value for name, value in values.items() if value is not None and value not in ((), [], {})}


def _parse_query(known: Mapping[str, Any]) -> QueryDetail:
    lists = {
        system: ListDetail(
            tuple(listed.get("documents", ())),
            tuple(listed.get("scores", ())),
            tuple(
                StageList(stage["stage"], tuple(stage["ranks"]), tuple(stage["scores"]))
                for stage in listed.get("stages", ())
            ),
            tuple(MissedDocument(**{**_MISSED, **missed}) for missed in listed.get("missed", ())),
        )
        for system, listed in known.get("lists", {}).items()
    }
    return QueryDetail(**{**known, "lists": lists})


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
