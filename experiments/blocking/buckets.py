"""Buckets at scale: what hashing without training finds and costs, beside exact search, HNSW and IVF.

    python experiments/blocking/buckets.py --out experiments/blocking/results/buckets [--tables febrl4 people-50k …]

Records are encoded once by hashed character n-grams (no trained model); encoding is counted apart. Every method then
runs in a process of its own, one thread, and states processor seconds and how much memory it took beyond the vectors.
FAISS's own batched search stands for HNSW and IVF. `PC` is the share of the known matches among the candidates.

lsh     hyperplanes: `tables` × `functions`, `probes` further buckets a query and table; any number of candidates
exact   `nirank.inference.knn.search_nearest`; of large tables an evenly spread sample of the right records asks
hnsw    32 links, width 200 at building; ivf: the square root of n lists. Both give k candidates a record

How many functions: log2(n) + d, so that candidates a record stay about as many while n grows. The settings that are
shown were looked for on 10,000 other persons (people-valid); the tables that a recall takes grow with n.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "blocking"
MODEL = "ngrams:3-4,buckets=16384,width=128,seed=0"
PEOPLE = {  # records of both tables, and the seed
    "people-valid": (10_000, 7),
    "people-50k": (50_000, 1),
    "people-200k": (200_000, 1),
    "people-1m": (1_000_000, 1),
}
FILES = ("febrl4", "jedai-imdb-dbpedia")
LSH = [(tables, extra, probes) for tables in (10, 20, 30) for extra in (2, 4) for probes in (0, 8, 16)]
SHOWN = [(20, 2, 8), (20, 4, 16), (30, 4, 16), (40, 4, 16), (60, 4, 16)]
EXACT_QUERIES = 5000
Matches = NDArray[np.int64]


def read_people(name: str) -> tuple[list[str], list[str], Matches]:
    """Make tables of persons, and return both as texts, and the matches as (right row, left row)."""
    from make_people import make_tables

    left, right, matches = make_tables(*PEOPLE[name])
    texts = [[" ".join(filter(None, values)) for values in table] for table in (left, right)]
    return texts[0], texts[1], np.array(matches, np.int64)


def read_files(name: str, folder: Path) -> tuple[list[str], list[str], Matches]:
    """Read two tables as texts, and the matches as (right row, left row)."""

    def read(stem: str) -> Iterator[list[str]]:
        path = next(folder.glob(f"{stem}.csv*"))
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            rows = csv.reader(file)
            next(rows)
            yield from rows

    tables = [list(read(stem)) for stem in ("tableA", "tableB")]
    places = [{row[0]: at for at, row in enumerate(table)} for table in tables]
    matches = [(places[1][row[1]], places[0][row[0]]) for row in read("matches")]
    texts = [[" ".join(filter(None, row[1:])) for row in table] for table in tables]
    return texts[0], texts[1], np.array(matches, np.int64)


def encode_tables(name: str, work: Path) -> float:
    """Write left.npy, right.npy and matches.npy; return the processor seconds of encoding."""
    from nirank.algebra.context import Context
    from nirank.inference.encoder import Encoding, encode, read_vectors
    from nirank.inference.models import resolve_model

    left, right, matches = read_people(name) if name in PEOPLE else read_files(name, DATA / name)
    np.save(work / "matches.npy", matches)
    encode(right[:100], 100, Encoding(resolve_model(MODEL)), work, Context())  # imports and compiles
    started = time.process_time()
    for side, texts in (("left", left), ("right", right)):
        folder = work / side
        folder.mkdir(exist_ok=True)
        encode(texts, len(texts), Encoding(resolve_model(MODEL)), folder, Context())
        np.save(work / f"{side}.npy", np.asarray(read_vectors(folder)[0], np.float32))
    return time.process_time() - started


def find_exact(left: Any, right: Any, options: Mapping[str, Any]) -> Iterator[tuple[float, Any]]:
    """Search exactly; a sample of the right records asks."""
    from nirank.inference.knn import search_nearest

    rows = np.unique(np.linspace(0, len(right) - 1, min(EXACT_QUERIES, len(right))).astype(np.int64))
    yield time.process_time(), None
    scope = make_scope(len(rows), len(left))
    ranking = search_nearest(np.asarray(right[rows]), left, scope, options["k"], "cosine")
    yield time.process_time(), (rows[ranking.query_rows], np.asarray(ranking.rows, np.int64), len(rows))


def find_lsh(left: Any, right: Any, options: Mapping[str, Any]) -> Iterator[tuple[float, Any]]:
    """Hash both sides, and join buckets."""
    from nirank.blocking.join import join
    from nirank.blocking.keys import KeySet
    from nirank.blocking.purging import purge_buckets
    from nirank.blocking.vector_hashing import Hyperplanes, compute_centre

    family = Hyperplanes.draw(compute_centre(left), options["tables"], options["functions"], 0)
    left_keys = family.hash_vectors(left)
    yield time.process_time(), None
    right_keys = family.hash_vectors(right, options["probes"], KeySet(np.unique(left_keys.keys)))
    right_keys, left_keys, _ = purge_buckets(right_keys, left_keys, smoothing=None, ratio=None)
    pairs = join(right_keys, left_keys, make_scope(len(right), len(left)))
    yield time.process_time(), (pairs.query_rows, np.asarray(pairs.rows, np.int64), len(right))


def find_faiss(left: Any, right: Any, options: Mapping[str, Any]) -> Iterator[tuple[float, Any]]:
    """Build an index of FAISS over unit vectors, and search it by batches."""
    import faiss

    faiss.omp_set_num_threads(1)
    unit = [
        np.ascontiguousarray(side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12))
        for side in (np.asarray(left), np.asarray(right))
    ]
    if options["kind"] == "hnsw":
        index = faiss.IndexHNSWFlat(left.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
    else:
        lists = int(np.sqrt(len(left)))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(left.shape[1]), left.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
        index.train(unit[0])
    index.add(unit[0])
    yield time.process_time(), None
    for width in options["widths"]:
        if options["kind"] == "hnsw":
            index.hnsw.efSearch = width
        else:
            index.nprobe = width
        started = time.process_time()
        rows = index.search(unit[1], options["k"])[1]
        taken = time.process_time() - started
        found = rows >= 0
        yield taken, (np.nonzero(found)[0], rows[found], len(right))


def make_scope(queries: int, docs: int) -> Any:
    """Return the scope of numbered records."""
    from nirank.flow.ids import Ids
    from nirank.flow.scope import Scope

    return Scope(Ids.of(list(map(str, range(queries)))), Ids.of(list(map(str, range(docs)))))


def read_memory(name: str) -> int:
    """Return this process's memory in bytes: VmRSS now, VmHWM at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


METHODS = {"exact": find_exact, "lsh": find_lsh, "hnsw": find_faiss, "ivf": find_faiss}


def run_job(work: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Run one method in this process; return a result for each of its settings."""
    left, right, matches = (np.load(work / f"{name}.npy") for name in ("left", "right", "matches"))
    list(METHODS[options["kind"]](left[:2000], right[:2000], options))  # imports and compiles
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = read_memory("VmRSS")
    started = time.process_time()
    steps = METHODS[options["kind"]](left, right, options)
    built = next(steps)[0] - started
    results, at = [], started + built
    for width, (taken, (query_rows, doc_rows, asked)) in zip(options.get("widths", [None]), steps, strict=True):
        seconds = taken if width is not None else taken - at
        peak = (read_memory("VmHWM") - before) / (len(left) + len(right))
        codes = np.sort(query_rows.astype(np.int64) * len(left) + doc_rows)
        wanted = matches if asked == len(right) else matches[np.isin(matches[:, 0], query_rows)]
        wanted_codes = wanted[:, 0] * len(left) + wanted[:, 1]
        places = np.minimum(np.searchsorted(codes, wanted_codes), len(codes) - 1)
        setting = {name: value for name, value in options.items() if name != "widths"}
        results.append(
            {
                **setting,
                **({} if width is None else {"width": width}),
                "pc": round(float((codes[places] == wanted_codes).mean()), 4),
                "candidates": round(len(codes) / asked, 1),
                "build_s": round(built, 2),
                "search_s": round(seconds, 2),
                "search_us_a_record": round(seconds / asked * 1e6, 1),
                "bytes_a_record": round(peak),
            }
        )
    return results


def list_jobs(name: str, records: int) -> Iterator[dict[str, Any]]:
    """Yield what is run on tables of a name, `records` on the left side."""
    for k in (1, 10, 100):
        yield {"kind": "exact", "k": k}
    bits = round(float(np.log2(records)))
    for tables, extra, probes in LSH if name == "people-valid" else SHOWN:
        yield {"kind": "lsh", "tables": tables, "functions": bits + extra, "probes": probes}
    if name != "people-valid":
        yield {"kind": "hnsw", "k": 10, "widths": [10, 20, 50, 100]}
        yield {"kind": "ivf", "k": 10, "widths": [1, 2, 4, 8, 16]}


def write_table(results: list[dict[str, Any]], out: Path) -> None:
    """Write results.json and results.md."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    lines = [
        f"Vectors: `{MODEL}`. Processor seconds of one thread; memory beyond the vectors, a record of both tables."
    ]
    for name in [*FILES, *PEOPLE]:
        order = list(METHODS)
        of_name = sorted(
            (result for result in results if result["tables_of"] == name),
            key=lambda result: order.index(result["kind"]),
        )
        if not of_name:
            continue
        first = of_name[0]
        lines += [
            f"\n## {name}: {first['left']:,} × {first['right']:,}, {first['matches']:,} matches;"
            f" encoding {first['encode_s']:.1f} s\n",
            "| method | PC | candidates a record | building s | searching s | µs a record | bytes a record |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for result in of_name:
            shown = {"tables": "tables", "functions": "functions", "probes": "probes", "k": "k", "width": "width"}
            method = ", ".join([result["kind"], *(f"{shown[key]} {result[key]}" for key in shown if key in result)])
            searched = f"{result['search_s']:.2f}" + (" (sample)" if result["kind"] == "exact" else "")
            lines.append(
                f"| {method} | {result['pc']:.4f} | {result['candidates']:.1f} | {result['build_s']:.2f} | {searched}"
                f" | {result['search_us_a_record']:.0f} | {result['bytes_a_record']:,} |"
            )
    (out / "results.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Encode, run every job in a process of its own, and write the results."""
    parser = argparse.ArgumentParser(description="Buckets against exact search, HNSW and IVF.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables", nargs="*", default=[*FILES, *PEOPLE], choices=[*FILES, *PEOPLE])
    parser.add_argument(
        "--methods", nargs="*", default=list(METHODS), choices=METHODS, help="others keep their results"
    )
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(run_job(options.out, json.loads(options.job))))
        return
    written = options.out / "results.json"
    results: list[dict[str, Any]] = json.loads(written.read_text()) if written.exists() else []
    for name in options.tables:
        results = [result for result in results if result["tables_of"] != name or result["kind"] not in options.methods]
        work = HERE / "data" / "buckets" / name
        work.mkdir(parents=True, exist_ok=True)
        encode_s = encode_tables(name, work)
        shapes = {key: len(np.load(work / f"{key}.npy", mmap_mode="r")) for key in ("left", "right", "matches")}
        for job in [job for job in list_jobs(name, shapes["left"]) if job["kind"] in options.methods]:
            command = [sys.executable, __file__, "--out", str(work), "--job", json.dumps(job)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            for result in json.loads(answer.stdout.splitlines()[-1]):
                results.append({"tables_of": name, **shapes, "encode_s": round(encode_s, 2), **result})
                print(json.dumps(results[-1]), flush=True)
            write_table(results, options.out)


if __name__ == "__main__":
    main()
