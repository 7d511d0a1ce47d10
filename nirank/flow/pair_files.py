"""Candidate pairs as a file: two columns of ids, without scores or order."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from nirank.base.files import expand_path
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs

_WRITTEN = 1 << 20  # pairs at a time


def write_pairs(pairs: Pairs, path: str | Path) -> None:
    """Write pairs as Parquet with the columns `query` and `document`; `read_pairs` reads them back.

    Any id can be written; the same pairs give the same bytes. Queries without pairs have no lines.
    """
    import pyarrow.parquet as pq

    path = expand_path(path)
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")
    schema = pa.schema([("query", pa.large_string()), ("document", pa.large_string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for start in range(0, len(pairs), _WRITTEN):
            part = slice(start, start + _WRITTEN)
            columns = (pairs.queries.take_arrow(pairs.query_rows[part]), pairs.docs.take_arrow(pairs.rows[part]))
            file.write_table(pa.table([column.cast(pa.large_string()) for column in columns], schema))
