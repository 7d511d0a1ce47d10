"""Small trainings that tests share; run as a script it is a training in a process of its own, which can be killed."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tiny_models
from safetensors.numpy import load_file

from nirank.algebra.context import Context
from nirank.algebra.model import ModelKind
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.inference.models import ModelFiles, resolve_model
from nirank.training.examples import Examples
from nirank.training.fitting import Fitting, fit_model
from nirank.training.recipe import Recipe
from nirank.training.watched_lists import WatchedLists

WORDS = 60


def _draw_text(random: np.random.Generator, topic: int, length: int) -> str:
    return " ".join(f"w{topic + word}" for word in random.integers(0, 5, length))


def make_examples(n: int = 48, negatives: int = 2, scores: bool = False, seed: int = 0) -> Examples:
    """Queries, positives and negatives over topics of five words; positives share the query's topic."""
    random = np.random.default_rng(seed)
    texts: dict[str, int] = {}
    rows: list[list[int]] = []
    for _ in range(n):
        topic = int(random.integers(0, WORDS - 5))
        row = [_draw_text(random, topic, 3), _draw_text(random, topic, int(random.integers(4, 20)))]
        row += [_draw_text(random, (topic + 20) % (WORDS - 5), int(random.integers(4, 20))) for _ in range(negatives)]
        rows.append([texts.setdefault(text, len(texts)) for text in row])
    text_rows = np.array(rows, np.int64).reshape(n, negatives + 2)
    teacher = random.normal(size=n * (negatives + 1)).astype(np.float32) if scores else None
    return Examples(
        pa.array(list(texts)), text_rows[:, 0], text_rows[:, 1], np.arange(n + 1, dtype=np.int64) * negatives,
        text_rows[:, 2:].ravel(), teacher, np.unique(text_rows[:, :2], axis=0), [""] * n, [""] * n, {"read": n, "kept": n},
    )  # fmt: skip


def make_watched_lists(n: int = 6, depth: int = 8, seed: int = 9) -> WatchedLists:
    random = np.random.default_rng(seed)
    topics = random.integers(0, WORDS - 5, n).tolist()
    query_texts = [_draw_text(random, topic, 3) for topic in topics]
    docs = [
        _draw_text(random, topics[at % n] if at < n else int(random.integers(0, WORDS - 5)), 8)
        for at in range(n * depth)
    ]
    queries, ids = Ids.of([f"q{at}" for at in range(n)]), Ids.of([f"d{at}" for at in range(len(docs))])
    at = np.column_stack(
        (np.repeat(np.arange(n), depth), (np.arange(n * depth) * 7 + np.repeat(np.arange(n), depth)) % len(docs))
    )
    at[::depth, 1] = np.arange(n)
    at = at[np.sort(np.unique(at, axis=0, return_index=True)[1])]
    lists = Pairs.build(queries, ids, at[:, 0], at[:, 1], source="test")
    at = np.column_stack((lists.query_rows, lists.rows)).astype(np.int64)
    qrels = Qrels.from_dict({f"q{at}": {f"d{at}": 1} for at in range(n)}, queries, ids)
    return WatchedLists(query_texts, docs, at, lists, qrels, "nDCG@10")


def make_base(kind: str, folder: Path) -> ModelFiles:
    """Make the tiny model that a kind of training starts from: a cross-encoder from a bi-encoder."""
    folder.mkdir(parents=True, exist_ok=True)
    make_model = {"sparse_encoder": tiny_models.make_splade}.get(kind, tiny_models.make_bi_encoder)
    return resolve_model(str(make_model(folder)))


def run(
    fitting: Fitting, data: Examples, place: Path, watch: WatchedLists | None = None, ctx: Context | None = None
) -> Path:
    """Train; return the folder of what came out."""
    folder = place / "out"
    folder.mkdir(parents=True, exist_ok=True)
    fit_model(fitting, data, watch, place / "scratch", folder, ctx or Context(device="cpu"))
    return folder


def read_weights(folder: Path) -> dict[str, Any]:
    return dict(load_file(next((folder / "model").rglob("*.safetensors"))))


def have_equal_weights(left: Path, right: Path) -> bool:
    left_weights, right_weights = read_weights(left), read_weights(right)
    return left_weights.keys() == right_weights.keys() and all(
        (left_weights[name] == right_weights[name]).all() for name in left_weights
    )


def read_curve(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "curve.json").read_text()))


RECIPE = Recipe(epochs=3, batch=8, learning_rate=1e-3)


def main(kind: ModelKind, model: str, place: str, seconds: str, watch: str) -> None:
    from nirank.training import checkpoints

    checkpoints.SECONDS, checkpoints._SHARE = float(seconds), 1e9
    fitting = Fitting(kind, resolve_model(model), replace(RECIPE, epochs=8), 3, every=5)
    run(fitting, make_examples(), Path(place), make_watched_lists() if watch == "watched" else None)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
