"""The large files of a run's folder: rankings, candidates, lost matches, evidence, written queries."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nirank.base.identity import Digester, digest
from nirank.flow.pair_files import write_pairs
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.trec import write_run
from nirank.report.folder import Large
from nirank.report.names import Key, name_run_files
from nirank.report.written import list_written_sets, name_written_file
from nirank.results.row import Row

LOST_COLUMNS = ("qrels", "query_id", "document_id", "last_in")
_Line = Mapping[str, Any]


def list_run_files(
    rows: Sequence[Row],
    runs: Mapping[Key, Pairs],
    *,
    lost: Mapping[Key, Sequence[Sequence[str | None]]] | None = None,
    evidence: Mapping[Key, Callable[[], Iterable[_Line]]] | None = None,
    written: Mapping[str, Callable[[], Iterable[_Line]]] | None = None,
) -> dict[str, Large]:
    """Return the run files, lost matches, evidence files and tables of written queries, by name.

    written  the tables of written queries, by address

    A ranking whose ids a TREC file cannot hold is written as Parquet, and that is said. Candidates without order are
    always Parquet, `.pairs.parquet`, of query and document.
    """
    addresses = {(row.collection, row.split, row.system): row.address for row in rows}
    files: dict[str, Large] = {}
    lost_matches, passages = lost or {}, evidence or {}
    for key, path in name_run_files(list(runs)).items():
        pairs, stem = runs[key], path.removesuffix(".run.gz")
        content = _digest_content(addresses.get(key, ""), pairs)
        if isinstance(pairs, Ranking):
            table = f"{stem}.run.parquet", partial(write_run, pairs)
            files[path] = Large(content, partial(write_run, pairs, tag=stem.rpartition("/")[2]), table)
        else:
            files[f"{stem}.pairs.parquet"] = Large(content, partial(write_pairs, pairs))
        if key in lost_matches:
            files[f"{stem}.lost.csv"] = Large(
                digest([list(row) for row in lost_matches[key]]), partial(_write_lost, lost_matches[key])
            )
        if key in passages:
            fill = partial(_write_table, passages[key])
            files[f"{stem.replace('runs/', 'evidence/', 1)}.tsv.gz"] = Large(content, fill)
    for queries in list_written_sets(rows):
        if written and queries.address in written:
            files[name_written_file(queries)] = Large(queries.address, partial(_write_table, written[queries.address]))
    return files


def _digest_content(address: str, pairs: Pairs) -> str:
    """Return a digest of what a run file says: the recipe and its collection, and the arrays."""
    digester = Digester()
    digester.add(address)
    for array in (pairs.offsets, pairs.rows, *((pairs.scores,) if isinstance(pairs, Ranking) else ())):
        digester.add_bytes(np.ascontiguousarray(array).tobytes())
    return digester.hexdigest()


def _write_lost(rows: Sequence[Sequence[str | None]], path: Path) -> None:
    """Write the matches that a system lacks as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LOST_COLUMNS)
        writer.writerows(rows)


def _write_table(rows: Callable[[], Iterable[_Line]], path: Path) -> None:
    """Write rows as tab-separated values; what holds a tab, a line break or a quote stands in quotes."""
    with gzip.GzipFile(path, "wb", mtime=0) as packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for number, row in enumerate(rows()):
            if not number:
                writer.writerow(row)
            writer.writerow(row.values())
