"""The rivals' steps of `ten_million.py` on texts: Lucene's own indexing and search, and bm25s."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from meter import Figures, Meter, Place, measure_bytes
from numpy.typing import NDArray
from ten_million_texts import DEPTHS, K1, LENGTHS, QUERIES, B

THREADS = 2
INDEX_HEAP, SEARCH_HEAP = "4g", "2g"


def read_queries(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def index_lucene(place: Place) -> Figures:
    """Index with Anserini's program, which reads the same files; a process of Java alone."""
    from nirank.lexical.jvm import find_jar, find_java

    command = [str(find_java()[0] / "bin/java"), f"-Xmx{INDEX_HEAP}", "-cp", str(find_jar())]
    command += ["io.anserini.index.IndexCollection", "-collection", "BeirFlatCollection"]
    command += ["-generator", "DefaultLuceneDocumentGenerator", "-threads", str(THREADS), "-memoryBuffer", "1024"]
    command += ["-input", str(place.folder / "corpus"), "-index", str(place.folder / "lucene"), "-quiet"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    watch = _Watch(process.pid)
    if process.wait():
        raise SystemExit("Lucene's indexing failed; its words are above")
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "s": seconds,
        "processor_s": used.ru_utime + used.ru_stime,
        "rss_anon_mib": watch.peak,
        "documents_per_s": place.documents / seconds,
        "bytes": measure_bytes(place.folder / "lucene"),
        "heap": INDEX_HEAP,
        "threads": THREADS,
    }


class _Watch:
    """Samples RssAnon of another process while it lives, in MiB."""

    def __init__(self, process: int) -> None:
        self.peak, self._path = 0.0, Path(f"/proc/{process}/status")
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while True:
            try:
                lines = self._path.read_text().splitlines()
            except OSError:
                return
            held = next((line for line in lines if line.startswith("RssAnon")), None)
            if held is None:
                return
            self.peak = max(self.peak, int(held.split()[1]) / 1024)
            time.sleep(0.05)


def search_lucene(place: Place, words: int, depth: int) -> Figures:
    """Search with Lucene's own searcher, results unread; then read them and compare them with nirank's."""
    lucene = _Lucene(place.folder / "lucene")
    lucene.search(read_queries(place.folder / f"warm{words}-{depth}.jsonl"), depth)
    queries = read_queries(place.folder / f"queries{words}.jsonl")
    with Meter() as meter:
        found = lucene.search(queries, depth)
    return {
        **meter.figures,
        "ms_per_query": 1000 * meter.s / QUERIES,
        "processor_ms_per_query": 1000 * meter.processor_s / QUERIES,
        "heap": SEARCH_HEAP,
        "threads": THREADS,
        **lucene.compare(found, place.folder / f"lists{words}-{depth}.npz"),
    }


class _Lucene:
    """An opened index."""

    def __init__(self, folder: Path) -> None:
        import jnius_config

        from nirank.lexical.jvm import find_jar, find_java

        os.environ["JAVA_HOME"] = str(find_java()[0])
        jnius_config.set_classpath(str(find_jar()))
        jnius_config.add_options(f"-Xmx{SEARCH_HEAP}")
        from jnius import autoclass, cast, detach

        self._detach = detach
        autoclass("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(2**31 - 1)
        path = autoclass("java.nio.file.Paths").get(str(folder))
        self.reader = autoclass("org.apache.lucene.index.DirectoryReader").open(
            autoclass("org.apache.lucene.store.FSDirectory").open(path)
        )
        self.searcher = autoclass("org.apache.lucene.search.IndexSearcher")(
            cast("org.apache.lucene.index.IndexReader", self.reader)
        )
        self.searcher.setSimilarity(autoclass("org.apache.lucene.search.similarities.BM25Similarity")(K1, B))
        self.builder = autoclass("org.apache.lucene.util.QueryBuilder")(
            autoclass("org.apache.lucene.analysis.en.EnglishAnalyzer")()
        )
        self.mapper = autoclass("com.fasterxml.jackson.databind.ObjectMapper")()

    def search(self, queries: list[str], depth: int) -> list[Any]:
        """Search in as many threads as there are; return what was found, unread."""
        found: list[Any] = [None] * len(queries)

        def search_part(first: int) -> None:
            for at in range(first, len(queries), THREADS):
                query = self.builder.createBooleanQuery("contents", queries[at])
                found[at] = self.searcher.search(query, depth)
            self._detach()

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(search_part, range(THREADS)))
        return found

    def compare(self, found: list[Any], path: Path) -> dict[str, Any]:
        """Return in how many lists scores are nirank's bit by bit, and in how many also the documents.

        Documents with the last score of a list are left out: Lucene breaks ties by its own numbers.
        """
        ours = np.load(path)
        same_scores = same_documents = 0
        for at, list_found in enumerate(found):
            hits = json.loads(self.mapper.writeValueAsString(list_found))["scoreDocs"]
            scores = np.array([hit["score"] for hit in hits], np.float32)
            part = slice(int(ours["offsets"][at]), int(ours["offsets"][at + 1]))
            same_scores += np.array_equal(scores, ours["scores"][part])
            stored = self.searcher.storedFields()
            ids = [stored.document(hit["doc"]).get("id") for hit in hits if hit["score"] > scores[-1]]
            same_documents += set(ids) == set(ours["ids"][part][ours["scores"][part] > scores[-1]].tolist())
        return {"lists": len(found), "same_scores": int(same_scores), "same_documents": int(same_documents)}


def run_bm25s(place: Place) -> Figures:
    """Index and search with bm25s, which starts from nirank's tokens; it holds everything in memory."""
    import bm25s

    from nirank.lexical.analysis import Analyzer

    tool = Analyzer("english")
    with Meter() as building:
        numbers: dict[str, int] = {}
        ids: list[NDArray[np.int32]] = []
        for path in sorted((place.folder / "corpus").glob("*.jsonl")):
            with path.open() as file:
                ids += [
                    np.array([numbers.setdefault(token, len(numbers)) for token in tokens], np.int32)
                    for tokens in tool.tokenize(json.loads(line)["text"] for line in file)
                ]
        index = bm25s.BM25(method="lucene", k1=K1, b=B, backend="numba")
        index.index((ids, numbers), show_progress=False)
    del ids
    saved = place.folder / "bm25s"
    index.save(str(saved))
    index.activate_numba_scorer()
    figures: Figures = {
        **building.figures,
        "documents_per_s": place.documents / building.s,
        "bytes": measure_bytes(saved),
    }
    for words in LENGTHS:
        for depth in DEPTHS:
            for name in (f"warm{words}-{depth}", f"queries{words}"):
                tokens = list(tool.tokenize(read_queries(place.folder / f"{name}.jsonl")))
                with Meter() as meter:
                    index.retrieve(tokens, k=depth, n_threads=THREADS, show_progress=False)
            figures[f"{words:,} words, depth {depth:,}"] = {
                "ms_per_query": 1000 * meter.s / QUERIES,
                "processor_ms_per_query": 1000 * meter.processor_s / QUERIES,
                "rss_anon_mib": meter.rss_anon_mib,
            }
    return figures
