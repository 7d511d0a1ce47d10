"""Passages: parts of documents and of queries, folded, and which of them counted."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import Halves, Lookup, Shared, Short, make_fruits

from nirank import fold, rrf, within
from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.results.evidence import FoldedList
from nirank.stages.bm25 import BM25
from nirank.stages.sections import Sections
from nirank.stages.sentences import Sentences
from nirank.stages.windows import Windows
from nirank.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def run_fold(pipeline: Any, collection: Collection, store: LocalStore) -> dict[str, dict[str, float]]:
    result = Experiment(collection, {"S": pipeline}, ["RR"], store=store).run()
    assert not result.failed, result.rows[0].error
    return result.ranking("S").to_dict()


# `a` has passages with 2, 1 and 1 of the query's words, `b` one with 2 and one without.
PASSAGES = {"a": "red apple x red y z apple q", "b": "red apple u v w"}
ONE = Collection.of(PASSAGES, {"q": "red apple"}, {"q": {"a": 1}})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"keep": "mean"}, {"a": 4 / 3, "b": 2.0}),
        ({"keep": "mean", "top": 2}, {"a": 1.5, "b": 2.0}),
        ({"keep": "mean", "top": 1}, {"a": 2.0, "b": 2.0}),
        ({"keep": "sum"}, {"a": 4.0, "b": 2.0}),
        ({"keep": "sum", "top": 2}, {"a": 3.0, "b": 2.0}),
        ({"keep": "weighted_mean"}, {"a": (2 * 3 + 1 * 3 + 1 * 2) / 8, "b": 2.0}),
        ({"keep": "weighted_mean", "top": 2}, {"a": 1.5, "b": 2.0}),
        ({"keep": "rrf"}, {"a": 1 / 62 + 1 / 63 + 1 / 64, "b": 1 / 61}),
        ({"keep": "rrf", "top": 1}, {"a": 1 / 62, "b": 1 / 61}),
    ],
)
def test_means_and_sums_over_the_best_parts(options: Any, expected: dict[str, float], store: LocalStore) -> None:
    assert run_fold(fold(Windows(3), Shared(), **options), ONE, store)["q"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("keep", "top", "expected"),
    [
        ("sum", None, [(1, 3.0), (3, 2.0), (0, 1.0), (2, 1.0)]),
        ("mean", 2, [(1, 3.0), (3, 2.0)]),
        ("max", None, [(1, 3.0)]),
        ("first", None, [(0, 1.0)]),
    ],
)
def test_evidence_is_the_best_parts_first(keep: str, top: int | None, expected: list[tuple[int, float]]) -> None:
    queries, documents = Ids.of(["p", "q"]), Ids.of(["a", "b"])
    parts = Texts(Ids.of([f"a#{at}" for at in range(4)] + ["b#0"]), {}, np.array([0, 0, 0, 0, 1]))
    scores = {"a#0": 1.0, "a#1": 3.0, "a#2": 1.0, "a#3": 2.0, "b#0": 9.0}
    ranked = Ranking.from_dict({"p": {"a#0": 5.0}, "q": scores}, queries, parts.ids)
    folded = FoldedList("fold", ranked, parts, "docs", keep, top, len(documents))
    assert folded.find_parts(1, 0) == expected
    assert folded.find_parts(0, 1) == []


def test_r14_one_passage_is_first_and_best_and_sum_and_more_never_lower_the_best(store: LocalStore) -> None:
    scores = [run_fold(fold(Windows(99), Shared(), keep), ONE, store) for keep in ("first", "max", "sum")]
    assert scores[0] == scores[1] == scores[2]
    longer = Collection.of({**PASSAGES, "a": PASSAGES["a"] + " of no use here"}, {"q": "red apple"}, {"q": {"a": 1}})
    for collection in (ONE, longer):
        assert run_fold(fold(Windows(3), Shared()), collection, store)["q"]["a"] == 2.0


def test_passages_of_queries_find_passages_of_documents_by_ranks(store: LocalStore) -> None:
    """'red x' finds a#0, b#0 and a#1; 'apple pie' finds b#1 and a#0: a passage's rank is in the list that found it."""
    docs = {"a": "red apple red u", "b": "red v apple pie"}
    collection = Collection.of(docs, {"q": "red x apple pie"}, {"q": {"a": 1}})
    by_ranks = fold(Windows(2), fold(Windows(2), Shared(), "rrf"), "sum", side="queries")
    first, second = {"b#0": 1, "a#1": 2, "a#0": 3}, {"b#1": 1, "a#0": 2}
    expected = {
        doc: sum(1 / (60 + rank) for ranks in (first, second) for part, rank in ranks.items() if part[0] == doc)
        for doc in docs
    }
    assert run_fold(by_ranks, collection, store)["q"] == pytest.approx(expected)


def test_parts_of_queries(store: LocalStore) -> None:
    collection = Collection.of(
        {"a": "red", "b": "apple pie", "c": "red apple"}, {"q": "red x apple pie", "r": "pie"}, {"q": {"a": 1}}
    )
    search = Shared()  # the parts of q are 'red x' and 'apple pie', of r '' and 'pie'
    assert run_fold(fold(Halves(), search, side="queries"), collection, store) == {
        "q": {"b": 2, "c": 1, "a": 1},
        "r": {"b": 1},
    }
    assert run_fold(fold(Halves(), search, "sum", side="queries"), collection, store)["q"] == {"c": 2, "b": 2, "a": 1}
    assert run_fold(fold(Halves(), search, "first", side="queries"), collection, store)["q"] == {"b": 2, "c": 1, "a": 1}
    rescored = Shared() >> fold(Halves(), Lookup({"a": 5.0}), side="queries")
    assert run_fold(rescored, collection, store) == {"q": {"a": 5, "c": 0, "b": 0}, "r": {"b": 0}}
    short = within(Short(1), fold(Halves(), search, side="queries"))
    assert run_fold(short, collection, store) == {"q": {"a": 1}, "r": {}}
    both_sides = fold(Halves(), fold(Halves(), search), side="queries")
    assert run_fold(both_sides, collection, store)["q"] == {"c": 1, "b": 1, "a": 1}


def test_scopes_reach_the_parts_of_queries(store: LocalStore) -> None:
    """The query's own document is no document of its parts; a scope of pairs holds for each part."""
    docs = {"q": "red wine apple pie", "b": "apple pie", "c": "red wine"}
    collection = Collection.of(docs, {"q": docs["q"]}, {"q": {"b": 1}}, self_match="id")
    assert set(run_fold(fold(Halves(), Shared(), side="queries"), collection, store)["q"]) == {"b", "c"}
    pairs = within(Shared(k=1), fold(Halves(), Shared(1.0), side="queries"))
    assert run_fold(pairs, Collection.of(docs, {"x": "apple pie"}, {"x": {"b": 1}}), store) == {
        "x": {"q": 2}
    }  # the later id of two that tie


def test_parts_of_parts(store: LocalStore) -> None:
    """Sections split into windows: folded step by step or at once, documents get the same."""
    collection = make_fruits()
    nested = fold(Halves(), fold(Halves(), Shared()))
    at_once = fold(Halves() >> Halves(), Shared())
    assert run_fold(nested, collection, store) == run_fold(at_once, collection, store) != {}


def test_evidence_names_the_passages(tmp_path: Path, store: LocalStore) -> None:
    systems = {
        "best": fold(Windows(3), Shared()),
        "two": rrf(Shared(), fold(Windows(3), Shared(), "sum", top=2)),
        "asked": fold(Halves(), Shared(), side="queries"),
        "none": Shared(),
    }
    result = Experiment(ONE, systems, ["RR"], store=store).run()
    rows = {name: result.evidence(name).drop(columns="fold").to_numpy().tolist() for name in systems}
    assert rows["best"] == [["q", "b", 1, "b#0", 2.0, "red apple u"], ["q", "a", 2, "a#0", 2.0, "red apple x"]]
    assert [row[3] for row in rows["two"] if row[1] == "a"] == ["a#0", "a#1"]
    assert {row[3] for row in rows["asked"]} == {"q#0"}  # of equal parts the first
    assert rows["none"] == []
    assert len(result.evidence("best", depth=1)) == 1
    result.save(tmp_path / "out")
    (file,) = (tmp_path / "out" / "evidence").rglob("best.tsv.gz")
    assert gzip.decompress(file.read_bytes()).decode().splitlines()[:2] == [
        "query_id\tdoc_id\trank\tfold\tpart_id\tpart_score\ttext",
        "q\tb\t1\tfold keep=max\tb#0\t2.0\tred apple u",
    ]
    assert len(list((tmp_path / "out" / "evidence").rglob("*.gz"))) == 3
    result.save(tmp_path / "out")  # found again, and left as it is
    assert file.exists()


# -- sections ------------------------------------------------------------------------------------

ACT = """THE COUNCIL,
Having regard to Article 5 of the Treaty,
Article 1
Wine is red.
Article 2
(a) Tea is green;
ANNEX I
A list"""


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (ACT, ["THE COUNCIL,", "Article 1", "Article 2", "ANNEX I"]),
        ("# One\ntext\n## Two\ntext", ["# One", "## Two"]),
        (
            "1 Short title\nThis Act\n2\n(1) In this Act\n2.1 Terms\n3. Rules",
            ["1 Short title", "2", "2.1 Terms", "3. Rules"],
        ),
        ("it cost 5 euros\n12 of them were red", ["it cost 5 euros"]),
        ("Artikel 3\nx\n§ 4 Recht\ny\nСтатья 5", ["Artikel 3", "§ 4 Recht", "Статья 5"]),
        ("no headings", ["no headings"]),
        ("", [""]),
    ],
)
def test_sections_begin_at_headings(text: str, starts: list[str]) -> None:
    parts_made = Sections().map(Texts.of({"d": {"title": "T", "text": text}}), None, Context())
    parts = parts_made.columns["text"].to_pylist()
    assert [part.split("\n")[0] for part in parts] == starts
    assert "\n".join(parts).split() == text.split()
    assert list(parts_made.ids) == [f"d#{number}" for number in range(len(starts))]
    assert set(parts_made.columns["title"].to_pylist()) == {"T"}


def test_sections_of_a_wanted_size() -> None:
    texts = Texts.of({"d": ACT})
    assert Sections(min_words=20).map(texts, None, Context()).columns["text"].to_pylist()[0].endswith("Wine is red.")
    split = Sections(max_words=4).map(texts, None, Context()).columns["text"].to_pylist()
    assert max(len(part.split()) for part in split) == 4
    assert len(Sections("(?i)annex").map(texts, None, Context())) == 2
    for size, message in (
        ({"headings": "("}, "no regular expression"),
        ({"min_words": -1}, "min_words must be 0 or more"),
        ({"min_words": 9, "max_words": 5}, "max_words must be 9 or more"),
    ):
        with pytest.raises(ConfigError, match=message):
            Sections(**size)  # type: ignore[arg-type]


def test_passages_of_long_acts_find_the_section(store: LocalStore) -> None:
    filler = "unrelated words of a long act " * 200
    docs = {"long": f"Article 1\n{filler}\nArticle 2\ngreen tea", "short": "tea " + "other " * 30}
    collection = Collection.of(docs, {"q": "green tea"}, {"q": {"long": 1}})
    result = Experiment(
        collection, {"S": fold(Sections(), BM25()), "T": fold(Sentences(1), BM25())}, ["RR"], store=store
    ).run()
    assert [row.measures["RR"] for row in result.rows] == [1.0, 1.0]
    assert result.evidence("S").iloc[0]["part_id"] == "long#1"
    assert np.isfinite(result.ranking("S").scores).all()
    assert Pairs.to_dict(result.ranking("T"))["q"][0] == "long"
