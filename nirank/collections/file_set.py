"""Collections in files: a folder in BEIR's layout and its kin, or files that are named one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nirank.collections.audit import Finding
from nirank.collections.formats import ENDINGS, ending, read_records
from nirank.collections.records import Record, Side
from nirank.errors import ConfigError, DataError, suggest
from nirank.files import GivenFile
from nirank.identity import digest
from nirank.ids import Ids
from nirank.judgements import PairsFile, QrelsFile, read_pairs, read_qrels

_STEMS: Mapping[Side, tuple[str, ...]] = {
    "docs": ("corpus", "docs", "documents", "collection"),
    "queries": ("queries", "topics"),
}
_FOLDERS: Mapping[Side, str] = {"docs": "corpus", "queries": "queries"}
_JUDGED = ("tsv", "txt", "qrels", "csv", "parquet")
MAIN = "qrels"  # name of a collection's only, or main, judgement set


@dataclass(frozen=True)
class FileSet:
    """Files that make a collection.

    docs, queries  files of texts, each side in one or several (see `formats`)
    qrels          {split: {set: file}}; the split of files without one is ''
    candidates     {split: file}, or {'': file} for all splits
    version        of the queries: 'question' for `queries.question.jsonl`; '' for the plain ones
    plain          the plain queries, whose metadata a version's queries have too where they lack them
    """

    name: str
    docs: Sequence[Path]
    queries: Sequence[Path]
    qrels: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    candidate_files: Mapping[str, Path] = field(default_factory=dict)
    version: str = ""
    plain: Sequence[Path] = ()
    place: str = ""

    findings: tuple[Finding, ...] = ()

    @classmethod
    def of_folder(cls, folder: Path, version: str = "") -> FileSet:
        """Look through a folder: corpus, queries, `qrels/<split>[.<set>].tsv`, candidates, each plain or `.gz`.

        Raises DataError when documents or queries are missing, ConfigError for a version of the
        queries that is not there.
        """
        docs, queries = side_files(folder, "docs"), side_files(folder, "queries", version)
        if version and not queries:
            known = query_versions(folder)
            listed = f"it has {', '.join(known)}" if known else "there is only one"
            raise ConfigError(f"{folder}: has no queries in version '{version}'; {listed}{suggest(version, known)}")
        missing = [stem for stem, found in (("corpus.jsonl", docs), ("queries.jsonl", queries)) if not found]
        if missing:
            raise DataError(*(f"{folder}: has no {name} or {name}.gz; expected BEIR's layout" for name in missing))
        name = folder.resolve().name
        return cls(
            f"{name}-{version}" if version else name,
            docs,
            queries,
            _judgement_files(folder),
            _candidate_files(folder),
            version,
            side_files(folder, "queries") if version else (),
            str(folder),
        )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that have judgements."""
        return tuple(sorted(split for split in self.qrels if split))

    @cached_property
    def _seen(self) -> Mapping[Side, tuple[GivenFile, ...]]:
        sides: Mapping[Side, Sequence[Path]] = {"docs": self.docs, "queries": [*self.queries, *self.plain]}
        return {side: tuple(map(GivenFile.of, paths)) for side, paths in sides.items()}

    def given(self, side: Side) -> Sequence[GivenFile]:
        return self._seen[side]

    def _files(self, side: Side) -> Sequence[Path]:
        return self.docs if side == "docs" else self.queries

    def identity(self, side: Side) -> Mapping[str, Any]:
        files = [[ending(one.path), one.digest] for one in self.given(side)]  # the ending chooses the reader
        texts, plain = files[: len(self._files(side))], files[len(self._files(side)) :]
        return {"reader": "files-3", "files": texts, **({"plain": plain} if plain else {})}

    def origin(self) -> Mapping[str, Any]:
        files = {_label(self._files(side)): digest([one.digest for one in self.given(side)]) for side in _STEMS}
        return {"source": self.place or _label(self.docs), "reader": "files", "files": files} | (
            {"conventions": {"queries": self.version}} if self.version else {}
        )

    def label(self, side: Side) -> str:
        files = self._files(side)
        return str(files[0]) if len(files) == 1 else str(files[0].parent)

    def records(self, side: Side) -> Iterator[Record]:
        if side == "docs" or not self.plain:
            return read_records(self._files(side))
        known = {str(one.id): one.metadata for one in read_records(self.plain)}
        return (
            one._replace(metadata={**known.get(str(one.id), {}), **one.metadata}) for one in read_records(self.queries)
        )

    def judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        return {name: read_qrels(path) for name, path in self.qrels.get(split or "", {}).items()}

    def candidates(self, split: str | None) -> PairsFile | None:
        path = self.candidate_files.get(split or "", self.candidate_files.get(""))
        return None if path is None else read_pairs(path)


def _label(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"


def is_collection(folder: Path) -> bool:
    """Tell whether a folder has a file of documents by its name."""
    return folder.is_dir() and bool(side_files(folder, "docs"))


def files_at(path: Path, what: str) -> list[Path]:
    """Return a file, or all files of a folder in the order of their names; raise ConfigError if there are none."""
    if path.is_file():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.is_file() and one.name[0] != ".") if path.is_dir() else []
    if not found:
        near = [str(one) for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigError(f"{what}: {path}: there is no such file or folder of files{suggest(str(path), near)}")
    return found


def side_files(folder: Path, side: Side, version: str = "") -> list[Path]:
    """Return the files of one side; raise DataError where there are two to choose from."""
    found: list[Path] = []
    for stem in _STEMS[side]:
        stems = [stem] if not version else [f"{stem}.{version}", f"{stem}-{version}"]
        names = [f"{one}.{ending}{packed}" for one in stems for ending in ENDINGS for packed in ("", ".gz")]
        found += [folder / name for name in names if (folder / name).exists()]
        if stem == _FOLDERS[side] and not (version or found) and (folder / stem).is_dir():
            return files_at(folder / stem, side)  # Parquet in parts, as on Hugging Face
    if len(found) > 1:
        raise DataError(f"{folder}: has both {found[0].name} and {found[1].name}; expected one of them")
    if found and not found[0].is_file():
        raise DataError(f"{found[0]}: is a folder; expected a file")
    return found


def query_versions(folder: Path) -> list[str]:
    """Return the versions of the queries that a folder has beside the plain one."""
    found = set()
    for path in folder.iterdir():
        stem = path.name.removesuffix(".gz").rpartition(".")[0]
        for mark in (f"{one}{sign}" for one in _STEMS["queries"] for sign in ".-"):
            if stem.startswith(mark) and len(stem) > len(mark):
                found.add(stem.removeprefix(mark))
    return sorted(found)


def _judgement_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Return {split: {set: file}} of `qrels/<split>[.<set>].<ending>`, or of `qrels.<ending>` without splits."""
    found: dict[str, dict[str, Path]] = {}
    inside = folder / "qrels"
    named = [(path, _stem(path)) for path in sorted(inside.iterdir())] if inside.is_dir() else []
    named += [(folder / f"qrels.{one}{packed}", "") for one in _JUDGED for packed in ("", ".gz")]
    for path, stem in named:
        if stem is None or not path.is_file():
            continue
        split, _, name = stem.partition(".")
        sets = found.setdefault(split, {})
        if (name or MAIN) in sets:
            raise DataError(f"{path.parent}: has both {sets[name or MAIN].name} and {path.name}; expected one of them")
        sets[name or MAIN] = path
    return {split: dict(sorted(sets.items(), key=lambda one: one[0] != MAIN)) for split, sets in found.items()}


def _stem(path: Path) -> str | None:
    stem, _, ending = path.name.removesuffix(".gz").rpartition(".")
    return stem if ending in _JUDGED and stem and path.name[0] != "." else None


def _candidate_files(folder: Path) -> dict[str, Path]:
    """Return {split: file} of `candidates/<split>.tsv`, or {'': `candidates.tsv`}."""
    inside = folder / "candidates"
    found = {stem: path for path in sorted(inside.iterdir()) if (stem := _stem(path))} if inside.is_dir() else {}
    alone = [folder / f"candidates.{one}{packed}" for one in _JUDGED for packed in ("", ".gz")]
    there = [path for path in alone if path.is_file()]
    if len(there) > 1:
        raise DataError(f"{folder}: has both {there[0].name} and {there[1].name}; expected one of them")
    return found | ({"": there[0]} if there else {})
