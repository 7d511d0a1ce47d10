"""Memory and seconds of what reads all documents or all results: import, audit, vocabularies of ranges, evaluation.

    python experiments/scale/memory.py --out experiments/scale/results

Documents as of `scale.py`, as many queries as a tenth of them. Each step runs in a process of its own; seconds are the
processor's, memory the greatest RssAnon less that of the process before it began. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scale import WORDS, Memory, describe_cpu, draw_texts

SIZES = (100_000, 300_000, 1_000_000)
LISTS = ((10_000, 100), (10_000, 1_000), (100_000, 100), (100_000, 1_000))  # queries and results of each
MEASURES = ("nDCG@10", "R@100", "RR@10", "AP")
RANGES = 10  # of the documents, and of the vocabularies


def write_collection(folder: Path, n: int) -> None:
    """Write n documents and n / 10 queries of ten words, with one judgement each."""
    rng = np.random.default_rng(n)
    with (folder / "corpus.jsonl").open("w") as file:
        for start in range(0, n, 10_000):
            for row, text in enumerate(draw_texts(rng, 10_000, WORDS), start):
                file.write(json.dumps({"_id": f"d{row:08}", "title": "", "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for row, text in enumerate(draw_texts(rng, n // 10, 10)):
            file.write(json.dumps({"_id": f"q{row:07}", "text": text}) + "\n")
    with (folder / "qrels.tsv").open("w") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for row, doc in enumerate(rng.integers(0, n, n // 10).tolist()):
            file.write(f"q{row:07}\td{doc:08}\t1\n")


def write_vocabularies(folder: Path, n: int) -> None:
    """Write the vocabularies of RANGES ranges, n terms each of which a half are in others too."""
    import pyarrow as pa

    from nirank.flow.ids import Ids

    rng = np.random.default_rng(n)
    for at in range(RANGES):
        numbers = np.unique(np.concatenate((rng.integers(0, n, n // 2), n * (at + 1) + np.arange(n // 2))))
        terms = pa.array([f"w{number:08x}" for number in numbers.tolist()], pa.large_string())
        (folder / f"terms{at}").mkdir()
        Ids(terms, np.arange(len(terms))).save(folder / f"terms{at}")


def write_lists(folder: Path, queries: int, depth: int) -> None:
    """Write a ranking as a store has it, and judgements: three a query, one of them unlisted."""
    rng = np.random.default_rng(queries)
    np.save(folder / "offsets.npy", np.arange(queries + 1) * depth)
    rows = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.int32, (queries * depth,))
    scores = np.lib.format.open_memmap(folder / "scores.npy", "w+", np.float32, (queries * depth,))
    judged = np.empty((queries, 3), np.int64)
    for query in range(queries):
        # Steps of up to 900 between documents, so that none comes twice.
        found = np.cumsum(rng.integers(1, 900, depth))
        some = slice(query * depth, (query + 1) * depth)
        rows[some] = rng.permutation(found)
        scores[some] = -np.sort(-rng.random(depth, np.float32))
        judged[query] = (*rows[some][rng.integers(0, depth, 2)], 999_999)
    (folder / "ranking.json").write_text(json.dumps({"depth": depth}))
    np.save(folder / "judged.npy", judged)


def run_import(folder: Path, ranges: int | None) -> None:
    from nirank import load
    from nirank.store import open_store

    store = open_store(str(folder / ("store" if ranges is None else "store-ranges")))
    load(
        name="synthetic",
        docs=folder / "corpus.jsonl",
        queries=folder / "queries.jsonl",
        qrels=folder / "qrels.tsv",
        ranges=ranges,
        store=store,
    )


def merge_terms(folder: Path) -> None:
    from nirank.flow.ids import Ids
    from nirank.lexical.vocabularies import merge_vocabularies

    for _ in merge_vocabularies([Ids.open(folder / f"terms{at}") for at in range(RANGES)]):
        pass


def prepare_evaluation(folder: Path) -> Callable[[], object]:
    """Open a ranking and judgements; return what evaluates them."""
    import pyarrow as pa

    from nirank.evaluation.evaluate import evaluate
    from nirank.flow.ids import Ids
    from nirank.flow.qrels import Qrels
    from nirank.flow.ranking import Ranking

    judged = np.load(folder / "judged.npy")
    queries = Ids(pa.array([f"q{row:07}" for row in range(len(judged))], pa.large_string()))
    docs = Ids(pa.array([f"d{row:08}" for row in range(1_000_000)], pa.large_string()))
    ranking = Ranking.open(folder, queries, docs)
    query_rows, position = np.divmod(np.arange(judged.size), 3)
    _, first = np.unique(query_rows * len(docs) + judged.ravel(), return_index=True)
    qrels = Qrels.build(
        queries, docs, query_rows[first], judged.ravel()[first], 1 + position[first] % 2, name="qrels", min_rel=1
    )
    return lambda: evaluate(ranking, qrels, MEASURES)


STEPS: dict[str, Callable[[Path, int], Callable[[], object]]] = {
    "import": lambda folder, _: lambda: run_import(folder, None),
    "audit": lambda folder, _: lambda: run_import(folder, None),  # what is imported already is opened and audited
    "import in ranges": lambda folder, n: lambda: run_import(folder, n // RANGES),
    "vocabularies": lambda folder, _: lambda: merge_terms(folder),
    "evaluation": lambda folder, _: prepare_evaluation(folder),
}


def run_step(step: str, folder: Path, n: int) -> dict[str, float]:
    """Run one step; return the processor's seconds, and how much memory it took more than the process before it."""
    import nirank.experiment.experiment  # noqa: F401  what it adds is not what is measured
    from nirank.base.memory import release_memory

    run = STEPS[step](folder, n)
    release_memory()
    memory = Memory()
    base = memory.measure()
    start = time.process_time()
    run()
    seconds = time.process_time() - start
    memory.running = False
    memory.thread.join()
    return {"s": seconds, "mib": memory.peak - base}


def measure(step: str, folder: Path, n: int, described: dict[str, int]) -> dict[str, float | str]:
    """Run a step in a process of its own; print and return its figures."""
    command = [sys.executable, __file__, "--out", "-", "--step", step, str(folder), str(n)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    row = {"step": step, **described, **json.loads(process.stdout.splitlines()[-1])}
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--lists", type=int, default=len(LISTS), help="how many of the lists' sizes")
    parser.add_argument("--step", nargs=3, help="one step in this process: STEP FOLDER N")
    options = parser.parse_args()
    if options.step:
        print(json.dumps(run_step(options.step[0], Path(options.step[1]), int(options.step[2]))))
        return
    rows = []
    for n in options.sizes:
        with tempfile.TemporaryDirectory() as name:
            write_collection(Path(name), n)
            write_vocabularies(Path(name), n)
            steps = ("import", "audit", "import in ranges", "vocabularies")
            rows += [measure(step, Path(name), n, {"documents": n}) for step in steps]
    for queries, depth in LISTS[: options.lists]:
        with tempfile.TemporaryDirectory() as name:
            write_lists(Path(name), queries, depth)
            rows.append(measure("evaluation", Path(name), queries, {"queries": queries, "results": depth}))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "memory.json").write_text(
        json.dumps({"machine": {"cpu": describe_cpu()}, "rows": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
