"""Duplicates as a table of pairs: what joined them, and what held apart those that are like each other."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nirank.base.disk import sync_file
from nirank.errors import DataError
from nirank.screening.duplicates import DuplicatePair, Duplicates
from nirank.screening.joined_files import JoinedFiles

_COLUMNS = ("group", "left", "right", "by", "titles", "abstracts", "held_apart_as", "left_title", "right_title")


def write_duplicates(path: Path, search: JoinedFiles, duplicates: Duplicates) -> None:
    """Write a table of all pairs, whole or not at all: those of groups first, then those that were held apart."""
    write_rows(path, _COLUMNS, _make_rows(search, duplicates))


def _make_rows(search: JoinedFiles, duplicates: Duplicates) -> Iterator[list[str]]:
    for number, group in enumerate(duplicates.groups, 1):
        for pair in group.why:
            yield _make_row(str(number), pair, search)
    for pair in duplicates.held_apart:
        yield _make_row("", pair, search)


def _make_row(group: str, pair: DuplicatePair, search: JoinedFiles) -> list[str]:
    comparison = pair.comparison
    titles = [" ".join(search.file.records[row].title.split()) for row in (pair.left, pair.right)]
    return [
        group,
        search.sources[pair.left],
        search.sources[pair.right],
        comparison.by,
        f"{comparison.likeness:.3f}" if all(titles) else "",
        "" if comparison.abstracts is None else f"{comparison.abstracts:.3f}",
        comparison.against,
        *titles,
    ]


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table with tabs, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as beside:
            written = Path(beside) / path.name
            with written.open("w", encoding="utf-8", newline="", errors="replace") as stream:
                writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
                writer.writerow(header)
                writer.writerows(rows)
            sync_file(written)
            written.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
