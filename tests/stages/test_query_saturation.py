"""BM25's k3: what terms that a long query repeats count for, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.bm25 import BM25
from nirank.store import LocalStore

DOCS = {"a": "wine", "b": "oak oak", "c": "wine oak sea"}
IDF = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))  # of wine and of oak


def search(query: str, stage: BM25, folder: Path) -> dict[str, float]:
    collection = Collection.of(DOCS, {"q": query}, {"q": {"a": 1}})
    return Experiment(collection, {"S": stage}, ["RR"], store=LocalStore(folder)).run().ranking("S").to_dict()["q"]


@pytest.mark.parametrize(("k3", "share"), [(None, 3.0), (0.0, 1.0), (7.0, 3 * 8 / 10)])
def test_repeated_query_terms_by_hand(k3: float | None, share: float, tmp_path: Path) -> None:
    scores = search("wine wine wine oak", BM25(k1=0.0, b=0.0, k3=k3), tmp_path)
    assert scores == pytest.approx({"a": share * IDF, "b": IDF, "c": (share + 1) * IDF})


def test_r3_by_hand(tmp_path: Path) -> None:
    """k1 = 0: the sum of idf of matching terms; b = 0: length is ignored; the order of terms is nothing."""
    assert search("wine oak", BM25(k1=0.0), tmp_path) == pytest.approx({"a": IDF, "b": IDF, "c": 2 * IDF})
    scores = search("wine oak", BM25(k1=1.2, b=0.0), tmp_path)
    assert scores == pytest.approx({"a": IDF / 2.2, "b": IDF * 2 / 3.2, "c": 2 * IDF / 2.2})
    assert search("oak wine", BM25(k1=1.2, b=0.0), tmp_path) == scores


def test_k3_is_no_option_below_zero() -> None:
    with pytest.raises(ConfigError, match="k3 must be 0 or more, got -1"):
        BM25(k3=-1.0)
