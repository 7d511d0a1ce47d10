"""COLIEE's layout of case law: a folder with a text a case, and labels in JSON: which cases a case notices."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from nirank.collections.readers.formats import are_plain_texts
from nirank.collections.readers.records import Record, Side
from nirank.collections.sources.file_names import name_files
from nirank.collections.sources.file_set import MAIN, FileSet, find_judgement_files, find_side_files
from nirank.collections.sources.text_files import TextFiles
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import QrelsFile, read_qrels
from nirank.forms.json_values import read_values

_LABELS = re.compile(r"(?:.*[_.-])?labels?(?:[_.-].*)?\.json", re.IGNORECASE)
_SPLIT = re.compile(r"(?<![a-z])(train|dev|valid|validation|test)(?:ing)?(?![a-z])", re.IGNORECASE)
_QUERIES = re.compile(r"quer(?:y|ies)(?:[_.-].*)?|.*[_.-]quer(?:y|ies)", re.IGNORECASE)
_NO_SPLIT = ""


def is_coliee(folder: Path) -> bool:
    """Tell whether a folder has the layout: a JSON file of labels, and a folder of texts or two (queries, cases)."""
    if not folder.is_dir() or not any(_LABELS.fullmatch(path.name) for path in folder.iterdir()):
        return False
    return not find_judgement_files(folder) and bool(_find_pools(folder))


def _find_labels(folder: Path) -> dict[str, Path]:
    """Return {split: file of labels}."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and _LABELS.fullmatch(path.name):
            split = _find_split(path.name)
            if split in found:
                raise DataError(f"{folder}: has both {found[split].name} and {path.name}; expected one of them a split")
            found[split] = path
    return found


def _find_split(name: str) -> str:
    match = _SPLIT.search(name.replace("_", " "))
    return match[1].lower() if match else _NO_SPLIT


def _find_pools(folder: Path) -> list[Path]:
    """Return the folders of texts, one file a text."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "." and _holds_texts(path)]


def _holds_texts(folder: Path) -> bool:
    try:
        files = TextFiles.find(folder, "docs")
    except ConfigError:
        return False
    return are_plain_texts(files.paths)


@dataclass(frozen=True)
class Coliee(FileSet):
    """A folder in the layout. Queries are cases of a folder of their own, or those of the pool that labels name.

    label_files  {split: file}, '' where names tell no split
    """

    label_files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of_split(cls, folder: Path, split: str | None) -> Coliee:
        """Look for pool, queries and labels of a split; raises ConfigError and DataError for what is not told apart."""
        labels = _find_labels(folder)
        splits = sorted(split for split in labels if split)
        chosen = split or ("test" if "test" in splits else splits[0] if len(splits) == 1 else "")
        if chosen not in labels:
            if split is None:
                raise ConfigError(f"collection {folder}: has several splits; choose one of {', '.join(splits)}")
            listed = f"it has {', '.join(splits)}" if splits else "it has none"
            raise ConfigError(f"collection {folder}: there is no split '{split}'; {listed}{suggest(split, splits)}")
        pools = _find_pools(folder)
        queries = [pool for pool in pools if _QUERIES.fullmatch(pool.name)]
        cases = [pool for pool in pools if pool not in queries]
        pool, asking = _choose(folder, cases, chosen, "cases"), _choose(folder, queries, chosen, "query cases")
        if pool is None:
            raise DataError(f"{folder}: has no folder of cases beside {queries[0].name}; expected one, a text a case")
        docs = TextFiles.find(pool, "docs")
        topics = find_side_files(folder, "queries") if asking is None else TextFiles.find(asking, "queries")
        return cls(folder.resolve().name, docs, topics or docs, place=str(folder), label_files=labels)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(sorted(split for split in self.label_files if split))

    @property
    def rules(self) -> dict[str, Any]:
        """Fields of `Collection` that follow from what this is: a case of the pool is no answer to itself."""
        return {"self_match": "id"} if self.is_one_table else {}

    @cached_property
    def _query_names(self) -> frozenset[str]:
        """The files of the pool that any split's labels name as queries."""
        named: set[str] = set()
        for path in self.label_files.values():
            queries = pa.array(_list_queries(path), pa.large_string())
            named.update(name_files(queries, self.docs.list_names()).to_pylist())
        return frozenset(named)

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        """Return the digests and names of the files and, of queries in the pool, which they are."""
        identity = super().get_identity(side)
        if side == "docs" or not self.is_one_table:
            return identity
        return {**identity, "layout": "coliee", "queries": sorted(self._query_names)}

    def read_records(self, side: Side) -> Iterator[Record]:
        records = super().read_records(side)
        if side == "docs" or not self.is_one_table:
            return records
        return (record for record in records if record.id in self._query_names)

    def read_qrels(self, path: str | Path) -> QrelsFile:
        """Read labels, which say which case asks; names may lack the files' endings."""
        return self._name_files(read_qrels(path, self.columns.qrels))

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        path = self.label_files.get(split or _NO_SPLIT)
        return {} if path is None else {MAIN: self.read_qrels(path)}


def _choose(folder: Path, pools: list[Path], split: str, what: str) -> Path | None:
    """Return the folder of a split among several; the only one serves all splits."""
    mine = [pool for pool in pools if _find_split(pool.name) == split] if len(pools) > 1 else pools
    if len(pools) > 1 and len(mine) != 1:
        names = ", ".join(pool.name for pool in pools)
        raise DataError(f"{folder}: has several folders of {what} ({names}); expected one, or one named by each split")
    return mine[0] if mine else None


def _list_queries(path: Path) -> list[str]:
    """Return the queries of a file of labels, also those whose list is empty."""
    values = [value for _, value in read_values(path)]
    if len(values) == 1 and isinstance(values[0], Mapping):
        return list(values[0])
    queries: list[str] = read_qrels(path).query_ids.unique().to_pylist()
    return queries
