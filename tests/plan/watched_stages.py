"""Run every stage on much data, and print what each computation held against what it said it would need.

Arguments: a folder for the store, a folder of tiny models, and which stages ('lists', 'blocking', 'citations', 'texts', 'reviews' or 'models').
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

MIB = 1 << 20
sys.path.insert(0, str(Path(__file__).parents[1]))
_PEAK = mmap.mmap(-1, 8)  # shared with the process that watches


def watch() -> None:
    """Let another process note the most that this one holds: a thread would wait for Python's lock."""
    watched = os.getpid()
    if os.fork():
        return
    status = Path(f"/proc/{watched}/status")
    while os.getppid() == watched:
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon"):
                held_bytes = 1024 * int(line.split()[1])
                if held_bytes > struct.unpack("q", _PEAK[:])[0]:
                    _PEAK[:] = struct.pack("q", held_bytes)
        time.sleep(0.001)
    os._exit(0)


def start_server() -> Any:
    """Start a language model that always answers the same."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "stages"))
    from chat_server import Server

    running = Server()
    running.answer = lambda prompt: "[2] > [1]"
    return running


def main(store: str, models: str, stages: str) -> None:
    """Measure."""
    watch()
    from dated_folder import write_dated_folder
    from fusions import load_fusions

    from nirank.algebra.application import fold, within
    from nirank.algebra.context import Context
    from nirank.algebra.judged import Judged
    from nirank.algebra.node import Node
    from nirank.algebra.registry import load_stages
    from nirank.algebra.stage import Retriever, option, stage
    from nirank.base.memory import limit_memory, measure_process_memory, release_memory
    from nirank.collections.collection import Collection
    from nirank.experiment.experiment import Experiment
    from nirank.flow.pairs import Pairs, choose_row_type
    from nirank.flow.ranking import Ranking
    from nirank.flow.scope import Scope
    from nirank.plan.execute import Runner
    from nirank.plan.memory import MemoryEstimator
    from nirank.stages.bm25 import BM25
    from nirank.store import LocalStore

    @stage
    class Listed(Retriever):
        """Give every query its first `k` documents, in an order of its own."""

        seed: int = option(default=0)
        name = "listed"

        def search(self, queries: Any, scope: Scope, k: int | None, ctx: Context) -> Pairs:
            n_docs, lists = len(scope.docs), []
            for query in range(len(queries)):
                order = np.random.default_rng([self.seed, query]).permutation(n_docs).astype(choose_row_type(n_docs))
                allowed = scope.list_rows(query)
                lists.append((order if allowed is None else order[np.isin(order, allowed)])[:k])
            counts = np.array([len(rows) for rows in lists])
            scores = np.concatenate([np.arange(n, 0, -1, dtype=np.float32) for n in counts.tolist()])
            depth = None if k is None or k >= n_docs else k
            return Ranking(
                queries.ids, scope.docs, np.append(0, np.cumsum(counts)), np.concatenate(lists), scores, depth
            )

    measured: list[dict[str, Any]] = []
    original = Runner._run_task

    def run_task(self: Runner, node: Node, inputs: dict[str, list[Any]]) -> None:
        release_memory()
        before = measure_process_memory()
        estimate = MemoryEstimator(self._find_value).estimate(node)
        expected = None if estimate is None else before + estimate
        _PEAK[:] = struct.pack("q", 0)
        started = time.perf_counter()
        with limit_memory(expected):
            original(self, node, inputs)
        time.sleep(0.003)
        bytes_taken = max(struct.unpack("q", _PEAK[:])[0] - before, 0)
        name = getattr(node.stage, "name", "") if ":tasks" not in node.task else node.stage.name
        line = {"stage": name, "task": node.task.split(":")[1], "label": node.label, "took": bytes_taken}
        line |= {"expected": None if expected is None else expected - before, "seconds": time.perf_counter() - started}
        measured.append(line)

    Runner._run_task = run_task  # type: ignore[method-assign]
    kinds, folder = load_stages(), Path(models)
    if stages == "lists":
        n_queries, n_docs, words = 100, 20_000, 12
    elif stages == "blocking":
        n_queries, n_docs, words = 200, 10_000, 30
    elif stages == "texts":
        n_queries, n_docs, words = 5, 2_000, 1_500
    elif stages == "citations":
        n_queries, n_docs, words = 80, 10_000, 30
    elif stages == "reviews":
        n_queries, n_docs, words = 2, 4_000, 150
    else:
        n_queries, n_docs, words = 40, 12_000, 12
    random = np.random.default_rng(0)

    def text(n: int) -> str:
        return " ".join(f"w{word}" for word in random.integers(0, 60 if stages == "models" else 5_000, n)) + "."

    def dated(words: int) -> dict[str, Any]:
        long = [text(15) for _ in range(words // 15)] or [text(words)]
        if stages == "citations":
            long += [f"See d{row:06}." for row in random.integers(0, n_docs, 8)]
        return {"text": " ".join(long), "metadata": {"date": f"{random.integers(1990, 2020)}"}}

    docs = {f"d{at:06}": dated(words) for at in range(n_docs)}
    queries = {
        f"q{at:03}": {
            "text": text(3) + (" d000001 d000002" if stages == "citations" else ""),
            "metadata": {"date": "2010"},
        }
        for at in range(n_queries)
    }
    judged = {"q000": {"d000001": 1}}
    collection = Collection.of(docs, queries, judged, name="much")
    some = Collection.of(dict(islice(docs.items(), 600)), queries, judged, name="some")
    del docs
    full_list, second_list = Listed(1, k=n_docs), Listed(2, k=n_docs)
    short_list = Listed(k=2)
    systems: dict[str, Any]
    if stages == "lists":
        lines = (f"q{q:03} Q0 d{d:06} 1 {n_docs - d} x\n" for q in range(n_queries) for d in range(0, n_docs, 2))
        with (Path(store) / "some.run").open("w") as file:
            file.writelines(lines)
        write_dated_folder(Path(store) / "dated")
        even_ids = tuple(f"d{at:06}" for at in range(0, n_docs, 2))
        systems = {
            **{name: kind().of(full_list, second_list, Listed(3, k=n_docs)) for name, kind in load_fusions().items()},
            "best_parts": full_list >> kinds["best_parts"](),
            "bm25": BM25(k=n_docs),
            "bm25f": kinds["bm25f"]({"text": 1.0}, k=n_docs),
            "complete": short_list >> kinds["complete"](),
            "cut": full_list >> kinds["cut"](10_000),
            "date_decay": full_list >> kinds["date_decay"](),
            "date_density": full_list >> kinds["date_density"](Judged(str(Path(store) / "dated"), "train")),
            "dated": within(kinds["dated"](), short_list),
            "fold_versions": full_list >> kinds["fold_versions"]("date"),
            "in_force": within(kinds["in_force"]("date"), short_list),
            "intersection": kinds["intersection"]().of(full_list, second_list) >> BM25(),
            "language_model": kinds["language_model"](k=n_docs),
            "only": within(kinds["only"](even_ids), short_list),
            "rm3": BM25(k=10) >> kinds["rm3"](k=n_docs),
            "run": kinds["run"](str(Path(store) / "some.run")),
            "union": kinds["union"]().of(full_list, second_list) >> BM25(),
            "versions": within(kinds["versions"](work="date"), short_list),
            "weighted_sum": kinds["weighted_sum"](weights=(0.7, 0.3)).of(full_list, second_list),
            "where": within(kinds["where"]({"date": "2001"}), short_list),
            "-parts": fold(kinds["windows"](6), short_list >> kinds["complete"]()),
            "-scoped": within(full_list, kinds["rrf"]().of(full_list, second_list)),
        }
    elif stages == "blocking":
        systems = {
            name: kinds[name](*options) >> BM25()
            for name, options in (
                ("minhash", ()),
                ("same", (("text",),)),
                ("sorted_neighbourhood", ()),
                ("token_blocking", ()),
            )
        }
        systems["tfidf"] = kinds["tfidf"](k=n_docs)
        rule = {"alike": {"column": "text", "at_least": 0.5}}
        systems["rules"] = kinds["tfidf"](k=4_000) >> kinds["rules"](rule) >> BM25()  # all pairs take 17 s
    elif stages == "texts":
        with (Path(store) / "queries.tsv").open("w") as file:
            file.writelines(f"d{at:06}\t{text(8)}\n" for at in range(n_docs))
        systems = {
            name: fold(kinds[name](*options), short_list)
            for name, options in (
                ("append_queries", (None, str(Path(store) / "queries.tsv"))),
                ("boolean_terms", ()),
                ("first_words", (1_000,)),
                ("key_sentences", ()),
                ("parts", ()),
                ("sections", ()),
                ("sentences", (3, 1)),
                ("top_terms", ()),
                ("windows", (100, 50)),
            )
        }
    elif stages == "citations":
        systems = {name: kinds[name](k=n_docs) for name in ("citations", "co_citation", "coupling")}
        systems["citation_walk"] = full_list >> kinds["citation_walk"]()
        systems["mask_citations"] = fold(kinds["mask_citations"](), short_list)
    elif stages == "reviews":
        systems = {"feedback": kinds["feedback"](batch=1_000)}
    else:
        bi, cross, splade, causal = (str(folder / name) for name in ("bi/model", "cross", "splade", "causal"))
        systems = {
            "centroid": kinds["centroid"](bi, k=n_docs),
            "dense": kinds["dense"](bi, k=n_docs),
            "hnsw": kinds["hnsw"](bi),
            "hamming": kinds["hamming"](bi, radius=40) >> BM25(),
            "lsh": kinds["lsh"](bi) >> BM25(),
            "range_search": kinds["range_search"](bi, radius=2.0) >> BM25(),
            "-listed": Listed(k=50) >> kinds["dense"](bi),
            "ivf": kinds["ivf"](bi),
            "rprs": Listed(k=50) >> kinds["rprs"](bi),
            "sparse": kinds["sparse"](splade, k=n_docs),
            "cross_encoder": Listed(k=50) >> kinds["cross_encoder"](cross),
            "interaction": Listed(k=50) >> kinds["interaction"](str(folder / "network")),
            "query_likelihood": Listed(k=50) >> kinds["query_likelihood"](causal),
            "max_sim": Listed(k=50) >> kinds["max_sim"](bi),
            "llm_listwise": Listed(k=50) >> kinds["llm_listwise"](start_server().url, "m"),
        }
    slow = {name: systems.pop(name) for name in ("boolean_terms",) if name in systems}  # 17 s for all texts
    for asked, of in ((collection, systems), (some, slow)):
        if of:
            result = Experiment(asked, of, ["nDCG@10", "AP"], store=LocalStore(Path(store)), device="cpu").run()
            assert not result.failed, result
    systems |= slow
    sys.stdout.write(json.dumps({"systems": sorted(systems), "measured": measured}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # whatever still serves


if __name__ == "__main__":
    main(*sys.argv[1:])
