"""Training against sentence-transformers' own trainers with their own collators, on the same examples.

    pip install 'nirank[train,offline]'
    python experiments/benchmarks/training.py --scifact FOLDER --out experiments/benchmarks/results

Each rival lives in a process of its own and is asked in turn to train all-MiniLM-L6-v2 on the same examples of SciFact
training queries, one epoch, with the same loss, batch, dropout, learning rate and schedule. Seconds are of it all:
texts tokenised, model loaded, trained and saved. All use all cores.

bi     in-batch negatives and 1 BM25 negative, 16 examples a step, texts of up to --length tokens
cross  1 positive and 7 BM25 negatives of a query, softmax over the 8, 4 queries a step, pairs of up to --length tokens
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from alternate import Ask, Rival, measure_peak_mib, run_contest, serve, write_results
from neural import MINILM, find_first_documents

EXAMPLES = {"bi": 80, "cross": 20}
BATCH = {"bi": 16, "cross": 4}
NEGATIVES = {"bi": 1, "cross": 7}


def prepare(scifact: Path, folder: Path) -> None:
    """Write the examples: queries of the training set, a positive each, and BM25's first documents that are none."""
    with gzip.open(scifact / "corpus.jsonl.gz", "rt") as file:
        docs = {doc["_id"]: f"{doc['title']} {doc['text']}" for doc in map(json.loads, file)}
    queries = {query["_id"]: query["text"] for query in map(json.loads, (scifact / "queries.jsonl").open())}
    positives: dict[str, list[str]] = {}
    for line in (scifact / "qrels/train.tsv").open():
        query, doc, grade = line.split("\t")
        if query in queries and int(grade) > 0:
            positives.setdefault(query, []).append(doc)
    queries_drawn = np.random.default_rng(0).permutation(sorted(positives))[: max(EXAMPLES.values())].tolist()
    lists = find_first_documents(docs, [queries[query] for query in queries_drawn])
    rows = []
    for query, docs_of_query in zip(queries_drawn, lists, strict=True):
        relevant = {docs[doc] for doc in positives[query]}
        negatives = [doc for doc in docs_of_query if doc not in relevant][: max(NEGATIVES.values())]
        rows.append([queries[query], docs[positives[query][0]], *negatives])
    (folder / "examples.json").write_text(json.dumps(rows))


def examples(job: str, folder: Path) -> list[list[str]]:
    rows = json.loads((folder / "examples.json").read_text())
    return [row[: 2 + NEGATIVES[job]] for row in rows[: EXAMPLES[job]]]


def train_theirs(job: str, precision: str) -> Any:
    def open_rival(folder: Path) -> Ask:
        import torch
        from datasets import Dataset
        from sentence_transformers import CrossEncoder, SentenceTransformer
        from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
        from sentence_transformers.cross_encoder.losses import ListNetLoss
        from sentence_transformers.sentence_transformer import (
            SentenceTransformerTrainer,
            SentenceTransformerTrainingArguments,
        )
        from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
        from transformers import PrinterCallback

        from nirank.inference.models import resolve_model

        path = str(resolve_model(MINILM).path)
        rows = examples(job, folder)
        if job == "bi":
            columns = {name: [row[at] for row in rows] for at, name in enumerate(("query", "positive", "negative"))}
        else:
            labels = [[1.0] + [0.0] * (len(row) - 2) for row in rows]
            columns = {"query": [row[0] for row in rows], "docs": [row[1:] for row in rows], "labels": labels}
        data = Dataset.from_dict(columns)

        def run(length: int) -> None:
            with tempfile.TemporaryDirectory() as place:
                options = {
                    "output_dir": place,
                    "num_train_epochs": 1,
                    "per_device_train_batch_size": BATCH[job],
                    "learning_rate": 2e-5,
                    "warmup_steps": 0.1,
                    "weight_decay": 0.01,
                    "use_cpu": True,
                    "bf16": precision == "bfloat16",
                    "save_strategy": "no",
                    "report_to": "none",
                    "disable_tqdm": True,
                    "dataloader_pin_memory": False,
                }
                if job == "bi":
                    model: Any = SentenceTransformer(path, device="cpu")
                    model.max_seq_length = length
                    arguments = SentenceTransformerTrainingArguments(**options)
                    loss: Any = MultipleNegativesRankingLoss(model)
                    trainer: Any = SentenceTransformerTrainer
                else:
                    torch.manual_seed(1)
                    model = CrossEncoder(path, num_labels=1, device="cpu", max_length=length)
                    arguments = CrossEncoderTrainingArguments(**options)
                    loss = ListNetLoss(model)
                    trainer = CrossEncoderTrainer
                runner = trainer(model=model, args=arguments, train_dataset=data, loss=loss)
                runner.remove_callback(PrinterCallback)
                runner.train()
                model.save_pretrained(f"{place}/model", create_model_card=False)

        return make_ask(run)

    return open_rival


def train_nirank(job: str, precision: Any) -> Any:
    def open_rival(folder: Path) -> Ask:
        import pyarrow as pa

        from nirank.algebra.context import Context
        from nirank.inference.models import resolve_model
        from nirank.training.examples import Examples
        from nirank.training.fitting import Fitting, fit_model
        from nirank.training.recipe import Recipe

        rows = examples(job, folder)
        numbers = {text: at for at, text in enumerate(dict.fromkeys(text for row in rows for text in row))}
        at = np.array([[numbers[text] for text in row] for row in rows], np.int64)
        n, names = len(at), [""] * len(at)
        offsets = np.arange(n + 1, dtype=np.int64) * NEGATIVES[job]
        known = np.unique(at[:, :2], axis=0)
        data = Examples(
            pa.array(list(numbers)), at[:, 0], at[:, 1], offsets, at[:, 2:].ravel(), None, known, names, names
        )

        def run(length: int) -> None:
            recipe = Recipe(batch=BATCH[job], max_length=length, precision=precision)
            how = Fitting("bi_encoder" if job == "bi" else "cross_encoder", resolve_model(MINILM), recipe, 1)
            with tempfile.TemporaryDirectory() as place:
                (Path(place) / "out").mkdir()
                fit_model(how, data, None, Path(place) / "scratch", Path(place) / "out", Context(device="cpu"))

        return make_ask(run)

    return open_rival


def make_ask(run: Any) -> Ask:
    def ask(job: dict[str, Any]) -> dict[str, Any]:
        start = time.perf_counter()
        run(job["length"])
        return {"s": time.perf_counter() - start, "mib": measure_peak_mib()}

    return ask


RIVALS = {"theirs": train_theirs, "nirank": train_nirank}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scifact", type=Path, help="BEIR folder")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--jobs", nargs="*", default=list(EXAMPLES))
    parser.add_argument("--precisions", nargs="*", default=["float32", "bfloat16"])
    parser.add_argument("--lengths", nargs="*", type=int, default=[128, 256])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rival")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.rival:
        job, rival, precision = options.rival.split("/")
        serve(RIVALS[rival](job, precision), options.folder)
        return
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(options.scifact, folder)
        for job in options.jobs:
            names = [f"{job}/{rival}/{precision}" for precision in options.precisions for rival in RIVALS]
            rivals = [Rival(__file__, name, folder) for name in names]
            texts = EXAMPLES[job] * (3 if job == "bi" else 1 + NEGATIVES[job])
            for length in options.lengths:
                answers = run_contest(rivals, {"length": length}, options.repeats)
                ratios = {
                    precision: round(
                        answers[f"{job}/theirs/{precision}"]["s"] / answers[f"{job}/nirank/{precision}"]["s"], 2
                    )
                    for precision in options.precisions
                }
                rates = {name: round(texts / answer["s"], 1) for name, answer in answers.items()}
                row = {
                    "job": f"{job} {length}",
                    "texts": texts,
                    "seconds": answers,
                    "per_second": rates,
                    "times_faster": ratios,
                }
                rows.append(row)
                print(json.dumps({key: value for key, value in row.items() if key != "seconds"}), flush=True)
                write_results(options.out, "training", rows, by="job")
            for process in rivals:
                process.close()


if __name__ == "__main__":
    main()
