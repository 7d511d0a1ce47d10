"""Analyzers by language, and the sign of a wrong one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.lexical.analysis import ANALYZERS, Analyzer
from nirank.stages.bm25 import BM25
from nirank.store import LocalStore


@pytest.mark.parametrize("name", sorted(ANALYZERS))
def test_every_analyzer_is_there(name: str) -> None:
    first, empty, odd = Analyzer(name).tokenize(["Two houses, 12", "", "a,b , ,c \ud800 [x]"])
    assert (first and "12" in "".join(first)) or name == "simple"
    assert empty == []
    assert not any(" " in token for token in (*first, *odd))


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        ("german", "Die Häuser der Städte", ["haus", "stadt"]),
        ("spanish", "los gatos negros", ["gat", "negr"]),
        ("russian", "красивые дома", ["красив", "дом"]),
        ("arabic", "الكتب الجديدة", ["كتب", "جديد"]),
        ("chinese", "你好世界", ["你好", "好世", "世界"]),
        ("english", "the running dogs", ["run", "dog"]),
    ],
)
def test_languages(name: str, text: str, tokens: list[str]) -> None:
    assert list(Analyzer(name).tokenize([text])) == [tokens]


def test_an_unknown_language_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no analyzer 'germen'.*did you mean 'german'\?"):
        BM25(analyzer="germen")


def test_trap_21_unknown_query_terms_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    collection = Collection.of(
        {"a": "red wine", "b": "tea"}, {"en": "red bread", "th": "ไวน์แดง ขนมปัง อาหาร"}, {"en": {"a": 1}, "th": {"a": 1}}
    )
    with caplog.at_level(logging.WARNING, "nirank"):
        result = Experiment(collection, {"BM25": BM25()}, ["RR"], store=LocalStore(tmp_path)).run()
    (row,) = result.rows
    (conventions,) = (
        stage_conventions
        for stage_conventions in row.conventions.stages.values()
        if "unknown_terms" in stage_conventions
    )
    assert conventions["analyzer"] == "english"
    assert 0.5 < conventions["unknown_terms"] < 1
    assert row.counts["queries_mostly_unknown"] == 1
    assert "of the query terms occur in no document; analyzer 'english' may not fit" in caplog.text


def test_trap_21_the_query_side_has_the_analyzer_of_the_index(tmp_path: Path) -> None:
    collection = Collection.of({"a": "houses", "b": "tea"}, {"q": "house"}, {"q": {"a": 1}})
    systems = {name: BM25(analyzer=name) for name in ("english", "standard")}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert [row.measures["RR"] for row in result.rows] == [1, 0]


@pytest.mark.parametrize(
    ("language", "analyzer", "ndcg", "recall"),
    [
        ("de", "german", 0.9485, 0.9908),
        ("es", "spanish", 0.9625, 0.9958),
        ("ru", "russian", 0.9563, 0.9941),
        ("ar", "arabic", 0.9378, 0.9891),
        ("zh", "chinese", 0.9660, 0.9950),
        ("zh", "whitespace", 0.0390, 0.0454),
    ],
)
def test_xquad(language: str, analyzer: str, ndcg: float, recall: float, shared_data: Path) -> None:
    collection = load(shared_data / "beir" / f"xquad-{language}")
    result = Experiment(collection, {"BM25": BM25(analyzer=analyzer)}, ["nDCG@10", "R@100"]).run()
    assert result.rows[0].measures == pytest.approx({"nDCG@10": ndcg, "R@100": recall}, abs=1e-4)
