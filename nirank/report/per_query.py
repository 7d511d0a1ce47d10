"""per_query.parquet: every system's value on every query, one line a query and measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.identity import Digester
from nirank.errors import DataError
from nirank.results.query_set import QuerySet, SetKey

_NAMES = ("collection", "split", "qrels", "system", "query_id", "measure")

SystemValues = dict[str, dict[str, NDArray[np.float64]]]  # {system: {measure: one value a query}}


def write_per_query(query_sets: Sequence[QuerySet], path: Path) -> None:
    """Write the values of all queries: collection, split, qrels, system, query_id, measure, value."""
    import pyarrow.parquet as pq

    schema = pa.schema([*((name, pa.dictionary(pa.int32(), pa.string())) for name in _NAMES), ("value", pa.float64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for query_set in query_sets:
            for system in query_set.values:
                table = _tabulate(query_set, system)
                if len(table):
                    writer.write_table(table.cast(schema))


def digest_values(query_sets: Sequence[QuerySet]) -> str:
    """Return a digest of what the file says."""
    digester = Digester()
    for query_set in query_sets:
        digester.add([*(encode_name(name or "") for name in query_set.key), query_set.ids])
        for system, values in query_set.values.items():
            for measure, column in values.items():
                digester.add([encode_name(system), measure])
                digester.add_bytes(np.ascontiguousarray(column).tobytes())
    return digester.hexdigest()


def read_per_query(path: Path, names: Mapping[str, str]) -> dict[SetKey, tuple[tuple[str, ...], SystemValues]]:
    """Return {(collection, split, judgement set): (query ids, values)}.

    names  {name as Parquet has it: name}, for what Unicode cannot say
    Raises DataError for what is no such file.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).unify_dictionaries()
        columns = [table[name].combine_chunks() for name in _NAMES]
        values = table["value"].to_numpy()
        codes = np.array([pc.fill_null(column.indices, -1).to_numpy(False) for column in columns if len(column)])
    except (OSError, KeyError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{path}: is no table of values by query ({error})") from None
    sets: dict[SetKey, tuple[tuple[str, ...], SystemValues]] = {}
    if not len(values):
        return sets
    at_query = _NAMES.index("query_id")
    of_lists = np.delete(codes, at_query, axis=0)
    starts = np.flatnonzero(np.append(True, (of_lists[:, 1:] != of_lists[:, :-1]).any(axis=0)))
    others = [column for name, column in zip(_NAMES, columns, strict=True) if name != "query_id"]
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(values)], strict=True):
        words = [column[start].as_py() for column in others]
        collection, split, qrels, system, measure = (names.get(word, word) for word in words)
        if (collection, split, qrels) not in sets:
            sets[collection, split, qrels] = (tuple(columns[at_query][start:end].to_pylist()), {})
        sets[collection, split, qrels][1].setdefault(system, {})[measure] = values[start:end].astype(np.float64)
    return sets


def encode_name(name: str) -> str:
    """Return a name as files have it: half a character, which UTF-8 cannot say, becomes `\\udc80`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _tabulate(query_set: QuerySet, system: str) -> pa.Table:
    values = query_set.values[system]
    n = len(query_set.ids)
    same = {
        "collection": query_set.collection,
        "split": query_set.split,
        "qrels": query_set.qrels,
        "system": system,
    }
    columns = {
        name: pa.array([None if value is None else encode_name(value)], pa.string()).take(
            pa.array(np.zeros(n * len(values), np.int64))
        )
        for name, value in same.items()
    }
    columns["query_id"] = pa.array(query_set.ids, pa.string()).take(pa.array(np.tile(np.arange(n), len(values))))
    columns["measure"] = pa.array(list(values), pa.string()).take(pa.array(np.repeat(np.arange(len(values)), n)))
    columns["value"] = pa.array(np.concatenate([*values.values(), np.empty(0)]), pa.float64())
    return pa.table({name: _encode(column) for name, column in columns.items()})


def _encode(column: pa.Array) -> pa.Array:
    return column.dictionary_encode() if pa.types.is_string(column.type) else column
