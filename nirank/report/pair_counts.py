"""pair_counts.parquet: what each record adds to the measures of pairs, from which merged reports compare systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nirank.base.identity import Digester
from nirank.errors import DataError
from nirank.evaluation.pair_measures import PairCounts
from nirank.report.per_query import encode_name
from nirank.results.query_set import QuerySet, SetKey

_NAMES = ("collection", "split", "qrels", "system", "measure")
_COUNTS = ("hits", "candidates", "matches")
_SCHEMA = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in _NAMES),
        *((name, pa.float64()) for name in _COUNTS),
        ("possible", pa.int64()),
        ("asking", pa.int64()),
    ]
)

SystemPairCounts = dict[str, dict[str, PairCounts]]  # {system: {measure: counts}}


def write_pair_counts(query_sets: Sequence[QuerySet], path: Path) -> None:
    """Write the counts of all records, one line a record and measure, records in the collection's order."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for query_set in query_sets:
            for system, measured in query_set.pair_counts.items():
                for measure, counts in measured.items():
                    writer.write_table(_tabulate((*query_set.key, system, measure), counts))


def digest_pair_counts(query_sets: Sequence[QuerySet]) -> str:
    """Return a digest of what the file says."""
    digester = Digester()
    for query_set in query_sets:
        digester.add([encode_name(name or "") for name in query_set.key])
        for system, measured in query_set.pair_counts.items():
            for measure, counts in measured.items():
                digester.add([encode_name(system), measure, counts.possible, counts.asking])
                digester.add_bytes(np.ascontiguousarray(counts.table).tobytes())
    return digester.hexdigest()


def read_pair_counts(path: Path, names: Mapping[str, str]) -> dict[SetKey, SystemPairCounts]:
    """Return {(collection, split, judgement set): counts}.

    names  {name as Parquet has it: name}, for what Unicode cannot say
    Raises DataError for what is no such file.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).cast(_SCHEMA).unify_dictionaries()
        columns = [table[name].combine_chunks() for name in _NAMES]
        counts = [table[name].to_numpy() for name in _COUNTS]
        codes = np.array([pc.fill_null(column.indices, -1).to_numpy(False) for column in columns])
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path}: is no table of counts by record ({error})") from None
    sets: dict[SetKey, SystemPairCounts] = {}
    starts = np.flatnonzero(np.append(len(table) > 0, (codes[:, 1:] != codes[:, :-1]).any(axis=0)))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(table)], strict=False):
        words = [column[start].as_py() for column in columns]
        collection, split, qrels, system, measure = (names.get(word, word) for word in words)
        possible, asking = (table[name][start].as_py() for name in ("possible", "asking"))
        hits, candidates, matches = (column[start:end] for column in counts)
        found = PairCounts(hits, candidates, matches, possible, asking)
        sets.setdefault((collection, split, qrels), {}).setdefault(system, {})[measure] = found
    return sets


def _tabulate(words: Sequence[str | None], counts: PairCounts) -> pa.Table:
    n = len(counts.hits)
    row = np.zeros(n, np.int64)  # every line says the same of what is the list's
    same = {
        name: pa.array([None if word is None else encode_name(word)], pa.string()).dictionary_encode().take(row)
        for name, word in zip(_NAMES, words, strict=True)
    }
    numbers = {name: pa.array(column, pa.float64()) for name, column in zip(_COUNTS, counts.table.T, strict=True)}
    stated = {
        name: pa.array([value], pa.int64()).take(row)
        for name, value in (("possible", counts.possible), ("asking", counts.asking))
    }
    return pa.table({**same, **numbers, **stated}, schema=_SCHEMA)
