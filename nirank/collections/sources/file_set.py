"""Collections in files: a folder in BEIR's layout and its kin, or files that are named one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from nirank.base.files import PACKED_SUFFIXES, InputFile, strip_packed_suffix
from nirank.base.identity import digest
from nirank.collections.findings import Finding
from nirank.collections.readers.formats import are_plain_texts, list_endings, name_versioned_formats
from nirank.collections.readers.plain_texts import TEXT_ENDINGS
from nirank.collections.readers.plain_texts import VERSION as PLAIN_VERSION
from nirank.collections.readers.records import Record, Side
from nirank.collections.sources.file_names import name_files
from nirank.collections.sources.label_column import read_label_column
from nirank.collections.sources.text_files import TextFiles
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile, read_pairs, read_qrels
from nirank.forms.column_names import ColumnNames, TextColumns
from nirank.forms.id_columns import find_ending
from nirank.forms.names import normalise_name

_STEMS: Mapping[Side, tuple[str, ...]] = {
    "docs": ("corpus", "docs", "documents", "collection"),
    "queries": ("queries", "topics"),
}
_FOLDERS: Mapping[Side, str] = {"docs": "corpus", "queries": "queries"}
_ENDINGS = ("tsv", "txt", "qrels", "csv", "parquet", "json", "jsonl")
_LEFT, _RIGHT = ("tablea", "ltable", "left", "a", "table1"), ("tableb", "rtable", "right", "b", "table2")
_SHOWN = 3
L = TypeVar("L", QrelsFile, PairsFile)
MAIN = "qrels"  # name of a collection's only, or main, judgement set


@dataclass(frozen=True)
class FileSet:
    """Files that make a collection.

    docs, queries  files of texts, each side in one or several (see `text_files` and `formats`)
    qrels          {split: {set: file}}; the split of files without one is ''
    candidates     {split: file}, or {'': file} for all splits
    version        of the queries: 'question' for `queries.question.jsonl`; '' for the plain ones
    plain_queries  those without a version, whose metadata a version's queries have too where they lack them
    columns        names of columns that the user gives
    """

    name: str
    docs: TextFiles
    queries: TextFiles
    qrels: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    candidate_files: Mapping[str, Path] = field(default_factory=dict)
    version: str = ""
    plain_queries: TextFiles = field(default_factory=TextFiles)
    place: str = ""
    columns: ColumnNames = field(default_factory=ColumnNames)

    @classmethod
    def of_folder(cls, folder: Path, version: str = "") -> FileSet:
        """Look through a folder: corpus, queries, `qrels/<split>[.<set>].tsv`, candidates, each plain or packed.

        Raises DataError when documents or queries are missing, ConfigError for a version of the
        queries that is not there.
        """
        docs, queries = find_side_files(folder, "docs"), find_side_files(folder, "queries", version)
        if version and not queries:
            versions = list_query_versions(folder)
            hint = f"it has {', '.join(versions)}" if versions else "there is only one"
            raise ConfigError(f"{folder}: has no queries in version '{version}'; {hint}{suggest(version, versions)}")
        sides: tuple[tuple[Side, str, TextFiles], ...] = (("docs", "documents", docs), ("queries", "queries", queries))
        missing = [_describe_missing(folder, side, what) for side, what, files in sides if not files]
        if missing:
            raise DataError(*missing)
        name = folder.resolve().name
        return cls(
            f"{name}-{version}" if version else name,
            docs,
            queries,
            find_judgement_files(folder),
            _find_candidate_files(folder),
            version,
            find_side_files(folder, "queries") if version else TextFiles(),
            str(folder),
        )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have judgements."""
        return tuple(sorted(split for split in self.qrels if split))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Files of the folders that are no data and were not read."""
        skipped = [name for files in (self.docs, self.queries) for name in files.skipped]
        if not skipped:
            return ()
        message = f"{self.name}: {len(skipped):,} files beside the data were not read"
        return (Finding("skipped-files", "note", len(skipped), message, tuple(skipped[:_SHOWN])),)

    @property
    def is_one_table(self) -> bool:
        """Whether queries and documents are the same files."""
        return [path.resolve() for path in self.docs.paths] == [path.resolve() for path in self.queries.paths]

    @cached_property
    def _input_files(self) -> Mapping[Side, tuple[InputFile, ...]]:
        sides: Mapping[Side, Sequence[Path]] = {
            "docs": self.docs.paths,
            "queries": [*self.queries.paths, *self.plain_queries.paths],
        }
        return {side: tuple(map(InputFile.of, paths)) for side, paths in sides.items()}

    def list_input_files(self, side: Side) -> Sequence[InputFile]:
        return self._input_files[side]

    def _get_files(self, side: Side) -> TextFiles:
        return self.docs if side == "docs" else self.queries

    def _get_columns(self, side: Side) -> TextColumns:
        return self.columns.docs if side == "docs" else self.columns.queries

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        inputs = self.list_input_files(side)
        digests = [[find_ending(file.path), file.digest] for file in inputs]  # the ending chooses the reader
        files = self._get_files(side)
        count = len(files.paths)
        identity: dict[str, Any] = {"reader": "files-4", "side": side, "files": digests[:count]}
        if digests[count:]:
            identity["plain"] = digests[count:]
        columns = self._get_columns(side).to_json()
        if columns:
            identity["columns"] = columns
        if files.folder is not None and are_plain_texts(files.paths):
            identity["names"] = files.list_names()
            if any(find_ending(path) not in TEXT_ENDINGS and "." in path.name for path in files.paths):
                identity["texts"] = PLAIN_VERSION
            return identity
        formats = name_versioned_formats([file.path for file in inputs])
        return identity | ({"formats": formats} if formats else {})

    def describe_origin(self) -> Mapping[str, Any]:
        files = {}
        for side in _STEMS:
            files[_label_files(self._get_files(side))] = digest([file.digest for file in self.list_input_files(side)])
        return {"source": self.place or _label_files(self.docs), "reader": "files", "files": files} | (
            {"conventions": {"queries": self.version}} if self.version else {}
        )

    def name_side(self, side: Side) -> str:
        return self._get_files(side).label

    def read_records(self, side: Side) -> Iterator[Record]:
        records = _refuse_blank(self._get_files(side).read_records(side, self._get_columns(side)), self.name_side(side))
        if side == "docs" or not self.plain_queries:
            return records
        plain = {query.id: query.metadata for query in self.plain_queries.read_records(side, self.columns.queries)}
        return (record._replace(metadata={**plain.get(record.id, {}), **record.metadata}) for record in records)

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        files = self.qrels.get(split or "", {})
        column = self.columns.docs.label
        if column is not None and not files:
            records = self.docs.read_records("docs", self.columns.docs)
            return {MAIN: read_label_column(records, column, queries, self.name_side("docs"))}
        return {name: self.read_qrels(path) for name, path in files.items()}

    def read_qrels(self, path: str | Path) -> QrelsFile:
        """Read a file of judgements of these texts."""
        judged = read_qrels(path, self.columns.qrels, one_table=self.is_one_table, asking=self._asking_side)
        return self._name_files(judged)

    @property
    def _asking_side(self) -> str:
        """Which side of pairs the queries are by the files' names, 'left' (tableA) or 'right' (tableB); '': unknown."""
        stems = [
            normalise_name(strip_packed_suffix(files.paths[0].name).partition(".")[0])
            for files in (self.queries, self.docs)
        ]
        for side, query, doc in (("left", _LEFT, _RIGHT), ("right", _RIGHT, _LEFT)):
            if any((stems[0], stems[1]) == pair for pair in zip(query, doc, strict=True)):
                return side
        return ""

    def read_candidates(self, split: str | None) -> PairsFile | None:
        path = self.candidate_files.get(split or "", self.candidate_files.get(""))
        return None if path is None else self._name_files(read_pairs(path, judgements_too=True))

    def _name_files(self, listed: L) -> L:
        """Return judgements or candidates with the names of the files that they mean, where documents are files."""
        queries, docs = (
            ids if files.folder is None or not are_plain_texts(files.paths) else name_files(ids, files.list_names())
            for ids, files in ((listed.query_ids, self.queries), (listed.doc_ids, self.docs))
        )
        return replace(listed, query_ids=queries, doc_ids=docs)


def _refuse_blank(records: Iterator[Record], source: str) -> Iterator[Record]:
    """Pass records on; raise DataError at the end if there are several words for text and none has any.

    Records of ids alone are not blank: they can be ranked by run files.
    """
    count = blank = with_text_field = 0
    for record in records:
        count += 1
        blank += not any(text.strip() for text in (record.title, record.text, *record.columns.values()))
        with_text_field += record.has_text_field
        yield record
    if count and blank == count and with_text_field:
        raise DataError(f"{source}: all {count:,} records are blank: no title and no text; expected some")


def _describe_missing(folder: Path, side: Side, what: str) -> str:
    first, *other_stems = _STEMS[side]
    near = suggest(f"{first}.jsonl", [path.name for path in folder.iterdir() if path.name[0] != "."])
    return (
        f"{folder}: has no {what}; expected a file {first}.jsonl (or .csv, .tsv, .parquet, .json, .txt …, or called"
        f" {' or '.join(other_stems)}), plain, .gz or .zst, or a folder {_FOLDERS[side]}{near}"
    )


def _label_files(files: TextFiles) -> str:
    first = files.paths[0].name
    return first if len(files.paths) == 1 else f"{first} and {len(files.paths) - 1} more"


def is_collection(folder: Path) -> bool:
    """Tell whether a folder has a file of documents by its name."""
    return folder.is_dir() and bool(find_side_files(folder, "docs"))


def find_side_files(folder: Path, side: Side, version: str = "") -> TextFiles:
    """Return the files of one side; raise DataError where there are two to choose from."""
    paths: list[Path] = []
    for stem in _STEMS[side]:
        stems = [stem] if not version else [f"{stem}.{version}", f"{stem}-{version}"]
        names = [
            f"{stem}.{ending}{packed}"
            for stem in stems
            for ending in list_endings()
            for packed in ("", *PACKED_SUFFIXES)
        ]
        paths += [folder / name for name in names if (folder / name).exists()]
        if stem == _FOLDERS[side] and not (version or paths) and (folder / stem).is_dir():
            return TextFiles.find(folder / stem, side)  # Parquet in parts, as on Hugging Face, or a text a file
    if len(paths) > 1:
        raise DataError(f"{folder}: has both {paths[0].name} and {paths[1].name}; expected one of them")
    return TextFiles.find(paths[0], side) if paths else TextFiles()


def list_query_versions(folder: Path) -> list[str]:
    """Return the versions of the queries that a folder has beside the plain one."""
    versions = set()
    for path in folder.iterdir():
        stem = strip_packed_suffix(path.name).rpartition(".")[0]
        for mark in (f"{name}{sign}" for name in _STEMS["queries"] for sign in ".-"):
            if stem.startswith(mark) and len(stem) > len(mark):
                versions.add(stem.removeprefix(mark))
    return sorted(versions)


def find_judgement_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Return {split: {set: file}} of `qrels/<split>[.<set>].<ending>`, or of `qrels.<ending>` without splits."""
    files: dict[str, dict[str, Path]] = {}
    subfolder = folder / "qrels"
    stems = [(path, _get_stem(path)) for path in sorted(subfolder.iterdir())] if subfolder.is_dir() else []
    stems += [(folder / f"qrels.{ending}{packed}", "") for ending in _ENDINGS for packed in ("", *PACKED_SUFFIXES)]
    for path, stem in stems:
        if stem is None or not path.is_file():
            continue
        split, _, name = stem.partition(".")
        sets = files.setdefault(split, {})
        if (name or MAIN) in sets:
            raise DataError(f"{path.parent}: has both {sets[name or MAIN].name} and {path.name}; expected one of them")
        sets[name or MAIN] = path
    return {split: dict(sorted(sets.items(), key=lambda item: item[0] != MAIN)) for split, sets in files.items()}


def _get_stem(path: Path) -> str | None:
    stem, _, ending = strip_packed_suffix(path.name).rpartition(".")
    return stem if ending in _ENDINGS and stem and path.name[0] != "." else None


def _find_candidate_files(folder: Path) -> dict[str, Path]:
    """Return {split: file} of `candidates/<split>.tsv`, or {'': `candidates.tsv`}."""
    subfolder = folder / "candidates"
    files = (
        {stem: path for path in sorted(subfolder.iterdir()) if (stem := _get_stem(path))} if subfolder.is_dir() else {}
    )
    names = [folder / f"candidates.{ending}{packed}" for ending in _ENDINGS for packed in ("", *PACKED_SUFFIXES)]
    without_split = [path for path in names if path.is_file()]
    if len(without_split) > 1:
        first, second = without_split[:2]
        raise DataError(f"{folder}: has both {first.name} and {second.name}; expected one of them")
    return files | ({"": without_split[0]} if without_split else {})
