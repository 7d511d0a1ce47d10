"""The layout of CLEF's Technology-Assisted Reviews: review topics, their candidates, labels at two levels.

Kanoulas, Li, Azzopardi and Spijker, CLEF 2017, 2018 and 2019 Technologically Assisted Reviews in
Empirical Medicine Overview; the repository's folders `2017-TAR`, `2018-TAR` and `2019-TAR`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nirank.base.files import InputFile, find_file, read_lines
from nirank.base.identity import digest
from nirank.collections.findings import Finding
from nirank.collections.readers.formats import read_records
from nirank.collections.readers.records import Record, Side
from nirank.errors import ConfigError, DataError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import PairsFile, QrelsFile, read_qrels

_MAX_EXAMPLES = 3
_RETRIEVED = 2  # labels 3 and 4 are for records that the Boolean search did not return
_TEXTS = "corpus.jsonl"
_TASK_1 = "2019-TAR/Task1/Training/DTA/qrels/task1.train.{}.2019.qrels"
_FULL = "2019-TAR/Task2/{}/qrels/full.{}.{{}}.2019.qrels"


@dataclass(frozen=True)
class _SetPaths:
    """Where a set's topics and labels are; `{}` in the labels is the level, 'abs' or 'content'."""

    topics: str
    labels: str


SETS: Mapping[str, _SetPaths] = {
    "2017-train": _SetPaths("2017-TAR/training/topics_train", "2017-TAR/training/qrels/train.combined.qrels"),
    "2017-test": _SetPaths("2017-TAR/testing/topics", "2017-TAR/testing/qrels/qrel_{}_test.txt"),
    "2018-train": _SetPaths("2018-TAR/Task2/Training/topics", _TASK_1),
    "2018-test": _SetPaths("2018-TAR/Task2/Testing/topics", "2018-TAR/Task2/Testing/qrels/qrel_{}_task2"),
    "2019-DTA-test": _SetPaths("2019-TAR/Task2/Testing/DTA/topics", _FULL.format("Testing/DTA", "test.dta")),
    "2019-Intervention-train": _SetPaths(
        "2019-TAR/Task2/Training/Intervention/topics", _FULL.format("Training/Intervention", "train.int")
    ),
    "2019-Intervention-test": _SetPaths(
        "2019-TAR/Task2/Testing/Intervention/topics", _FULL.format("Testing/Intervention", "test.intervention")
    ),
}


@dataclass(frozen=True)
class Topic:
    """A topic file: the review's title, its Boolean query, and what that query found.

    strays  lines among the PMIDs that are no numbers
    """

    id: str
    title: str
    query: str
    pmids: tuple[str, ...]
    strays: tuple[str, ...]


def is_clef_tar(folder: Path) -> bool:
    """Tell whether a folder has the layout."""
    return any((folder / paths.topics).is_dir() for paths in SETS.values())


def read_topic(path: Path) -> Topic:
    """Read a topic file; raise DataError where a part is missing. A search may have found nothing: no PMIDs."""
    parts: dict[str, list[str]] = {"Topic": [], "Title": [], "Query": [], "Pids": []}
    part, seen = "", set()
    for _, line in read_lines(path):
        name, colon, rest = line.partition(":")
        if colon and name in parts and not parts[name] and name != part:
            part, line = name, rest
            seen.add(name)
        if part and line.strip():
            parts[part].append(line.strip())
    for name, lines in parts.items():
        if name not in seen:
            raise DataError(f"{path}: has no '{name}:'; expected Topic, Title, Query and Pids")
        if not lines and name != "Pids":
            raise DataError(f"{path}: has nothing behind '{name}:'; expected a text")
    pmids = tuple(line for line in parts["Pids"] if line.isdecimal())
    strays = tuple(line for line in parts["Pids"] if not line.isdecimal())
    return Topic(parts["Topic"][0], " ".join(parts["Title"]), "\n".join(parts["Query"]), pmids, strays)


class ClefTar:
    """One set of CLEF TAR as a collection.

    Documents are the PMIDs of all topics; their titles and abstracts are not part of the data and
    are taken from a `corpus.jsonl` in the folder, if there is one. Queries are the titles, or the
    Boolean queries in version 'boolean'. Judgement sets are 'abstract' and 'content' (full text);
    a candidate without a label is not relevant. Records labelled 3 or 4, which the Boolean search
    did not return, are left out, as in the track's own evaluation.
    """

    def __init__(self, folder: Path, split: str | None, version: str = "") -> None:
        sets = [name for name, paths in SETS.items() if (folder / paths.topics).is_dir()]
        if split is None:
            raise ConfigError(f"collection {folder}: has several sets; choose one of {', '.join(sets)}")
        if split not in sets:
            names = ", ".join(sets)
            raise ConfigError(f"collection {folder}: there is no set '{split}'; it has {names}{suggest(split, sets)}")
        if version not in ("", "boolean"):
            raise ConfigError(f"collection {folder}: has no queries in version '{version}'; it has boolean")
        self.folder, self.set, self.version = folder, split, version
        self.name = f"clef-tar-{version}" if version else "clef-tar"
        self.splits = (split,)
        self.texts = find_file(folder, _TEXTS)

    @cached_property
    def topic_files(self) -> list[Path]:
        """The topics' files, in the order of their names."""
        return sorted(path for path in (self.folder / SETS[self.set].topics).iterdir() if path.name[0] != ".")

    @cached_property
    def topics(self) -> list[Topic]:
        """The topics, in the order of their ids."""
        return sorted((read_topic(path) for path in self.topic_files), key=lambda topic: topic.id)

    @cached_property
    def pmids(self) -> list[str]:
        """Every PMID of the set once, in the order in which topics list them."""
        return list(dict.fromkeys(pmid for topic in self.topics for pmid in topic.pmids))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is odd about the topic files."""
        findings = []
        strays = [f"{topic.id}: {line}" for topic in self.topics for line in topic.strays]
        if strays:
            message = f"{self.name}: {len(strays)} lines among the PMIDs are no numbers, and left out"
            findings.append(Finding("stray-candidates", "note", len(strays), message, tuple(strays[:_MAX_EXAMPLES])))
        empty = [topic.id for topic in self.topics if not topic.pmids]
        if empty:
            message = f"{self.name}: {len(empty)} of {len(self.topics)} topics list no PMIDs: nothing can be returned"
            findings.append(Finding("empty-topics", "warning", len(empty), message, tuple(empty[:_MAX_EXAMPLES])))
        outside = next((labels for _, labels in self._levels.values() if labels), [])
        if outside:
            message = (
                f"{self.name}: {len(outside):,} labels are for records that the Boolean search did not return; left out"
            )
            findings.append(Finding("labels-outside", "note", len(outside), message, tuple(outside[:_MAX_EXAMPLES])))
        if self.texts is None:
            message = f"{self.name}: the data have PMIDs only; put titles and abstracts into {self.folder / _TEXTS}"
            findings.append(Finding("no-texts", "note", len(self.pmids), message))
        return tuple(findings)

    @cached_property
    def _topic_inputs(self) -> tuple[InputFile, ...]:
        return tuple(map(InputFile.of, self.topic_files))

    @cached_property
    def _text_inputs(self) -> tuple[InputFile, ...]:
        return (InputFile.of(self.texts),) if self.texts else ()

    def list_input_files(self, side: Side) -> Sequence[InputFile]:
        return self._topic_inputs + (self._text_inputs if side == "docs" else ())

    def get_identity(self, side: Side) -> Mapping[str, Any]:
        identity = {"reader": "clef-tar-2", "side": side, "version": self.version}
        files = {"topics": self._topic_inputs, **({"texts": self._text_inputs} if side == "docs" else {})}
        return identity | {name: [file.digest for file in inputs] for name, inputs in files.items()}

    def describe_origin(self) -> Mapping[str, Any]:
        files = {f"{len(self.topic_files)} topic files": digest([file.digest for file in self._topic_inputs])}
        conventions = {"conventions": {"queries": self.version}} if self.version else {}
        return {"source": str(self.folder), "reader": "clef-tar", "files": files, **conventions}

    def name_side(self, side: Side) -> str:
        return f"{self.folder / SETS[self.set].topics} {side}"

    def read_records(self, side: Side) -> Iterator[Record]:
        if side == "docs":
            yield from self._read_documents()
            return
        for number, topic in enumerate(self.topics, 1):
            text = topic.query if self.version == "boolean" else topic.title
            metadata = {"title": topic.title} if self.version == "boolean" else {"boolean": topic.query}
            yield Record(topic.id, "", text, metadata, number)

    def _read_documents(self) -> Iterator[Record]:
        """Yield the texts that there are, and blank records for the other PMIDs."""
        without_text = dict.fromkeys(self.pmids)
        for record in read_records([self.texts], "docs") if self.texts else ():
            if record.id in without_text:
                del without_text[record.id]
                yield record
        for number, pmid in enumerate(without_text, 1):
            yield Record(pmid, "", "", {}, number)

    def read_candidates(self, split: str | None) -> PairsFile:
        queries = [topic.id for topic in self.topics for _ in topic.pmids]
        docs = [pmid for topic in self.topics for pmid in topic.pmids]
        return PairsFile.build(
            f"{self.name}: topic files", pa.array(queries, pa.large_string()), pa.array(docs, pa.large_string())
        )

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        return {name: labels for name, (labels, _) in self._levels.items()}

    @cached_property
    def _levels(self) -> dict[str, tuple[QrelsFile, list[str]]]:
        """Judgements by level, cut to the candidates, and the labels that this left out."""
        candidates = self.read_candidates(self.set)
        listed = list(zip(candidates.query_ids.to_pylist(), candidates.doc_ids.to_pylist(), strict=True))
        return {
            name: self._read_level(short, candidates, listed)
            for name, short in (("abstract", "abs"), ("content", "content"))
        }

    def _read_level(
        self, level: str, candidates: PairsFile, listed: list[tuple[str, str]]
    ) -> tuple[QrelsFile, list[str]]:
        name = SETS[self.set].labels.format(level)
        path = find_file(self.folder, name)
        if path is None:
            raise DataError(f"{self.folder}: has no {name} or {name}.gz; expected the labels of {self.set}")
        labels = read_qrels(path)
        least = 2 if level == "content" and self.set == "2017-train" else 1
        pairs = zip(labels.query_ids.to_pylist(), labels.doc_ids.to_pylist(), strict=True)
        graded = dict(zip(pairs, labels.grades.tolist(), strict=True))
        judged = np.array([least <= graded.get(pair, 0) <= _RETRIEVED for pair in listed], np.int64)
        topics = {topic.id for topic in self.topics}
        kept = {pair for pair in listed if graded.get(pair, 0) <= _RETRIEVED}
        outside = [f"{topic} {pmid}" for topic, pmid in graded if topic in topics and (topic, pmid) not in kept]
        qrels = QrelsFile(
            str(path),
            "trec",
            False,
            candidates.query_ids,
            candidates.doc_ids,
            judged,
            labels.repeated,
            labels.line_ends,
        )
        return qrels, outside
