"""BM25 against pyserini's batch search, Lucene's own search, and bm25s.

    pip install bm25s numba openai onnxruntime pillow tiktoken
    python experiments/benchmarks/bm25.py --scifact FOLDER --out experiments/benchmarks/results

Jobs: depth 100 and 1000 on SciFact and on synthetic documents (80 words from a Zipf law over a million
words, analyzed as English) at three sizes, queries of six words from the same law; then queries of
2,000 and 60,000 words. nirank and pyserini start from query texts, and are asked for ids and scores as
Python lists as well; Lucene (two threads, results unread) starts from query texts, bm25s from tokens,
which spares it the analysis. Both use two threads. Before the contests, nirank's float32 scores are
compared with Lucene's, bit by bit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from alternate import Ask, Rival, measure_peak_mib, run_contest, serve, write_results

SIZES = (20_000, 200_000, 1_000_000)
WORDS, VOCABULARY, THREADS = 80, 1_000_000, 2


def draw_texts(rng: np.random.Generator, n: int, words: int) -> list[str]:
    """Return n texts whose words follow a Zipf law."""
    ranks = np.floor(VOCABULARY ** rng.random((n, words))).astype(np.int64)
    return [" ".join(f"w{word:x}" for word in row) for row in ranks.tolist()]


def draw_corpus(n: int) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(n)
    for start in range(0, n, 10_000):
        for row, text in enumerate(draw_texts(rng, 10_000, WORDS), start):
            yield f"d{row:08}", text


def read_corpus(folder: Path) -> Iterator[tuple[str, str]]:
    path = folder / "corpus.jsonl"
    with path.open() if path.exists() else gzip.open(folder / "corpus.jsonl.gz", "rt") as file:
        for line in file:
            doc = json.loads(line)
            yield doc["_id"], f"{doc.get('title') or ''} {doc['text']}".strip()


def read_test_queries(folder: Path) -> list[str]:
    judged = {line.split("\t")[0] for line in (folder / "qrels/test.tsv").open()}
    queries = map(json.loads, (folder / "queries.jsonl").open())
    return [query["text"] for query in queries if query["_id"] in judged]


def write_files(folder: Path, docs: Iterator[tuple[str, str]], queries: list[str]) -> None:
    """Write corpus and queries, nirank's index and Lucene's; each in a process of its own."""
    folder.mkdir()
    with (folder / "corpus.jsonl").open("w") as file:
        for id, text in docs:
            file.write(json.dumps({"_id": id, "title": "", "text": text}) + "\n")
    rng = np.random.default_rng(2)
    first_texts = [text for _, (_, text) in zip(range(4_000), read_corpus(folder), strict=False)]
    jobs = {"short": queries}
    for words in (2_000, 60_000):
        order = rng.permutation(len(first_texts))
        words_drawn = " ".join(first_texts[at] for at in order[: words // 40]).split()
        jobs[f"{words:,} words"] = [
            " ".join(np.roll(np.array(words_drawn, object), -shift * 97)[:words]) for shift in range(8)
        ]
    (folder / "queries.json").write_text(json.dumps(jobs))
    for name in ("nirank", "lucene"):
        subprocess.run([sys.executable, __file__, "--index", name, "--folder", str(folder)], check=True)


def index_nirank(folder: Path) -> None:
    from nirank.lexical.postings import build_index

    n = sum(1 for _ in read_corpus(folder))
    (folder / "nirank").mkdir()
    build_index({"": (text for _, text in read_corpus(folder))}, n, "english", folder / "nirank")


def start_java() -> None:
    """Start Java as pyserini would, but for a module that the packaged Java has not; with its usual compiler."""
    import jnius_config

    from nirank.lexical.jvm import find_jar, find_java

    os.environ["JAVA_HOME"] = str(find_java()[0])
    os.environ.setdefault("OPENAI_API_KEY", "none")  # pyserini 1.6 does not import without one
    jnius_config.set_classpath(str(find_jar()))
    jnius_config.add_options("-Xmx6g")
    from jnius import autoclass

    autoclass("org.apache.logging.log4j.core.config.Configurator").setRootLevel(
        autoclass("org.apache.logging.log4j.Level").OFF
    )


def index_lucene(folder: Path) -> None:
    start_java()
    from pyserini.index.lucene import LuceneIndexer

    indexer = LuceneIndexer(str(folder / "lucene"), threads=1)
    batch: list[dict[str, str]] = []
    for id, text in read_corpus(folder):
        batch.append({"id": id, "contents": text})
        if len(batch) == 5_000:
            indexer.add_batch_dict(batch)
            batch = []
    indexer.add_batch_dict(batch)
    indexer.close()


def open_nirank(folder: Path) -> Ask:
    import pyarrow as pa

    from nirank.flow.ids import Ids
    from nirank.flow.scope import Scope
    from nirank.lexical.analysis import Analyzer
    from nirank.lexical.postings import Index
    from nirank.lexical.scoring import search

    index, tool = Index.open(folder / "nirank"), Analyzer("english")
    docs = Ids(pa.array([id for id, _ in read_corpus(folder)]))
    docs.rank  # noqa: B018  opened before the clock starts
    jobs = json.loads((folder / "queries.json").read_text())

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        queries = jobs[job["queries"]]
        scope = Scope(Ids.of(map(str, range(len(queries)))), docs)
        start = time.perf_counter()
        tokens = list(tool.tokenize(queries))
        ranking = search(index.fields, {"": 1.0}, tokens, scope, k1=0.9, b=0.4, k=job["k"])
        search_s = time.perf_counter() - start
        lists = list(zip(docs.take(ranking.rows), ranking.scores.tolist(), strict=True))
        read_s = time.perf_counter() - start
        if job.get("save"):
            np.savez(job["save"], offsets=ranking.offsets, scores=ranking.scores)
        return {"s": search_s, "read_s": read_s, "hits": len(lists), "mib": measure_peak_mib()}

    return ask


def open_pyserini(folder: Path) -> Ask:
    start_java()
    from jnius import autoclass
    from pyserini.search.lucene import LuceneSearcher

    autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(2**31 - 1)
    searcher = LuceneSearcher(str(folder / "lucene"))
    searcher.set_bm25(0.9, 0.4)
    jobs = json.loads((folder / "queries.json").read_text())

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        queries = jobs[job["queries"]]
        ids = [str(at) for at in range(len(queries))]
        start = time.perf_counter()
        hits_by_query = searcher.batch_search(queries, ids, k=job["k"], threads=THREADS)
        search_s = time.perf_counter() - start
        lists = [(hit.docid, hit.score) for id in ids for hit in hits_by_query[id]]
        return {"s": search_s, "read_s": time.perf_counter() - start, "hits": len(lists), "mib": measure_peak_mib()}

    return ask


def open_lucene(folder: Path) -> Ask:
    start_java()
    import jnius
    from jnius import autoclass, cast

    autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(2**31 - 1)
    path = autoclass("java.nio.file.Paths").get(str(folder / "lucene"))
    reader = autoclass("org.apache.lucene.index.DirectoryReader").open(
        autoclass("org.apache.lucene.store.FSDirectory").open(path)
    )
    searcher = autoclass("org.apache.lucene.search.IndexSearcher")(cast("org.apache.lucene.index.IndexReader", reader))
    searcher.setSimilarity(autoclass("org.apache.lucene.search.similarities.BM25Similarity")(0.9, 0.4))
    builder = autoclass("org.apache.lucene.util.QueryBuilder")(
        autoclass("org.apache.lucene.analysis.en.EnglishAnalyzer")()
    )
    mapper = autoclass("com.fasterxml.jackson.databind.ObjectMapper")()
    jobs = json.loads((folder / "queries.json").read_text())

    def search_part(part: list[str], k: int) -> list[Any]:
        hits = [searcher.search(builder.createBooleanQuery("contents", text), k) for text in part]
        jnius.detach()
        return hits

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        queries = jobs[job["queries"]]
        start = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda first: search_part(queries[first::THREADS], job["k"]) and None, range(THREADS)))
        seconds = time.perf_counter() - start
        if job.get("save"):
            scores = []
            for text in queries:
                hits = json.loads(
                    mapper.writeValueAsString(searcher.search(builder.createBooleanQuery("contents", text), job["k"]))
                )
                scores.append(np.array([hit["score"] for hit in hits["scoreDocs"]], np.float32))
            np.savez(job["save"], offsets=np.cumsum([0, *map(len, scores)]), scores=np.concatenate(scores))
        return {"s": seconds, "mib": measure_peak_mib()}

    return ask


def open_bm25s(folder: Path) -> Ask:
    import bm25s

    from nirank.lexical.analysis import Analyzer

    tool = Analyzer("english")
    place = folder / "bm25s"
    if not place.exists():
        built = bm25s.BM25(method="lucene", k1=0.9, b=0.4, backend="numba")
        built.index(list(tool.tokenize(text for _, text in read_corpus(folder))), show_progress=False)
        built.save(str(place))
        del built
    index = bm25s.BM25.load(str(place), mmap=True)
    index.backend = "numba"
    index.activate_numba_scorer()
    n = index.scores["num_docs"]
    jobs = {
        name: list(tool.tokenize(queries))
        for name, queries in json.loads((folder / "queries.json").read_text()).items()
    }

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        index.retrieve(jobs[job["queries"]], k=min(job["k"], n), n_threads=THREADS, show_progress=False)
        return {"s": time.perf_counter() - start, "mib": measure_peak_mib()}

    return ask


RIVALS = {"nirank": open_nirank, "pyserini": open_pyserini, "lucene": open_lucene, "bm25s": open_bm25s}


def compare_scores(rivals: dict[str, Rival], folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Compare the k best float32 scores of every query with Lucene's, bit by bit (ties make the order Lucene's own)."""
    for name in ("nirank", "lucene"):
        rivals[name].ask({**job, "save": str(folder / f"{name}.npz")})
    nirank, lucene = np.load(folder / "nirank.npz"), np.load(folder / "lucene.npz")
    n_equal = sum(
        a.tobytes() == b.tobytes()
        for a, b in zip(
            np.split(nirank["scores"], nirank["offsets"][1:-1]),
            np.split(lucene["scores"], lucene["offsets"][1:-1]),
            strict=True,
        )
    )
    return {"n_queries": len(nirank["offsets"]) - 1, "equal_to_lucene": n_equal}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scifact", type=Path, help="BEIR folder")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--rivals", nargs="*", default=list(RIVALS), help="nirank and lucene, which are compared, and others"
    )
    parser.add_argument("--queries", nargs="*", default=["short", "2,000 words", "60,000 words"])
    parser.add_argument("--rival")
    parser.add_argument("--index")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", type=Path, help="where indexes stay, for another run")
    options = parser.parse_args()
    if options.rival:
        serve(RIVALS[options.rival], options.folder)
        return
    if options.index:
        {"nirank": index_nirank, "lucene": index_lucene}[options.index](options.folder)
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        for name in (*(["scifact"] if options.scifact else []), *map(str, options.sizes)):
            folder = root / name
            if not folder.exists():
                if name == "scifact":
                    write_files(folder, read_corpus(options.scifact), read_test_queries(options.scifact))
                else:
                    write_files(folder, draw_corpus(int(name)), draw_texts(np.random.default_rng(1), 300, 6))
            rivals = {rival: Rival(__file__, rival, folder) for rival in options.rivals}
            for queries, k in (("short", 100), ("short", 1000), ("2,000 words", 100), ("60,000 words", 100)):
                if queries not in options.queries:
                    continue
                job = {"queries": queries, "k": k}
                comparison = compare_scores(rivals, folder, job)
                answers = run_contest(list(rivals.values()), job, options.repeats)
                row = {"collection": name, **job, **comparison, "seconds": answers}
                rows.append(row)
                ms_per_query = {
                    rival: round(1000 * answer["s"] / comparison["n_queries"], 3) for rival, answer in answers.items()
                }
                print(json.dumps({"collection": name, **job, **comparison, "ms_per_query": ms_per_query}), flush=True)
                write_results(options.out, "bm25", rows)
            for process in rivals.values():
                process.close()


if __name__ == "__main__":
    main()
