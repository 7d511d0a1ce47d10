"""BM25F: by hand on three documents, and equal to BM25 where there is one field."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from nirank.algebra.stage import Retriever
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.lexical import field_frequencies
from nirank.stages.bm25 import BM25
from nirank.stages.bm25f import BM25F
from nirank.store import LocalStore
from nirank.testing import check_stage

DOCS: dict[str, Any] = {
    "a": {"title": "wine", "text": "wine oak"},
    "b": {"title": "sea", "text": "oak oak oak wine"},
    "c": {"title": "", "text": "sea salt"},
}
WINE, SEA = (math.log(1 + (3 - 2 + 0.5) / (2 + 0.5)),) * 2  # of three documents two have each, in any field


def search(stage: Retriever, query: str, folder: Path, docs: dict[str, Any] = DOCS) -> dict[str, float]:
    collection = Collection.of(docs, {"q": query}, {"q": {"a": 1}})
    result = Experiment(collection, {"S": stage}, ["RR"], store=LocalStore(folder)).run()
    return result.ranking("S").to_dict()["q"]


def test_by_hand(tmp_path: Path) -> None:
    stage = BM25F({"title": 2.0, "text": 1.0}, k1=1.2, b={"title": 0.0, "text": 0.5})
    mean = 8 / 3  # words of a text
    tf = {"a": 2 + 1 / (0.5 + 0.5 * 2 / mean), "b": 1 / (0.5 + 0.5 * 4 / mean)}
    expected = {doc: WINE * value / (1.2 + value) for doc, value in tf.items()}
    assert search(stage, "wine", tmp_path) == pytest.approx(expected, rel=1e-5)
    sea = {"b": 2.0, "c": 1 / (0.5 + 0.5 * 2 / mean)}
    both = {doc: expected.get(doc, 0) + SEA * sea.get(doc, 0) / (1.2 + sea.get(doc, 0)) for doc in "abc"}
    assert search(stage, "sea wine", tmp_path) == pytest.approx(both, rel=1e-5)
    assert search(stage, "wine sea", tmp_path) == search(stage, "sea wine", tmp_path)


def test_r3_limits(tmp_path: Path) -> None:
    """k1 = 0: the sum of idf of matching terms; b = 0: length is nothing; a field of weight 0 is not there."""
    fields = {"title": 3.0, "text": 1.0}
    assert search(BM25F(fields, k1=0.0), "wine sea", tmp_path) == pytest.approx({"a": WINE, "b": WINE + SEA, "c": SEA})
    assert search(BM25F(fields, k1=1.0, b=0.0), "wine", tmp_path) == pytest.approx({"a": WINE * 4 / 5, "b": WINE / 2})
    text_only = search(BM25F({"title": 0.0, "text": 1.0}), "wine sea", tmp_path)
    assert text_only == pytest.approx(search(BM25(doc_text="text"), "wine sea", tmp_path), rel=1e-5)
    assert search(BM25F({"title": 1.0, "text": 1.0}), "zyzzyva", tmp_path) == {}


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_halves_of_one_field_are_the_field(tmp_path: Path, block: int) -> None:
    docs = {id: {"title": doc["text"], "text": doc["text"]} for id, doc in DOCS.items()}
    with patch.object(field_frequencies, "_BLOCK", block):
        halves = search(BM25F({"title": 0.5, "text": 0.5}), "wine oak oak", tmp_path, docs)
    assert halves == pytest.approx(search(BM25(doc_text="text"), "wine oak oak", tmp_path, docs), rel=1e-5)
    saturated = search(BM25F({"title": 0.5, "text": 0.5}, k3=0.0), "wine oak oak", tmp_path, docs)
    assert saturated == pytest.approx(search(BM25(doc_text="text"), "wine oak", tmp_path, docs), rel=1e-5)


def test_it_obeys() -> None:
    check_stage(BM25F({"title": 2.0, "text": 1.0}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": {"title": 0}}, "fields need weights from 0, one of them above, got none"),
        ({"fields": {"title": -1.0}}, "got title: -1"),
        ({"fields": {"title": 1.0}, "b": {"text": 0.5}}, "b names text; expected title"),
        ({"fields": {"title": 1.0}, "b": 1.5}, r"b must be from 0 to 1, got 1\.5"),
        ({"fields": {"title": 1.0}, "k3": -1.0}, "k1 and k3 must be 0 or more"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BM25F(**options)
