"""Tables for people and other programs: CSV, JSON lines or Parquet, by the file's ending."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from nirank.errors import ConfigError

FORMATS = (".csv", ".jsonl", ".parquet")


def check_place(path: Path) -> None:
    """Raise ConfigError where a table cannot be written: another ending, no such folder, a folder in the way."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--out {path}: expected a file that ends in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if path.is_dir():
        raise ConfigError(f"--out {path}: is a folder; expected a file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table in the format that the file's name ends with: beside, then renamed."""
    written = path.with_name(f".{path.name}.part")
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as parquet

        parquet.write_table(table, str(written))
    elif path.suffix.lower() == ".jsonl":
        with written.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
    else:
        from pyarrow import csv

        csv.write_csv(table, str(written))
    written.replace(path)
