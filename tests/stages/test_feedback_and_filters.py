"""RM3, filters by metadata, Fox and Shaw's combinations, date decay, passages of sentences."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nirank.algebra.application import fold, within
from nirank.algebra.context import Context
from nirank.base.identity import digest
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.experiment.experiment import Experiment
from nirank.flow.ranking import Ranking
from nirank.stages.bm25 import BM25
from nirank.stages.comb import Comb
from nirank.stages.cut import Cut
from nirank.stages.date_decay import DateDecay
from nirank.stages.rm3 import RM3
from nirank.stages.sentences import Sentences, split_sentences
from nirank.stages.where import Where
from nirank.store import LocalStore

# -- RM3 -----------------------------------------------------------------------------------------

DOCS = {
    "d0": "wine grape wine", "d1": "wine oak barrel oak", "d2": "grape juice", "d3": "oak tree",
    "d4": "blue sky",
}  # fmt: skip


def test_rm3_by_its_formula(tmp_path: Path) -> None:
    import math

    collection = Collection.of(DOCS, {"q": "wine"}, {"q": {"d0": 1}})
    store = LocalStore(tmp_path)
    options: dict[str, Any] = {"k1": 0.9, "b": 0.0}
    bm25, rm3 = BM25(**options), RM3(2, 2, 0.6, **options)
    result = Experiment(collection, {"BM25": bm25, "RM3": bm25 >> rm3}, ["RR"], store=store).run()
    first = result.ranking("BM25").to_dict()["q"]
    assert set(first) == {"d0", "d1"}
    idf = {word: math.log(1 + (5 - df + 0.5) / (df + 0.5)) for word, df in (("wine", 2), ("grape", 2), ("oak", 2))}
    vectors = {"d0": {"wine": 2, "grape": 1}, "d1": {"oak": 2, "barrel": 1}}  # cut to two terms, ties by alphabet
    model: Counter[str] = Counter()
    for doc, vector in vectors.items():
        for word, tf in vector.items():
            model[word] += first[doc] * tf / 3
    (one_word, one_weight), (two_word, two_weight) = model.most_common(2)
    mass = one_weight + two_weight
    weights: Counter[str] = Counter({"wine": 0.6})
    weights[one_word] += 0.4 * one_weight / mass
    weights[two_word] += 0.4 * two_weight / mass
    tf = {doc: Counter(text.split()) for doc, text in DOCS.items()}
    expected = {
        doc: sum(w * idf[word] * tf[doc][word] / (tf[doc][word] + 0.9) for word, w in weights.items() if tf[doc][word])
        for doc in DOCS
    }
    scores = result.ranking("RM3").to_dict()["q"]
    assert scores == pytest.approx({doc: score for doc, score in expected.items() if score}, abs=1e-5)
    assert {one_word, two_word} == {"wine", "oak"}


@pytest.mark.parametrize(("name", "ap"), [("vaswani", 0.2955), ("cranfield", 0.3199)])  # BM25 alone: 0.2857 and 0.2879
def test_rm3_on_real_collections(name: str, ap: float, shared_data: Path) -> None:
    from nirank.experiment.loading import load

    collection = load(shared_data / "classic" / name)
    result = Experiment(collection, {"RM3": BM25() >> RM3()}, ["AP"]).run()
    assert result.rows[0].measures["AP"] == pytest.approx(ap, abs=1e-4)


def test_rm3_stays_in_the_scope(tmp_path: Path) -> None:
    collection = Collection.of(
        DOCS, {"q": "wine", "none": "zzz"}, {"q": {"d0": 1}}, candidates={"q": ["d0", "d3"], "none": []}
    )
    result = Experiment(collection, {"RM3": BM25() >> RM3(1, 5)}, ["RR"], store=LocalStore(tmp_path)).run()
    assert set(result.ranking("RM3").to_dict()["q"]) <= {"d0", "d3"}
    assert result.ranking("RM3").to_dict()["none"] == {}


# -- filters -------------------------------------------------------------------------------------


def make_texts(*metadata: dict[str, Any]) -> Texts:
    return Texts.of({f"d{at}": {"text": "x", "metadata": value} for at, value in enumerate(metadata)})


META = [
    {"type": "REG", "year": 1994, "topics": ["tax", "law"], "date": "1994-05-01", "open": True},
    {"type": "DIR", "year": "2004", "topics": ["sea"], "date": "2004-05", "open": False},
    {"type": "REG", "year": 2014.0, "topics": [], "date": "2014"},
    {"other": 1},
]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"type": "REG"}, "02"),
        ({"type": ["DIR", "DEC"]}, "1"),
        ({"type": {"not": "REG"}}, "1"),
        ({"type": {"not": ["REG", "DIR"]}}, ""),
        ({"topics": "tax"}, "0"),
        ({"year": 2004}, "1"),
        ({"year": {"min": 2000}}, "12"),
        ({"year": {"min": 1994, "max": 2004}}, "01"),
        ({"date": {"min": "2004"}}, "12"),
        ({"date": {"max": "2014-06-30"}}, "01"),
        ({"open": True}, "0"),
        ({"type": "REG", "year": {"max": 2000}}, "0"),
    ],
)
def test_where(match: dict[str, Any], expected: str) -> None:
    docs, queries = make_texts(*META), Texts.of({"q": "x"})
    for missing in ("drop", "keep"):
        context = Context(queries, docs)
        mask = Where(match, missing=missing).build_scope(queries, docs, context).mask  # type: ignore[arg-type]
        assert mask is not None
        docs_without = [
            at for at, metadata in enumerate(META) if not all(metadata.get(key) not in (None, "") for key in match)
        ]
        allowed = [at for at in range(4) if mask[at]]
        if missing == "drop":
            assert "".join(map(str, allowed)) == expected
        else:
            assert set(allowed) >= {*map(int, expected), 3}
        assert sum(context.counts.values()) >= len(docs_without)


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({}, "match is empty"),
        ({"year": {"mim": 3}}, r"expected min, max or not, got mim; did you mean 'min'\?"),
        ({"year": {}}, "expected min, max or not, got nothing"),
        ({"year": {"min": "soon"}}, "min must be a number or a date, got 'soon'"),
        ({"year": float("nan")}, "match must be a finite number"),
        ({"year": {"max": None}}, "max must be a number or a date, got None"),
        ({"year": {"max": True}}, "max must be a number or a date, got True"),
        ({"year": None}, "year: expected text, a number, true or false, got None"),
        ({"year": [1990, [1991]]}, r"year: expected text, a number, true or false, got \(1991,\)"),
        ({"year": {"not": {"min": 1}}}, "year: expected text, a number, true or false, got {'min': 1}"),
    ],
)
def test_where_refuses(match: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Where(match)


@pytest.mark.parametrize(
    ("value", "condition", "equal"),
    [
        (1990, 1990.0, True),
        (1990.0, 1990, True),
        ("1990", 1990.0, True),
        ("1990.0", 1990, True),
        ("1.99e3", 1990, True),
        (1990.0, "1990", True),
        (1990.5, 1990, False),
        ("1990", "1990.0", False),
        ("007", 7, False),
        ("007", "007", True),
        (0, -0.0, True),
        (2**53 + 1, 2**53, False),
        (2**53 + 1, 2**53 + 1, True),
        (str(2**53 + 1), 2**53 + 1, True),
        (str(2**53 + 1), 2**53, False),
        (True, 1, False),
        (1, True, False),
        (True, True, True),
        ("true", True, False),
        (float("nan"), "nan", False),
        ("nan", "nan", True),
        ([1, 1990.0], 1990, True),
        ([float("nan")], 1990, False),
        ("2001-01-01", "2001-01-01", True),
        ({"a": 1}, "{'a': 1}", False),
    ],
)
def test_values_are_compared_by_what_they_mean(value: Any, condition: Any, equal: bool) -> None:
    docs, queries = make_texts({"v": value}), Texts.of({"q": "x"})
    rules: list[tuple[Any, bool]] = [(condition, equal), ([condition, "other"], equal)]
    if not isinstance(value, list):  # of which one element must fit
        rules.append(({"not": condition}, not equal))
    for rule, expected in rules:
        mask = Where({"v": rule}).build_scope(queries, docs, Context()).mask
        assert mask is not None and bool(mask[0]) == expected, rule


@pytest.mark.parametrize("spelling", [1990, 1990.0])
@pytest.mark.parametrize("bound", ["min", "max"])
def test_one_address_one_behaviour(spelling: float, bound: str) -> None:
    """Spellings that share an address allow the same documents, whichever of the two is asked first."""
    docs = make_texts(
        {"v": 1990}, {"v": 1990.0}, {"v": "1990"}, {"v": "1990.0"}, {"v": 1991.5}, {"v": True}, {"v": "x"}
    )
    queries = Texts.of({"q": "x"})
    plain, ranged = Where({"v": spelling}), Where({"v": {bound: spelling}})
    assert digest(plain.describe_identity()) == digest(Where({"v": 1990}).describe_identity())
    masks = [scope.build_scope(queries, docs, Context()).mask for scope in (plain, ranged)]
    assert [None if mask is None else mask.tolist() for mask in masks] == [
        [True] * 4 + [False] * 3,
        [True] * 4 + [bound == "min", False, False],
    ]


def test_big_numbers_are_bounded_to_the_last_digit() -> None:
    docs = make_texts({"v": 2**53 + 1}, {"v": str(2**53 + 1)}, {"v": 2**53})
    mask = Where({"v": {"min": 2**53 + 1}}).build_scope(Texts.of({"q": "x"}), docs, Context()).mask
    assert mask is not None and mask.tolist() == [True, True, False]


def test_an_unknown_key_is_the_users_mistake() -> None:
    with pytest.raises(DataError, match=r"no document has metadata 'typ'; they have .*did you mean 'type'\?"):
        Where({"typ": "REG"}).build_scope(Texts.of({"q": "x"}), make_texts(*META), Context())


def test_in_front_and_behind(tmp_path: Path) -> None:
    docs = {f"d{i}": {"text": "wine " * (i + 1), "metadata": {"n": i}} for i in range(5)}
    collection = Collection.of(docs, {"q": "wine"}, {"q": {"d1": 1}})
    rule = Where({"n": {"max": 1}})
    systems = {"front": within(rule, BM25(k=2)), "behind": BM25(k=2) >> within(rule, Cut(2))}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert sorted(result.ranking("front").to_dict()["q"]) == ["d0", "d1"]
    assert set(result.ranking("behind").to_dict()["q"]) <= {"d0", "d1"}
    assert len(result.ranking("behind").to_dict()["q"]) < 2, "behind a cut list fewer remain"


# -- combinations --------------------------------------------------------------------------------

A = Ranking.from_dict({"q": {"x": 3.0, "y": 2.0, "z": 1.0}})
B = Ranking.from_dict({"q": {"y": 10.0, "x": 0.0}}, A.queries, A.docs)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("sum", {"x": 1.0, "y": 1.5, "z": 0.0}),
        ("mnz", {"x": 2.0, "y": 3.0, "z": 0.0}),
        ("anz", {"x": 0.5, "y": 0.75, "z": 0.0}),
        ("max", {"x": 1.0, "y": 1.0, "z": 0.0}),
        ("min", {"x": 0.0, "y": 0.5, "z": 0.0}),
        ("med", {"x": 0.5, "y": 0.75, "z": 0.0}),
    ],
)
def test_fox_and_shaw(method: Any, expected: dict[str, float]) -> None:
    for lists in ([A, B], [B, A]):
        assert Comb(method).combine(lists, Context()).to_dict()["q"] == expected
    assert Comb(method).describe_conventions()["missing"] == "adds nothing, is not counted"


def test_raw_combinations_must_be_allowed() -> None:
    with pytest.raises(ConfigError, match="scores of unlike scales"):
        Comb(normalise="none")
    assert Comb("max", "none", allow_raw=True).combine([A, B], Context()).to_dict()["q"]["y"] == 10


def test_date_decay() -> None:
    docs = make_texts({"date": "2010-01-01"}, {"date": "2009-01-01"}, {})
    queries = Texts.of({"q": {"text": "x", "metadata": {"date": "2010-01-01"}}})
    ranking = Ranking.from_dict({"q": {"d1": 3.0, "d0": 3.0, "d2": 1.0}}, queries.ids, docs.ids)
    context = Context(queries, docs)
    scores = DateDecay(365).combine([ranking], context).to_dict()["q"]
    assert scores == {"d0": 1.0, "d1": 0.5, "d2": 0.0}
    half = DateDecay(365, strength=0.5).combine([ranking], context).to_dict()["q"]
    assert half["d1"] == 0.75
    assert context.counts["undated_pairs"] == 2
    with pytest.raises(DataError, match="no metadata key"):
        DateDecay().combine([ranking], Context(queries, Texts.of({"d0": "x", "d1": "x", "d2": "x"})))


# -- sentences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "No." Then left.', ['He said "No."', "Then left."]),
        ("version 1.5 is e.g. fine", ["version 1.5 is e.g. fine"]),
        ("Art. 5\nArt. 6", ["Art.", "5", "Art.", "6"]),
        ("第一句。第二句！", ["第一句。", "第二句！"]),
        ("", []),
        ("\n \n", []),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


def test_passages_of_sentences(tmp_path: Path) -> None:
    docs = {"a": {"title": "T", "text": "One. Two. Three. Four."}, "b": ""}
    passages = Sentences(2, overlap=1).map(Texts.of(docs), None, Context())
    assert list(passages.ids) == ["a#0", "a#1", "a#2", "b#0"]
    assert passages.columns["text"].to_pylist() == ["One. Two.", "Two. Three.", "Three. Four.", ""]
    assert passages.columns["title"].to_pylist() == ["T", "T", "T", ""]
    collection = Collection.of(docs, {"q": "three"}, {"q": {"a": 1}})
    result = Experiment(collection, {"S": fold(Sentences(1), BM25())}, ["RR"], store=LocalStore(tmp_path)).run()
    assert result.rows[0].measures["RR"] == 1
    with pytest.raises(ConfigError, match="overlap must be 0 to 1, got 2"):
        Sentences(2, overlap=2)
