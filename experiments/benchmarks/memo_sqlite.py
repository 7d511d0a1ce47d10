"""The same memo as a table of SQLite: bytes a pair, pairs looked up in a second, several writers, kill -9.

    python experiments/benchmarks/memo_sqlite.py --out experiments/benchmarks/results

Two tables are compared, both in WAL mode and filled by INSERT OR IGNORE in sorted portions of 100,000:

    blob   key BLOB PRIMARY KEY, value BLOB, WITHOUT ROWID: the whole key of 16 bytes
    rowid  the key's first half as INTEGER PRIMARY KEY, the second half beside it, which must agree

Look-ups are those of memo.py: batches of 30,000 keys, half of them there, and a million that are there. They end with
arrays of positions and values, since that is what a scorer needs. nirank's segments are asked for the same. All of it
is the work of one thread, so seconds are those of the processor, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from alternate import write_results
from memo import BATCH, PORTION, make_keys
from memo import fill as fill_memo
from memo import open_memo as open_segments

LIST = 10_000  # keys of one statement with an IN list
CREATE = {
    "blob": "CREATE TABLE IF NOT EXISTS memo (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "rowid": "CREATE TABLE IF NOT EXISTS memo (key INTEGER PRIMARY KEY, half INTEGER NOT NULL, value BLOB NOT NULL)",
}
INSERT = {
    "blob": "INSERT OR IGNORE INTO memo VALUES (?, ?)",
    "rowid": "INSERT OR IGNORE INTO memo VALUES (?, ?, ?)",
}


def connect(folder: Path, table: str) -> sqlite3.Connection:
    base = sqlite3.connect(folder / f"{table}.db", timeout=60, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-262144", "mmap_size=2147418112"):
        base.execute(f"PRAGMA {pragma}")
    base.execute(CREATE[table])
    return base


def make_blobs(keys: Any) -> list[bytes]:
    raw = np.ascontiguousarray(keys.astype(">u8")).tobytes()  # big endian, so that blobs sort as the numbers do
    return [raw[at : at + 16] for at in range(0, len(raw), 16)]


def insert(base: sqlite3.Connection, table: str, keys: Any, values: Any) -> None:
    order = np.lexsort((keys[:, 1], keys[:, 0].view(np.int64) if table == "rowid" else keys[:, 0]))
    keys, raw = keys[order], values[order].tobytes()
    cells = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    if table == "blob":
        rows: Any = zip(make_blobs(keys), cells, strict=True)
    else:
        rows = zip(*keys.view(np.int64).T.tolist(), cells, strict=True)
    base.execute("BEGIN IMMEDIATE")
    base.executemany(INSERT[table], rows)
    base.execute("COMMIT")


def fill(folder: Path, table: str, n: int) -> dict[str, Any]:
    base, keys = connect(folder, table), make_keys(n, 0)
    start_s = time.process_time()
    for start in range(0, n, PORTION):
        insert(base, table, keys[start : start + PORTION], np.arange(PORTION, dtype="<f4"))
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    seconds = time.process_time() - start_s
    size = (folder / f"{table}.db").stat().st_size
    base.execute("VACUUM")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    vacuumed_size = (folder / f"{table}.db").stat().st_size
    return {
        "table": table,
        "pairs": n,
        "put_s": seconds,
        "bytes_a_pair": size / n,
        "bytes_a_pair_vacuumed": vacuumed_size / n,
    }


# ways to look keys up: (position in `keys`, value) of those that are there; keys come sorted


def ask_one_by_one(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    for at, key in enumerate(make_blobs(keys)):
        row = base.execute("SELECT value FROM memo WHERE key = ?", (key,)).fetchone()
        if row is not None:
            yield at, row[0]


def ask_in_lists(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    all_blobs = make_blobs(keys)
    places = dict(zip(all_blobs, range(len(all_blobs)), strict=True))
    for start in range(0, len(all_blobs), LIST):
        part = all_blobs[start : start + LIST]
        marks = ",".join("?" * len(part))
        for key, value in base.execute(f"SELECT key, value FROM memo WHERE key IN ({marks})", part):
            yield places[key], value


def ask_temporary_table(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    base.execute("CREATE TEMP TABLE IF NOT EXISTS asked (place INTEGER PRIMARY KEY, key BLOB NOT NULL)")
    base.execute("BEGIN")
    base.execute("DELETE FROM asked")
    base.executemany("INSERT INTO asked VALUES (?, ?)", enumerate(make_blobs(keys)))
    base.execute("COMMIT")
    yield from base.execute("SELECT place, value FROM asked CROSS JOIN memo USING (key)")


def ask_cut_blob(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    raw = np.ascontiguousarray(keys.astype(">u8")).tobytes()
    yield from base.execute(
        "WITH RECURSIVE asked(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM asked WHERE place + 1 < ?2)"
        " SELECT place, value FROM asked CROSS JOIN memo ON key = substr(?1, place * 16 + 1, 16)",
        (raw, len(keys)),
    )


def ask_rows_one_by_one(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    for at, (key, half) in enumerate(keys.view(np.int64).tolist()):
        row = base.execute("SELECT value FROM memo WHERE key = ? AND half = ?", (key, half)).fetchone()
        if row is not None:
            yield at, row[0]


def ask_rows_by_json(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    first, second = keys.view(np.int64).T.tolist()
    keys_json = json.dumps(first)
    rows = base.execute(
        "SELECT j.key, half, m.value FROM json_each(?) j CROSS JOIN memo m ON m.key = j.value", (keys_json,)
    )
    yield from ((place, value) for place, half, value in rows if half == second[place])


def ask_rows_in_lists(base: sqlite3.Connection, keys: Any) -> Iterator[tuple[int, bytes]]:
    first, second = keys.view(np.int64).T.tolist()
    places = dict(zip(first, range(len(first)), strict=True))
    for start in range(0, len(first), LIST):
        part = first[start : start + LIST]
        marks = ",".join("?" * len(part))
        for key, half, value in base.execute(f"SELECT * FROM memo WHERE key IN ({marks})", part):
            if half == second[places[key]]:
                yield places[key], value


Ask = Callable[[sqlite3.Connection, Any], Iterator[tuple[int, bytes]]]
Get = Callable[[Any], tuple[Any, Any]]
WAYS: dict[str, dict[str, Ask]] = {
    "blob": {
        "one by one": ask_one_by_one,
        "IN lists of 10,000": ask_in_lists,
        "temporary table": ask_temporary_table,
        "one blob, cut by SQL": ask_cut_blob,
    },
    "rowid": {
        "one by one": ask_rows_one_by_one,
        "IN lists of 10,000": ask_rows_in_lists,
        "json_each": ask_rows_by_json,
    },
}


def get(ask: Ask, base: sqlite3.Connection, table: str, keys: Any) -> tuple[Any, Any]:
    order = np.lexsort((keys[:, 1], keys[:, 0].view(np.int64) if table == "rowid" else keys[:, 0]))
    is_stored, values = np.zeros(len(keys), np.bool_), np.zeros(len(keys), "<f4")
    rows = list(ask(base, keys[order]))
    places = order[np.fromiter((place for place, _ in rows), np.int64, len(rows))]
    is_stored[places] = True
    values[places] = np.frombuffer(b"".join(value for _, value in rows), "<f4")
    return is_stored, values[is_stored]


def draw(order: np.random.Generator, n: int) -> Any:
    return order.permutation(np.unique(order.integers(0, n, BATCH)))[: BATCH // 2]


def time_look_ups(get: Get, n: int) -> dict[str, float]:
    stored_keys, absent = make_keys(n, 0), make_keys(1_000_000, 1)
    order, seconds = np.random.default_rng(2), []
    for _ in range(12):
        keys = np.concatenate((stored_keys[draw(order, n)], absent[draw(order, len(absent))]))
        start = time.process_time()
        is_stored, _ = get(keys)
        seconds.append(time.process_time() - start)
        assert is_stored.sum() == BATCH // 2
    start = time.process_time()
    is_stored, values = get(stored_keys[:1_000_000])
    million = time.process_time() - start
    assert is_stored.all() and (values == np.tile(np.arange(PORTION), 10)).all()
    return {"a_second": BATCH / statistics.median(seconds), "a_second_of_a_million": len(values) / million}


def look_up(folder: Path, table: str, n: int) -> dict[str, Any]:
    if table == "segments":
        return {"look_ups": {"get": time_look_ups(open_segments(folder).get, n)}}
    base = connect(folder, table)
    return {"look_ups": {name: time_look_ups(partial(get, ask, base, table), n) for name, ask in WAYS[table].items()}}


def fill_segments(folder: Path, n: int) -> dict[str, Any]:
    start = time.process_time()
    row = fill_memo(folder, n)
    return {"table": "segments", **row, "put_s": time.process_time() - start}


def put_overlapping(folder: Path, number: int, portions: int) -> None:
    """Put portions of which half are everybody's; print how many of them were committed."""
    base = connect(folder, "blob")
    for portion in range(portions):
        keys = np.concatenate((make_keys(5_000, 1_000 * number + portion), make_keys(5_000, 900_000 + portion)))
        insert(base, "blob", keys, np.full(len(keys), number, "<f4"))
        print(portion + 1, flush=True)


def time_writers(folder: Path, count: int, portions: int) -> dict[str, Any]:
    """Fill from several processes at once."""
    connect(folder, "blob").close()
    start = time.perf_counter()
    running = [_start_writer(folder, number, portions) for number in range(count)]
    codes = [process.wait() for process in running]
    seconds = time.perf_counter() - start
    base = connect(folder, "blob")
    (n_stored,) = base.execute("SELECT count(*) FROM memo").fetchone()
    assert codes == [0] * count and n_stored == (count + 1) * portions * 5_000
    return {"writers": count, "puts_a_second": count * portions * 10_000 / seconds}


def kill_writers(folder: Path, count: int) -> dict[str, Any]:
    """Kill a writer at random moments; nothing that was committed may be missing."""
    chance, n_committed = random.Random(0), 0
    connect(folder, "blob").close()
    for number in range(count):
        process = _start_writer(folder, number, 1_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.5)
        os.kill(process.pid, signal.SIGKILL)
        portions = 1 + len(process.communicate()[0].splitlines())
        base = connect(folder, "blob")
        keys = np.concatenate([make_keys(5_000, 1_000 * number + portion) for portion in range(portions)])
        is_stored, values = get(ask_cut_blob, base, "blob", keys)
        assert is_stored.all() and (values == number).all()
        assert base.execute("PRAGMA quick_check").fetchone() == ("ok",)
        base.close()
        n_committed += portions
    return {"kills": count, "committed_portions": n_committed, "lost": 0}


def _start_writer(folder: Path, number: int, portions: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--write", str(folder), "--number", str(number), "--portions", str(portions)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path)
    for name in ("--write", "--look-up"):
        parser.add_argument(name, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--table", choices=["segments", *CREATE], help=argparse.SUPPRESS)
    for name in ("--number", "--portions"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        put_overlapping(options.write, options.number, options.portions)
        return
    if options.look_up:
        print(json.dumps(look_up(options.look_up, options.table, options.pairs)))
        return
    n, rows = options.pairs, [{"sqlite": sqlite3.sqlite_version}]
    for table in ("segments", *CREATE):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            row = fill_segments(place, n) if table == "segments" else fill(place, table, n)
            command = [sys.executable, __file__, "--look-up", folder, "--table", table, "--pairs", str(n)]
            row |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(json.dumps(row), flush=True)
        rows.append(row)
    for measure in (lambda folder: time_writers(folder, 4, 20), lambda folder: kill_writers(folder, 20)):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
    if options.out:
        write_results(options.out, "memo_sqlite", rows)


if __name__ == "__main__":
    main()
