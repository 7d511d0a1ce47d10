"""The steps of `ten_million.py` that nirank takes on texts: import, BM25 index, search, evaluation, changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from meter import Figures, Meter, Place, measure_bytes
from synthetic_texts import draw_queries, write_documents, write_queries

if TYPE_CHECKING:
    from nirank import Collection
    from nirank.experiment.result import Result
    from nirank.store.local import LocalStore

PART = 1_000_000  # documents of a file
QUERIES, LENGTHS, DEPTHS = 32, (10, 200, 2_000), (10, 1_000)
K1, B = 0.9, 0.4
_JUDGED = 100  # documents of a query
_APPENDED = 1_000


def write_files(folder: Path, n: int) -> None:
    """Write n documents in files of a million, queries of each length and as many to warm up with, and judgements."""
    (folder / "corpus").mkdir(parents=True)
    for first in range(0, n, PART):
        write_documents(folder / f"corpus/part{first // PART:03}.jsonl", first, min(first + PART, n))
    for words in LENGTHS:
        write_queries(folder / f"queries{words}.jsonl", draw_queries(words, QUERIES))
        for depth in DEPTHS:
            write_queries(folder / f"warm{words}-{depth}.jsonl", draw_queries(words, QUERIES, depth))
    rng = np.random.default_rng(n)
    with (folder / "qrels.tsv").open("w") as file:
        for query in range(QUERIES):
            for row in rng.choice(n, _JUDGED, replace=False).tolist():
                file.write(f"q{query}\t0\td{row:08}\t{rng.integers(0, 3)}\n")


def open_files(place: Place, queries: str, *, judged: bool = False) -> tuple[Collection, LocalStore]:
    """Load the documents with some queries, and open the store beside them."""
    from nirank import load
    from nirank.store import open_store

    store = open_store(str(place.folder / "store"))
    collection = load(
        name=f"synthetic-{queries}",
        docs=place.folder / "corpus",
        queries=place.folder / f"{queries}.jsonl",
        qrels=place.folder / "qrels.tsv" if judged else None,
        ranges=place.ranges,
        store=store,
    )
    return collection, store


def run_bm25(collection: Collection, store: LocalStore, depth: int, measure: str) -> Result:
    from nirank import BM25, Experiment

    return Experiment(collection, {"BM25": BM25(k1=K1, b=B, k=depth)}, [measure], store=store).run()


def start_java() -> None:
    from nirank.lexical.analysis import Analyzer

    list(Analyzer("english").tokenize(draw_queries(60, 2_000)))


def import_documents(place: Place) -> Figures:
    """Import n documents and a few queries."""
    with Meter() as meter:
        open_files(place, "warm10-10")
    return {
        **meter.figures,
        "documents_per_s": place.documents / meter.s,
        "bytes": measure_bytes(place.folder / "store"),
    }


def index(place: Place) -> Figures:
    """Index the documents, Java warm, and search once; what each kind of computation took stands beside."""
    start_java()
    collection, store = open_files(place, "warm10-10")
    before = measure_bytes(place.folder / "store")
    with Meter() as meter:
        result = run_bm25(collection, store, 10, "nDCG@10")
    costs: dict[str, dict[str, float]] = {}
    for artifact in store.read_artifacts():
        kind = artifact.meta["task"].rpartition(":")[2]
        entry = costs.setdefault(kind, {"s": 0.0, "processor_s": 0.0, "bytes": 0, "number": 0})
        cost = artifact.meta.get("cost", {})
        entry["s"] += cost.get("wall_s", 0.0) - cost.get("loading_s", 0.0)
        entry["processor_s"] += cost.get("cpu_s", 0.0)
        entry["bytes"] += sum(file["bytes"] for file in artifact.meta["files"].values())
        entry["number"] += 1
    return {
        **meter.figures,
        "documents_per_s": place.documents / (result.rows[0].cost.index_s or 1),
        "index_s": result.rows[0].cost.index_s,
        "bytes": measure_bytes(place.folder / "store") - before,
        "computations": costs,
    }


def search(place: Place, words: int, depth: int) -> Figures:
    """Answer the queries of one length after as many others; keep the lists for the rivals' to be compared with."""
    measure = f"R@{depth}"
    run_bm25(*open_files(place, f"warm{words}-{depth}"), depth, measure)
    with Meter() as loading:
        collection, store = open_files(place, f"queries{words}")
    before = {artifact.folder for artifact in store.read_artifacts()}
    with Meter() as meter:
        result = run_bm25(collection, store, depth, measure)
    searches = [artifact.meta["cost"] for artifact in store.read_artifacts() if artifact.folder not in before]
    ranking = result.ranking("BM25")
    np.savez(
        place.folder / f"lists{words}-{depth}.npz",
        offsets=ranking.offsets,
        scores=ranking.scores,
        ids=np.array(ranking.docs.take(ranking.rows), "U9"),
    )
    return {
        **meter.figures,
        "load_s": loading.s,
        "ms_per_query": result.rows[0].cost.ms_per_query,
        "processor_ms_per_query": 1000 * sum(cost["cpu_s"] for cost in searches) / QUERIES,
    }


def evaluate(place: Place) -> Figures:
    """Evaluate the stored lists of depth 1,000, judgements read and compared with the documents."""
    with Meter() as meter:
        collection, store = open_files(place, "queries10", judged=True)
        run_bm25(collection, store, DEPTHS[-1], f"R@{DEPTHS[-1]}")
    return meter.figures


def change(place: Place) -> Figures:
    """Turn the words of the document in the middle around, and answer the queries of ten words again."""
    part, row = divmod(place.documents // 2, PART)
    with (place.folder / f"corpus/part{part:03}.jsonl").open("r+b") as file:
        for _ in range(row):
            file.readline()
        at = file.tell()
        head, _, rest = file.readline().partition(b'"text": "')
        words = rest[: rest.index(b'"')]
        file.seek(at + len(head) + len(b'"text": "'))
        file.write(b" ".join(words.split()[::-1]))
    return _answer_anew(place)


def append(place: Place) -> Figures:
    """Append a thousand documents in a file of their own, and answer the queries of ten words again."""
    write_documents(place.folder / "corpus/part999.jsonl", place.documents, place.documents + _APPENDED)
    return _answer_anew(place)


def _answer_anew(place: Place) -> Figures:
    with Meter() as loading:
        collection, store = open_files(place, "queries10")
    start_java()
    with Meter() as meter:
        result = run_bm25(collection, store, 10, "R@10")
    return {
        **meter.figures,
        "import_s": loading.s,
        "import_processor_s": loading.processor_s,
        "import_rss_anon_mib": loading.rss_anon_mib,
        "ms_per_query": result.rows[0].cost.ms_per_query,
    }
