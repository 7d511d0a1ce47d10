"""Evaluating run files, and rankings in memory, against ir_measures and ranx.

    python experiments/benchmarks/evaluation.py --systems 10 --repeats 1 --out experiments/benchmarks/results

Synthetic runs of the size of MS MARCO's dev set: 6,980 queries, 1,000 documents each of 8.8 million, one or two
relevant, five measures. `files`: a fresh process reads the judgements and all run files and computes the means; seconds
and peak memory are of the whole process, imports (and what ranx compiles or loads) included; nirank's time also has
the tests of all pairs of systems, which the others do not do. `memory`: one system in each tool's own form, held by a
process that has been asked once before, so that ranx is warm: ranx's typed lists, ir_measures' dictionaries, nirank's
arrays. ranx is installed by hand (`pip install ranx==0.3.21`), where its pins disagree in an environment of its own:
name its interpreter with `--ranx PYTHON`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from alternate import Ask, measure_peak_mib, serve, write_results

QUERIES, DEPTH, DOCS = 6_980, 1_000, 8_841_823
MEASURES = ("nDCG@10", "AP", "RR@10", "R@1000", "P@10")
RANX = ("ndcg@10", "map", "mrr@10", "recall@1000", "precision@10")
RIVALS = ("nirank", "ir_measures", "ranx")


def write_files(folder: Path, systems: int) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    queries = np.sort(random.choice(1_100_000, QUERIES, replace=False))
    relevant = [random.choice(DOCS, 1 + (random.random() < 0.065), replace=False) for _ in queries]
    lines = [f"{query} 0 {doc} 1\n" for query, docs in zip(queries, relevant, strict=True) for doc in docs]
    (folder / "qrels.txt").write_text("".join(lines))
    for system in range(systems):
        with (folder / f"{system}.run").open("w") as file:
            for query, relevant_docs in zip(queries, relevant, strict=True):
                docs = random.permutation(np.unique(random.integers(0, DOCS, DEPTH + 40)))[:DEPTH]
                docs = docs[docs != relevant_docs[0]]
                docs = np.insert(docs, min(random.geometric(0.02), len(docs)), relevant_docs[0])[:DEPTH]
                scores = np.sort(random.random(len(docs)) * 30)[::-1]
                entries = enumerate(zip(docs.tolist(), scores.tolist(), strict=True), 1)
                file.write(
                    "".join(f"{query} Q0 {doc} {rank} {score:.6f} s{system}\n" for rank, (doc, score) in entries)
                )


def evaluate_files(rival: str, folder: Path, systems: int) -> list[float]:
    """Evaluate all run files; return the values of the last one."""
    paths = [folder / f"{system}.run" for system in range(systems)]
    means: list[float] = []
    if rival == "nirank":
        from nirank.experiment.run_files import evaluate_runs

        result = evaluate_runs(folder / "qrels.txt", paths, MEASURES)
        means = [result.rows[-1].measures[name] for name in MEASURES]
    elif rival == "ir_measures":
        import ir_measures

        measures = [ir_measures.parse_measure(name) for name in MEASURES]
        qrels = list(ir_measures.read_trec_qrels(str(folder / "qrels.txt")))
        for path in paths:
            values = ir_measures.calc_aggregate(measures, qrels, ir_measures.read_trec_run(str(path)))
            means = [values[measure] for measure in measures]
    else:
        from ranx import Qrels, Run, evaluate

        qrels = Qrels.from_file(str(folder / "qrels.txt"), kind="trec")
        for path in paths:
            values = evaluate(qrels, Run.from_file(str(path), kind="trec"), list(RANX), make_comparable=True)
            means = [float(values[name]) for name in RANX]
    return means


def open_in_memory(rival: str, folder: Path) -> Ask:
    """Hold one system in the rival's own form."""
    run, judged = str(folder / "0.run"), str(folder / "qrels.txt")
    if rival == "nirank":
        from nirank.evaluation.evaluate import evaluate
        from nirank.flow.ids import Ids
        from nirank.flow.judgement_files import read_qrels
        from nirank.flow.qrels import Qrels
        from nirank.flow.trec import read_run

        qrels_file = read_qrels(judged)
        queries = Ids(qrels_file.query_ids.unique())
        ranking = read_run(run, queries).ranking
        rows = queries.find_rows(qrels_file.query_ids), ranking.docs.find_rows(qrels_file.doc_ids)
        qrels = Qrels.build(queries, ranking.docs, *rows, qrels_file.grades)
        work: Any = lambda: [evaluate(ranking, qrels, MEASURES).means[name] for name in MEASURES]  # noqa: E731
    elif rival == "ir_measures":
        import ir_measures

        measures = [ir_measures.parse_measure(name) for name in MEASURES]
        scores: dict[str, dict[str, float]] = {}
        for result in ir_measures.read_trec_run(run):
            scores.setdefault(result.query_id, {})[result.doc_id] = result.score
        grades: dict[str, dict[str, int]] = {}
        for label in ir_measures.read_trec_qrels(judged):
            grades.setdefault(label.query_id, {})[label.doc_id] = label.relevance
        evaluator = ir_measures.evaluator(measures, grades)

        def work() -> list[float]:
            values = evaluator.calc_aggregate(scores)
            return [values[measure] for measure in measures]
    else:
        from ranx import Qrels, Run, evaluate

        ranx_qrels, ranx_run = Qrels.from_file(judged, kind="trec"), Run.from_file(run, kind="trec")
        ranx_run.make_comparable(ranx_qrels)

        def work() -> list[float]:
            values = evaluate(ranx_qrels, ranx_run, list(RANX))
            return [float(values[name]) for name in RANX]

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        values = work()
        return {"s": time.perf_counter() - start, "values": values, "peak_mib": measure_peak_mib()}

    return ask


def time_process(python: str, rival: str, folder: Path, systems: int) -> dict[str, Any]:
    """Time a process from its start to its end; peak memory is what the kernel counted of it."""
    command = [python, __file__, "--rival", rival, "--folder", str(folder), "--systems", str(systems), "--files"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{rival} failed; its words are above")
    line = next(printed for printed in output.splitlines() if printed.startswith("{"))
    return {"s": time.perf_counter() - start, "peak_mib": usage.ru_maxrss / 1024, **json.loads(line)}


class RivalProcess:
    """A rival that holds one system in memory."""

    def __init__(self, python: str, rival: str, folder: Path) -> None:
        command = [python, __file__, "--rival", rival, "--folder", str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("{}\n")
        self.process.stdin.flush()
        return next(json.loads(line) for line in self.process.stdout if line.startswith("{"))

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def summarise_answers(contest: str, systems: int, rival: str, answers: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = [answer["s"] for answer in answers]
    return {
        "contest": contest,
        "systems": systems,
        "rival": rival,
        "s": statistics.median(seconds),
        "all": seconds,
        "peak_mib": max(answer["peak_mib"] for answer in answers),
        "values": dict(zip(MEASURES, answers[-1]["values"], strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ranx", default=sys.executable, help="the interpreter that has ranx")
    parser.add_argument("--contest", choices=("files", "memory", "both"), default="both")
    parser.add_argument("--name", default="evaluation", help="of the result file")
    parser.add_argument("--out", type=Path, default=Path("experiments/benchmarks/results"))
    parser.add_argument("--folder", type=Path, help="where the synthetic runs are, or are put")
    parser.add_argument("--rival", help=argparse.SUPPRESS)
    parser.add_argument("--files", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rival and options.files:
        print(json.dumps({"values": evaluate_files(options.rival, options.folder, options.systems)}))
        return
    if options.rival:
        serve(lambda folder: open_in_memory(options.rival, folder), options.folder)
        return
    pythons = {rival: options.ranx if rival == "ranx" else sys.executable for rival in RIVALS}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / f"{options.systems - 1}.run").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_files(folder, options.systems)
        if options.contest != "memory":
            answers_of_files: dict[str, list[dict[str, Any]]] = {rival: [] for rival in RIVALS}
            for turn in range(options.repeats):
                for rival in RIVALS if turn % 2 else RIVALS[::-1]:
                    answers_of_files[rival].append(time_process(pythons[rival], rival, folder, options.systems))
            rows += [
                summarise_answers("files", options.systems, rival, answers)
                for rival, answers in answers_of_files.items()
            ]
        if options.contest != "files":
            processes = {rival: RivalProcess(pythons[rival], rival, folder) for rival in RIVALS}
            answers_of_memory: dict[str, list[dict[str, Any]]] = {rival: [] for rival in RIVALS}
            for turn in range(options.repeats + 1):
                for rival, process in processes.items():
                    answer = process.ask()
                    if turn:
                        answers_of_memory[rival].append(answer)
            for process in processes.values():
                process.close()
            rows += [summarise_answers("memory", 1, rival, answers) for rival, answers in answers_of_memory.items()]
    write_results(options.out, options.name, rows)
    for row in rows:
        print(f"{row['contest']:7} {row['systems']:3} {row['rival']:12} {row['s']:8.2f} s {row['peak_mib']:8.0f} MiB")


if __name__ == "__main__":
    main()
