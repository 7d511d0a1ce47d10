"""Training on parts: what is read of a query, and which passage of a document beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank import (
    BM25,
    CrossEncoder,
    Experiment,
    FirstWords,
    Judged,
    Mined,
    Recipe,
    Train,
    TrainingSet,
    Windows,
    load,
)
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.store import open_store
from nirank.training.examples import Examples
from nirank.training.interaction_models import TrainInteraction
from nirank.training.mining import MinedRows
from nirank.training.passage_choice import PassageChoice

QUERIES, DOCS = Ids.of(["q", "r"]), ["a", "b", "c"]
PARTS = Texts(Ids.of(["a#0", "a#1", "b#0", "b#1", "b#2", "c#0"]), {}, np.array([0, 0, 1, 1, 1, 2]))


def rank_parts(scores: dict[str, dict[str, float]]) -> PassageChoice:
    return PassageChoice(PARTS, Ranking.from_dict(scores, QUERIES, PARTS.ids))


def name_parts(rows: Any) -> list[str]:
    return [PARTS.ids[row] for row in rows.tolist()]


def test_each_pair_has_the_best_passage_of_its_document() -> None:
    choice = rank_parts({"q": {"a#1": 2.0, "a#0": 1.0, "b#2": 3.0, "b#1": 1.0}, "r": {"a#0": 5.0}})
    known = np.array([[0, 0], [0, 2], [1, 1]])
    mined = MinedRows(np.array([0, 1]), np.array([0, 1]), np.array([0, 2, 3]), np.array([1, 2, 0]), known, {"read": 1})
    changed = choice.replace_documents(mined)
    assert name_parts(changed.positives) == ["a#1", "b#0"]  # r has nothing in common with b: its first passage
    assert name_parts(changed.negatives) == ["b#2", "c#0", "a#0"]
    assert changed.counts == {"read": 1, "read from the first passage: no term in common": 2}
    assert changed.offsets.tolist() == [0, 2, 3] and changed.queries.tolist() == [0, 1]
    # a positive is known by all of its passages that are read, whoever they are read for
    assert {(QUERIES[q], PARTS.ids[d]) for q, d in changed.known.tolist()} == {
        *(("q", part) for part in ("a#0", "a#1", "c#0")),
        *(("r", part) for part in ("b#0", "b#2")),
    }


def test_a_document_without_passages_is_refused() -> None:
    mined = MinedRows(np.array([0]), np.array([3]), np.array([0, 0]), np.empty(0, np.int64), np.empty((0, 2), np.int64))
    with pytest.raises(DataError, match="have no passage"):
        rank_parts({}).replace_documents(mined)


def write_collection(place: Path) -> str:
    """Write documents whose second window has what the query asks, and a split each to train and to evaluate on."""
    (place / "qrels").mkdir(parents=True)
    docs = {f"d{i}": f"w0 w1 w2 w3 w{10 + i} w{20 + i} w4 w5 w6 w7" for i in range(8)}
    (place / "corpus.jsonl").write_text(
        "".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in docs.items())
    )
    queries = {
        f"{split}{i}": f"w{10 + i} w{20 + i} w0 w40"
        for split in ("t", "e")
        for i in range(8)
        if (i < 5) == (split == "t")
    }
    lines = [json.dumps({"_id": id, "text": text}) + "\n" for id, text in queries.items()]
    (place / "queries.jsonl").write_text("".join(lines))
    for split, letter in (("train", "t"), ("test", "e")):
        rows = "".join(f"{id}\td{id[1:]}\t1\n" for id in queries if id[0] == letter)
        (place / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return str(place)


def test_what_a_cross_encoder_reads_of_long_texts(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    model = tiny_models.make_cross_encoder(tmp_path / "model", 1)
    negatives = Mined(BM25(), ranks=(1, 8), n=1)
    data = TrainingSet(Judged(split="train"), negatives, rewrite=FirstWords(2), parts=Windows(4))
    trained = Train(str(model), data, "cross_encoder", Recipe(steps=1, batch=4), seed=1)
    system = BM25() % 3 >> CrossEncoder(trained)
    collection = load(write_collection(tmp_path / "c"), split="test")
    result = Experiment(collection, {"S": system}, ["RR"], store=open_store(tmp_path / "store")).run()
    assert not result.failed, result.rows[0].error
    (header,) = (tmp_path / "store").rglob("examples.json")
    examples = Examples.open(header.parent)
    texts = examples.texts.to_pylist()
    pairs = {(texts[q], texts[d]) for q, d in zip(examples.queries, examples.positives, strict=True)}
    assert pairs == {(f"w{10 + i} w{20 + i}", f"w{10 + i} w{20 + i} w4 w5") for i in range(5)}
    assert set(examples.positive_ids) == {f"d{i}#1" for i in range(5)}
    assert all(len(texts[row].split()) <= 4 for row in examples.negatives)
    again = Experiment(collection, {"S": system}, ["RR"], store=open_store(tmp_path / "store")).run()
    assert again.computed == []


def test_models_of_interactions_read_whole_texts() -> None:
    data = TrainingSet(Judged(split="train"), Mined(BM25(), ranks=(1, 9)), parts=Windows(4))
    with pytest.raises(ConfigError, match="leave rewrite and parts out"):
        TrainInteraction("m", data, "drmm")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rewrite": BM25()}, "rewrite: expected a map of texts"),
        ({"parts": BM25()}, "parts: expected a map of texts"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainingSet(Judged(split="train"), **options)
