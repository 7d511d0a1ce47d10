"""Kill a long build again and again, go on each time, and see that nothing is different and nothing is built twice.

    python experiments/scale/killed.py --documents 2000000 --ranges 100000 --kills 20 --out experiments/scale/results

Documents as of `scale.py` in ranges of rows, ten queries; BM25 and exact neighbours of vectors that cost nothing
(`hashed_vectors.py`). First the build goes through undisturbed in a store of its own, which tells when each computation
begins. Then it is killed in another store by SIGKILL, at random moments spread over the build: half of them drawn by
its seconds, half by its computations. A moment is told by progress: so long after that computation has begun. Said at
the end:

  kills          by what was at work
  different      artifacts whose bytes are not, by checksum, those of the undisturbed build, or that one of both lacks
  repeated       computations that were begun though they had been finished before; imports and ranges are among them
  computations   that the build needs, and how many were begun
  whole_s        seconds of the undisturbed build; killed_s of all parts of the killed one together
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from scale import WORDS, describe_cpu, draw_texts

QUERIES, DEPTH = 10, 100
_PART = 0.95  # of the build has kills: its last computations are over before a signal comes
_POLL_S = 0.002
RUN_IMPORT = "nirank.experiment.loading._run_import"
KEEP_FACTS = "nirank.experiment.kept_facts._find_or_compute"
RUN_TASK = "nirank.plan.execute.Runner._run_task"


class Moment(NamedTuple):
    """A moment of the build: so many seconds after a computation has begun; `place` is its place in the order."""

    place: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--ranges", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import nirank.experiment.experiment
    import nirank.lexical.kernels  # noqa: F401  a forked child need not import what its parent has

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, options.documents)
        figures = disturb(folder, options)
    row = {"documents": options.documents, "ranges": options.ranges, "seed": options.seed, **figures}
    print(json.dumps(row))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        report = {"machine": {"cpu": describe_cpu()}, "row": row}
        (options.out / "killed.json").write_text(json.dumps(report, indent=1) + "\n")


def write_files(folder: Path, n: int) -> None:
    """Write n documents, and queries of ten words."""
    rng = np.random.default_rng(n)
    with (folder / "corpus.jsonl").open("w") as file:
        for start in range(0, n, 10_000):
            for row, text in enumerate(draw_texts(rng, min(10_000, n - start), WORDS), start):
                file.write(json.dumps({"_id": f"d{row:08}", "title": "", "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for row, text in enumerate(draw_texts(rng, QUERIES, 10)):
            file.write(json.dumps({"_id": f"q{row}", "text": text}) + "\n")


def disturb(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    whole, killed = folder / "whole", folder / "killed"
    begun = time.perf_counter()
    wait_for(start(folder, whole, options.ranges))
    whole_s = time.perf_counter() - begun
    timeline = read_timeline(whole.with_suffix(".log"))
    order = {name: place for place, (name, _, _) in enumerate(timeline)}
    log, kills = killed.with_suffix(".log"), Counter[str]()
    log.touch()
    begun = time.perf_counter()
    for moment in draw_moments(timeline, options.kills, random.Random(options.seed)):
        known = log.stat().st_size
        child = start(folder, killed, options.ranges)
        place = kill_at(child, moment, log, known, order)
        if place is None:
            break
        kills[describe(timeline[place][2])] += 1
        print(f"killed {sum(kills.values())} times, in {timeline[place][2]}", file=sys.stderr, flush=True)
    wait_for(start(folder, killed, options.ranges))
    killed_s = time.perf_counter() - begun
    checksums = [read_checksums(store) for store in (whole, killed)]
    lines = [line.split(" ", 3) for line in log.read_text().splitlines()]
    return {
        "kills": dict(kills),
        "different": len(set(checksums[0].items()) ^ set(checksums[1].items())),
        "artifacts": len(checksums[0]),
        "repeated": count_repeated(lines),
        "computations": {"needed": len(timeline) - 1, "begun": sum(line[0] == "begin" for line in lines)},
        "whole_s": round(whole_s, 1),
        "killed_s": round(killed_s, 1),
    }


def draw_moments(timeline: list[tuple[str, float, str]], kills: int, rng: random.Random) -> list[Moment]:
    """Return moments in the order of the build: every second one by its seconds, the others by its computations."""
    begins = np.array([begin for _, begin, _ in timeline])
    last = _PART * (len(timeline) - 1)
    end = begins[0] + _PART * (begins[-1] - begins[0])
    moments = []
    for kill in range(kills):
        if kill % 2:
            place, part = divmod(rng.random() * last, 1)
            at = begins[int(place)] + part * (begins[int(place) + 1] - begins[int(place)])
        else:
            at = rng.uniform(begins[0], end)
        place = int(np.searchsorted(begins, at, side="right")) - 1
        moments.append(Moment(place, float(at - begins[place])))
    return sorted(moments)


def kill_at(child: int, moment: Moment, log: Path, known: int, order: dict[str, int]) -> int | None:
    """Kill a build at a moment, or as soon as it has come further; return the place of what was at work.

    known  bytes of the log before this build began
    None where the build had come to its end before.
    """
    reached = None
    while reached is None or time.perf_counter() - reached < moment.seconds:
        places = find_begun(log, known, order)
        if places and places[-1] > moment.place:
            break
        if places and places[-1] == moment.place and reached is None:
            reached = time.perf_counter()
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return require_success(status)
        time.sleep(_POLL_S)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return find_begun(log, known, order)[-1] if os.WIFSIGNALED(status) else require_success(status)


def find_begun(log: Path, known: int, order: dict[str, int]) -> list[int]:
    """Return the places of what a build has begun since its log had so many bytes."""
    with log.open("rb") as file:
        file.seek(known)
        lines = [line.decode().split(" ", 3) for line in file.read().splitlines()]
    return [order[line[2]] for line in lines if line[0] == "begin"]


def wait_for(child: int) -> None:
    require_success(os.waitpid(child, 0)[1])


def require_success(status: int) -> None:
    if status:
        raise SystemExit("a build failed; its words are above")


def read_timeline(log: Path) -> list[tuple[str, float, str]]:
    """Return (name, when it began, label) of each computation, and the end, in order."""
    lines = [line.split(" ", 3) for line in log.read_text().splitlines()]
    return [(name, float(when), label) for event, when, name, label in lines if event == "begin"] + [
        ("end", float(lines[-1][1]), "end")
    ]


def describe(label: str) -> str:
    """Return what sort of computation a label is of."""
    sorts = ("import", "ranges of", "index of", "counts of", "vectors of")
    return next((sort.removesuffix(" of") for sort in sorts if label.startswith(sort)), "search")


def read_checksums(store: Path) -> dict[str, str]:
    """Return {folder of an artifact: checksum of its files}."""
    from nirank.store import LocalStore

    return {artifact.folder.name: artifact.meta["checksum"] for artifact in LocalStore(store).read_artifacts()}


def count_repeated(lines: list[list[str]]) -> int:
    """Return how often something was begun that had been finished before."""
    finished: set[str] = set()
    n_repeated = 0
    for event, _, name, _ in lines:
        if event == "finish":
            finished.add(name)
        n_repeated += event == "begin" and name in finished
    return n_repeated


def start(folder: Path, store: Path, ranges: int) -> int:
    """Fork a build; return its process."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        build(folder, store, ranges)
        status = 0
    finally:
        os._exit(status)


def build(folder: Path, store: Path, ranges: int) -> None:
    """Import, index and search, saying in a log beside the store what begins and what is finished."""
    from hashed_vectors import HashedVectors

    from nirank import BM25, Experiment, load
    from nirank.experiment import kept_facts, loading
    from nirank.plan.execute import Runner
    from nirank.store import LocalStore

    with store.with_suffix(".log").open("a") as log:

        def say(event: str, node: Any) -> None:
            os.write(log.fileno(), f"{event} {time.perf_counter()} {node.address} {node.label}\n".encode())

        def import_and_say(source: Any, side: Any, store: Any, node: Any) -> Any:
            say("begin", node)
            stored = run_import(source, side, store, node)
            say("finish", node)
            return stored

        def keep_and_say(store: Any, node: Any, compute: Callable[[], Any], open_facts: Any) -> Any:
            begun = False

            def say_and_compute() -> Any:
                nonlocal begun
                begun = True
                say("begin", node)
                return compute()

            facts = keep_facts(store, node, say_and_compute, open_facts)
            if begun:
                say("finish", node)
            return facts

        def run_and_say(runner: Any, node: Any, inputs: Any) -> None:
            say("begin", node)
            run_task(runner, node, inputs)
            say("finish", node)

        run_import, keep_facts, run_task = loading._run_import, kept_facts._find_or_compute, Runner._run_task
        for name, watched in ((RUN_IMPORT, import_and_say), (KEEP_FACTS, keep_and_say), (RUN_TASK, run_and_say)):
            patch(name, watched).start()  # for as long as this process lives
        opened = LocalStore(store)
        collection = load(
            name="synthetic",
            docs=folder / "corpus.jsonl",
            queries=folder / "queries.jsonl",
            ranges=ranges,
            store=opened,
        )
        systems = {"Vectors": HashedVectors(k=DEPTH), "BM25": BM25(k=DEPTH)}
        result = Experiment(collection, systems, ["nDCG@10"], store=opened).run()
        if result.failed:
            raise SystemExit(str([row.error for row in result.rows]))


if __name__ == "__main__":
    main()
