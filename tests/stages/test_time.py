"""Time: windows before the cut, decay in three forms, and the density of year gaps that training queries show."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dated_folder import write_dated_folder

from nirank import BM25, Collection, Cut, Dated, DateDecay, DateDensity, Experiment, Judged, load, tune, within
from nirank.algebra.context import Context
from nirank.collections.date_gaps import count_gaps, measure_year_gaps
from nirank.collections.dates import UNDATED, read_dates
from nirank.collections.texts import Texts
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages.date_density import estimate_density
from nirank.store import open_store

VALUES = ["2004", "2005", "2014-12-31", "2015", "2015-06-07", "2016-01-01", "2019", None]


def make_dated(*values: Any) -> Texts:
    return Texts.of({f"d{at}": {"text": "x", "metadata": {"date": value}} for at, value in enumerate(values)})


def list_allowed(stage: Dated, query: str | None) -> list[str | None]:
    docs, queries = make_dated(*VALUES), make_dated(query, "1900")
    scope = stage.build_scope(queries, docs, Context(queries, docs))
    rows = scope.list_rows(0)
    return VALUES if rows is None else [VALUES[row] for row in rows]


@pytest.mark.parametrize(
    ("options", "query", "expected"),
    [
        ({"gap": (0, 10)}, "2015-06-07", ["2005", "2014-12-31", "2015", "2015-06-07", None]),
        ({"gap": (-1, 1), "undated": "drop"}, "2015", ["2014-12-31", "2015", "2015-06-07", "2016-01-01"]),
        ({"gap": (-4, 0), "undated": "drop"}, "2015", ["2015", "2015-06-07", "2016-01-01", "2019"]),
        ({"gap": (1, None), "undated": "drop"}, "2015", ["2004", "2005", "2014-12-31"]),
        ({"gap": (None, 0), "undated": "drop"}, "2015", ["2015", "2015-06-07", "2016-01-01", "2019"]),
        ({"gap": (0, 30), "unit": "days", "undated": "drop"}, "2015-06-20", ["2015", "2015-06-07"]),
        ({"gap": (1, None), "unit": "days", "undated": "drop"}, "2015-06-07", ["2004", "2005", "2014-12-31", "2015"]),
        ({"gap": (0, 10)}, None, VALUES),
        ({"gap": (0, 10), "undated": "drop"}, None, []),
    ],
)
def test_a_window_takes_gaps_between_two_bounds(options: Any, query: str | None, expected: Any) -> None:
    assert list_allowed(Dated("any", **options), query) == expected


def test_a_window_stands_beside_before() -> None:
    assert list_allowed(Dated("before", gap=(0, 1), undated="drop"), "2015-06-07") == ["2014-12-31"]


def test_trap_50_with_a_window() -> None:
    docs, queries = make_dated("2014", "2019", None), make_dated("2015", "1900")
    context = Context(queries, docs)
    scope = Dated("any", gap=(0, 10)).build_scope(queries, docs, context)
    assert [scope.docs.take(rows) for query in (0, 1) if (rows := scope.list_rows(query)) is not None] == [
        ["d0", "d2"],
        ["d2"],
    ]
    assert context.counts["undated_documents"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"when": "any"}, "dated: any takes documents from before and after; expected gap: "),
        ({"when": "any", "gap": (0, 5), "days": 3}, "alone"),
        ({"unit": "days"}, "unit is that of the gap"),
        ({"gap": (5, 0)}, r"expected the least first, got \[5, 0\]"),
        ({"gap": (-1, 5)}, "reaches later documents, which 'before' leaves out; expected when: any"),
        ({"when": "after", "gap": (-1, 5)}, "reaches earlier documents, which 'after' leaves out"),
    ],
)
def test_windows_that_cannot_be_meant(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dated(**options)


@pytest.mark.parametrize("window", [(0, 3), (-2, 5), (1, 1), (None, 4), (0, None)])
def test_r7_a_window_takes_pairs_out_and_nothing_else(window: Any, tmp_path: Path) -> None:
    random = np.random.default_rng(7)

    def make_text(date: Any) -> dict[str, Any]:
        words = " ".join(f"w{word}" for word in random.integers(0, 30, 12))
        return {"text": words, "metadata": {} if date is None else {"date": date}}

    years = [None, *range(1995, 2021)]
    docs = {f"d{at:03}": make_text(random.choice(np.array(years, object))) for at in range(120)}
    queries = {f"q{at}": make_text(int(random.integers(2000, 2015))) for at in range(8)}
    judged = {query: {f"d{doc:03}": 1 for doc in random.integers(0, 120, 6)} for query in queries}
    collection = Collection.of(docs, queries, judged, name="dated")
    systems = {
        "all": BM25(k=120),
        "window": within(Dated("any", gap=window), BM25(k=120)),
        "identity": within(Dated("any", gap=(None, None)), BM25(k=120)),
        "cut": within(Dated("any", gap=window), BM25()) >> Cut(20),
    }
    result = Experiment(collection, systems, ["R@20"], store=open_store(tmp_path)).run()
    whole, kept, same, cut = (result.ranking(name).to_dict() for name in systems)
    assert same == whole
    (qrels,) = collection.qrels.values()
    query_dates, doc_dates = (read_dates(texts, "date") for texts in (collection.queries, collection.docs))
    gaps = measure_year_gaps(query_dates, doc_dates, qrels.query_rows, qrels.rows)
    least, most = (-10_000 if window[0] is None else window[0]), (10_000 if window[1] is None else window[1])
    is_lost = (gaps != UNDATED) & ((gaps < least) | (gaps > most))
    for query, ranked in whole.items():
        order = list(kept[query])
        assert order == [doc for doc in ranked if doc in kept[query]], "a subsequence"
        assert list(cut[query]) == order[:20], "what is freed is filled again"
        row = collection.queries.ids.find_rows([query])[0]
        for doc, lost in zip(qrels.rows[qrels.query_rows == row], is_lost[qrels.query_rows == row], strict=True):
            id = collection.docs.ids[int(doc)]
            if id in ranked:
                assert (id in kept[query]) != bool(lost), "lost exactly where the gap lies outside"
                assert lost or order.index(id) <= list(ranked).index(id)


def decay(**options: Any) -> dict[str, float]:
    days = [0, 100, 200, 400, 1000]
    docs = make_dated(*(str(np.datetime64("2015-01-01") - day) for day in days))
    queries = Texts.of({"q": {"text": "x", "metadata": {"date": "2015-01-01"}}})
    ranking = Ranking.from_dict({"q": dict.fromkeys(docs.ids, 1.0)}, queries.ids, docs.ids)
    scores = DateDecay(200.0, **options).combine([ranking], Context(queries, docs)).to_dict()["q"]
    return {doc: scores[doc] for doc in docs.ids}


def test_forms_of_decay() -> None:
    """Sheet 4.8.4: with σ = h / √(2 ln 2) and S = 2h, all have lost half after the half-life."""
    days, sigma = np.array([0, 100, 200, 400, 1000]), 200 / math.sqrt(2 * math.log(2))
    assert list(decay().values()) == pytest.approx(np.exp(-math.log(2) * days / 200))
    assert list(decay(form="gaussian").values()) == pytest.approx(np.exp(-(days**2) / (2 * sigma**2)))
    assert list(decay(form="linear").values()) == pytest.approx([1, 0.75, 0.5, 0, 0])
    assert list(decay(form="linear", offset=100).values()) == pytest.approx([1, 1, 0.75, 0.25, 0])
    assert list(decay(offset=200).values()) == pytest.approx([1, 1, 1, 0.5, 0.5**4])
    with pytest.raises(ConfigError, match="offset must be 0 days or more"):
        DateDecay(offset=-1)


def test_density_by_hand() -> None:
    counted = [(1, 1), (2, 3), (5, 2)]  # six pairs; five bins, and one for all other gaps
    gaps = np.array([1, 2, 3, 5, 6, -4])
    assert estimate_density(gaps, counted, 1).tolist() == pytest.approx(np.array([2, 4, 1, 3, 1, 1]) / 12)
    # Bins 1 to 2, 3 to 4, 5 to 6.
    assert estimate_density(gaps, counted, 2).tolist() == pytest.approx(np.array([5, 5, 1, 3, 3, 1]) / 10)


@pytest.mark.parametrize("how", ["add", "multiply"])
def test_documents_are_weighed_by_the_gaps_of_training(how: Any, tmp_path: Path) -> None:
    collection = load(write_dated_folder(tmp_path / "data"), split="test")
    density = DateDensity(Judged(split="train"), weight=2.0, how=how)
    systems = {"BM25": BM25(), "density": BM25() >> density}
    result = Experiment(collection, systems, ["R@10"], store=open_store(tmp_path / "store")).run()
    assert not result.failed
    row = next(row for row in result.rows if row.system == "density")
    # Relevant in training: gaps 2, 1 and 2; a pair without a date is counted.
    assert row.conventions.stages[density.title]["training pairs"] == {"dated": 3, "undated": 1}
    assert row.counts["undated_pairs"] == 2
    assert row.trained_on[0].split == "train" and row.zero_shot == "no"
    plain, weighed = (result.ranking(name).to_dict()["s1"] for name in systems)
    least, most = min(plain.values()), max(plain.values())
    density_of = {1: 2 / 6, 2: 3 / 6}
    logs = {doc: math.log(density_of.get(2010 - int(doc[1:]), 1 / 6)) for doc in plain if doc != "none"}
    logs["none"] = sum(logs.values()) / len(logs)
    for doc, score in plain.items():
        s = 1.0 if most == least else (score - least) / (most - least)
        expected = s + 2 * logs[doc] if how == "add" else s * math.exp(2 * logs[doc])
        assert weighed[doc] == pytest.approx(expected)


def test_queries_that_are_evaluated_are_refused(tmp_path: Path) -> None:
    collection = load(write_dated_folder(tmp_path / "data"), split="test")
    systems = {"density": BM25() >> DateDensity(Judged(split="test"))}
    with pytest.raises(ConfigError, match="evaluated"):
        Experiment(collection, systems, ["R@10"], store=open_store(tmp_path / "store")).plan()


def test_windows_and_densities_are_tuned(tmp_path: Path) -> None:
    folder = write_dated_folder(tmp_path / "data")
    (tmp_path / "config.yaml").write_text(
        f"""
collections: [{{path: {folder}, split: test}}]
measures: [R@10]
systems:
  soft:
    tune:
      of: [bm25, {{date_density: {{on: {{split: train}}, width: 2}}}}]
      over: {{date_density.weight: [0, 0.5], date_density.how: [add, multiply]}}
      on: {{split: dev}}
      measure: R@1
  hard:
    tune:
      of: {{within: {{scope: {{dated: {{when: any, gap: [0, 10]}}}}, of: bm25}}}}
      over: {{dated.gap: [[0, 10], [-1, 2], [0, null]], dated.unit: [years, days]}}
      on: {{split: dev}}
      measure: R@10
"""
    )
    config = load_config(tmp_path / "config.yaml")
    collections = [load(**each) for each in config.collections]
    experiment = Experiment(collections, config.systems, config.measures, store=open_store(tmp_path / "store"))
    result = experiment.run()
    assert not result.failed
    rows = {row.system: row for row in result.rows}
    assert len(rows["soft"].choices[0].candidates) == 4 and rows["soft"].trained_on and rows["soft"].tuned_on
    chosen = rows["hard"].choices[0]
    assert [candidate.value for candidate in chosen.candidates] == [1, 0, 0.5, 0, 1, 1]
    python = tune(
        BM25() >> DateDensity(Judged(split="train"), width=2),
        {"date_density.weight": [0, 0.5], "date_density.how": ["add", "multiply"]},
        on=Judged(split="dev"),
        measure="R@1",
    )
    assert config.systems["soft"] == python


def test_gaps_are_counted_with_their_undated_pairs_aside() -> None:
    docs, queries = make_dated("2014", "2016", None), make_dated("2015-03", None)
    gaps = measure_year_gaps(
        read_dates(queries, "date"), read_dates(docs, "date"), np.array([0, 0, 0, 1]), np.arange(4) % 3
    )
    assert count_gaps(gaps) == {-1: 1, 1: 1}
