"""REG-IR's layout: `corpus.jsonl`, and a file a split whose rows are queries with the documents relevant to them.

Chalkidis, Fergadiotis, Manginas, Katakalou and Malakasiotis, EACL 2021; the data set eu_regulatory_ir.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from nirank.base.files import find_file, strip_packed_suffix
from nirank.collections.readers.records import Record, Side
from nirank.collections.sources.file_set import MAIN, FileSet
from nirank.collections.sources.text_files import TextFiles
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import QrelsFile
from nirank.forms.cells import NotText, cell_to_id
from nirank.forms.json_values import read_values

RELEVANT = "relevant_documents"  # the key of a query's list, and of an empty one in the corpus
_SPLITS = ("train", "dev", "validation", "test")
_CORPUS = "corpus.jsonl"


def is_reg_ir(folder: Path) -> bool:
    """Tell whether a folder has the layout: a corpus, and files of splits whose first rows list relevant documents."""
    if not folder.is_dir() or _find_file(folder, "corpus") is None:
        return False
    files = [path for split in _SPLITS if (path := _find_file(folder, split)) is not None]
    return bool(files) and all(_lists_relevant_documents(path) for path in files)


def _find_file(folder: Path, stem: str) -> Path | None:
    try:
        return find_file(folder, f"{stem}.jsonl")
    except DataError:
        return None


def _lists_relevant_documents(path: Path) -> bool:
    try:
        rows = [row for _, row in islice(read_values(path), 1)]
    except DataError:
        return False
    return all(isinstance(row, Mapping) and isinstance(row.get(RELEVANT), list) for row in rows) and bool(rows)


@dataclass(frozen=True)
class RegIr(FileSet):
    """A folder in the layout. The queries of all splits are one side, each with its `split` in the metadata.

    split_files  {split: file}; the splits are called as the files are
    """

    split_files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of_layout(cls, folder: Path) -> RegIr:
        """Look for the files; raises DataError where one is there twice, plain and packed."""
        files = {split: path for split in _SPLITS if (path := find_file(folder, f"{split}.jsonl")) is not None}
        corpus = find_file(folder, _CORPUS)
        assert corpus is not None
        docs, queries = TextFiles((corpus,)), TextFiles(tuple(files.values()))
        return cls(folder.resolve().name, docs, queries, place=str(folder), split_files=files)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(sorted(self.split_files))

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        """Return the digests of the files and, of the queries, which split each is."""
        identity = {**super().get_identity(side), "layout": "reg-ir"}
        return identity | ({"splits": list(self.split_files)} if side == "queries" else {})

    def read_records(self, side: Side) -> Iterator[Record]:
        """Yield the records, without the lists of relevant documents."""
        for record in super().read_records(side):
            metadata = {key: value for key, value in record.metadata.items() if key != RELEVANT}
            if side == "queries":
                file = Path(record.file or self.queries.paths[0])
                metadata["split"] = strip_packed_suffix(file.name).removesuffix(".jsonl")
            yield record._replace(metadata=metadata)

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        """Return the lists of one split as judgements: what is listed is relevant."""
        path = self.split_files.get(split or "")
        return {} if path is None else {MAIN: QrelsFile.of(_read_lists(path), str(path))}


def _read_lists(path: Path) -> Iterator[tuple[str, str, int]]:
    for line, row in read_values(path):
        where = f"{path}:{line}"
        listed = row.get(RELEVANT) if isinstance(row, Mapping) else None
        if not isinstance(listed, list):
            raise DataError(f"{where}: has no list '{RELEVANT}'; expected the ids of relevant documents, [] for none")
        query = _read_id(row.get("document_id"), where)
        for document in listed:
            yield query, _read_id(document, where), 1


def _read_id(value: Any, where: str) -> str:
    try:
        id = cell_to_id(value)
    except NotText as error:
        raise DataError(f"{where}: an id is {error}; expected text") from None
    if not id:
        raise DataError(f"{where}: has an empty id; expected document_id and ids of relevant documents")
    return id
