"""What Python callers give: taken as files are, converted and counted, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import nirank.errors
from nirank import (
    BM25,
    RRF,
    Collection,
    Comb,
    Cut,
    Dense,
    Experiment,
    Fields,
    FirstWords,
    Folds,
    Judged,
    Lora,
    Mined,
    Only,
    Qrels,
    Ranking,
    Recipe,
    RunFile,
    Sections,
    Train,
    TrainingSet,
    Where,
    Windows,
    evaluate,
    evaluate_runs,
    fold,
    load,
    read_run,
    rewrite,
    rrf,
    tune,
    weighted_sum,
    within,
    write_run,
)
from nirank.evaluation.comparisons import Significance
from nirank.plan.reporter import Reporter

DOCS = {"d1": "green tea is brewed from leaves", "d2": "coffee beans are roasted", "d3": "cocoa comes from beans"}
QUERIES = {"q1": "how is green tea brewed", "q2": "roasted beans"}
LABELS = {"q1": {"d1": 1}, "q2": {"d2": 2, "d3": 1}}


def make_collection(**options: Any) -> Collection:
    return Collection.of(DOCS, QUERIES, LABELS, **options)


def make_experiment(**options: Any) -> Experiment:
    arguments = {"collections": make_collection(), "systems": {"B": BM25()}, "measures": ["AP"]} | options
    return Experiment(arguments.pop("collections"), arguments.pop("systems"), arguments.pop("measures"), **arguments)


def run_experiment() -> Any:
    return make_experiment().run(Reporter())


def make_ranking() -> Ranking:
    return Ranking.from_dict({"q1": {"d1": 2.0}, "q2": {"d3": 1.0}})


def make_qrels() -> Qrels:
    return Qrels.from_dict(LABELS)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    # an experiment
    (lambda: make_experiment(collections="python-stdlib"), "load('python-stdlib') reads one"),
    (lambda: make_experiment(collections=["x"]), "expected what load or Collection.of gives, got 'x'"),
    (lambda: make_experiment(collections=Path("x")), "load('x') reads one"),
    (lambda: make_experiment(collections=None), "expected what load or Collection.of gives, got None"),
    (lambda: make_experiment(collections=[]), "at least one collection"),
    (lambda: make_experiment(collections=[make_collection(), make_collection()]), "two collections are called"),
    (lambda: make_experiment(systems=[BM25()]), "expected a mapping of names to pipelines"),
    (lambda: make_experiment(systems=BM25()), "give it a name: {'BM25': BM25()}"),
    (lambda: make_experiment(systems=None), "expected a mapping of names to pipelines, got None"),
    (lambda: make_experiment(systems={}), "at least one system"),
    (lambda: make_experiment(systems={"B": BM25}), "got the class BM25; make a value of it: BM25()"),
    (lambda: make_experiment(systems={"B": lambda q, d: 0}), "got a function; wrap it"),
    (lambda: make_experiment(systems={"B": "bm25"}), "expected a pipeline, got 'bm25'"),
    (lambda: make_experiment(systems={"B": None}), "expected a pipeline, got None"),
    (lambda: make_experiment(systems={"": BM25()}), "at least one visible character"),
    (lambda: make_experiment(systems={" \t": BM25()}), "at least one visible character"),
    (lambda: make_experiment(systems={"a\nb": BM25()}), "one line without control characters"),
    (lambda: make_experiment(systems={"\ud800": BM25()}), "a name"),
    (lambda: make_experiment(systems={None: BM25()}), "a name is text, got None"),
    (lambda: make_experiment(systems={1: BM25(), "1": BM25(k1=1)}), "two are called '1'"),
    (lambda: make_experiment(systems={"C": Cut(3)}), "needs a list in front"),
    (lambda: make_experiment(measures=None), "measures: expected names"),
    (lambda: make_experiment(measures=10), "measures: expected names"),
    (lambda: make_experiment(measures=[10]), "got 10"),
    (lambda: make_experiment(measures=[]), "at least one measure"),
    (lambda: make_experiment(measures={"AP": 1}), "measures: expected names"),
    (lambda: make_experiment(measures="nDGC@10"), "did you mean 'nDCG'?"),
    (lambda: make_experiment(device="gpu0"), "device 'gpu0'"),
    (lambda: make_experiment(device=0), "device 0"),
    (lambda: make_experiment(seeds="1"), "seeds: expected a list of whole numbers"),
    (lambda: make_experiment(seeds=[1.5]), "seeds: expected a list of whole numbers"),
    (lambda: make_experiment(seeds=None), "seeds: expected a list of whole numbers"),
    (lambda: make_experiment(folds=1), "folds: expected 2 folds or more"),
    (lambda: make_experiment(folds="many"), "folds"),
    (lambda: make_experiment(folds=True), "folds"),
    (lambda: make_experiment(max_memory="much"), "max_memory"),
    (lambda: make_experiment(max_memory=-4), "max_memory"),
    (lambda: make_experiment(significance="B"), "expected Significance(…)"),
    (lambda: make_experiment(significance=Significance(baseline="X")), "there is no system 'X'"),
    (lambda: make_experiment(significance=Significance(seed=1.5)), "seed"),  # type: ignore[arg-type]
    (lambda: make_experiment(significance=Significance(alpha="x")), "alpha"),  # type: ignore[arg-type]
    # collections
    (lambda: Collection.of({"a": 3.5}, QUERIES, {}), "a"),
    (lambda: Collection.of(None, QUERIES, {}), "documents"),  # type: ignore[arg-type]
    (lambda: Collection.of([("a", "x")], QUERIES, {}), "documents"),  # type: ignore[arg-type]
    (lambda: Collection.of(DOCS, ["x"], {}), "queries"),  # type: ignore[arg-type]
    (lambda: Collection.of(DOCS, QUERIES, {"q1": ["d1"]}), "q1"),  # type: ignore[dict-item]
    (lambda: Collection.of(DOCS, QUERIES, {"q1": {"d1"}}), "q1"),  # type: ignore[dict-item]
    (lambda: Collection.of(DOCS, QUERIES, {"q1": {"d1": None}}), "d1"),  # type: ignore[dict-item]
    (lambda: Collection.of(DOCS, QUERIES, {"q1": {"d1": 0.7}}), "0.7"),  # type: ignore[dict-item]
    (lambda: Collection.of(DOCS, QUERIES, {"q1": {"d1": 10**25}}), "d1"),
    (lambda: Collection.of(DOCS, QUERIES, {"q9": {"d1": 1}}), "q"),
    (lambda: Collection.of(DOCS, QUERIES, {"q1": {"zz": 1}, "q2": {"yy": 1}}), "recall cannot pass 0"),
    (lambda: Collection.of({}, QUERIES, {}), "there are no documents"),
    (lambda: Collection.of(DOCS, QUERIES, LABELS, candidates=["d1"]), "candidates"),  # type: ignore[arg-type]
    (lambda: Collection.of(DOCS, QUERIES, LABELS, min_rel=0), "min_rel"),
    (lambda: Collection.of(DOCS, QUERIES, LABELS, self_match="yes"), "self_match"),  # type: ignore[arg-type]
    (lambda: load("/nowhere/at/all"), "no such folder"),
    (lambda: load(Path("/nowhere")), "no such folder"),
    (lambda: load("~nobody_at_all/x"), "there is no such user"),
    (lambda: load("x" * 5000), "cannot be used"),
    (lambda: load("a\0b"), "is no path"),
    (lambda: load(3), "expected"),  # type: ignore[arg-type]
    (lambda: load(), "needs docs and queries"),
    (lambda: load(docs=3, queries=4), "expected a path, got 3"),  # type: ignore[arg-type]
    (lambda: load("python-stdlib", min_rel=1.5), "min_rel"),  # type: ignore[arg-type]
    (lambda: load("python-stdlib", max_dangling="x"), "max_dangling"),  # type: ignore[arg-type]
    (lambda: load("python-stdlib", ranges=0.5), "how many documents a range has"),  # type: ignore[arg-type]
    (lambda: load("python-stdlib", qrels=3), "3"),  # type: ignore[arg-type]
    (lambda: load("python-stdlib", qrels={"a": None}), "qrels: a"),  # type: ignore[dict-item]
    (lambda: load("python-stdlib", expect=[3]), "expect"),  # type: ignore[arg-type]
    (lambda: make_collection().sample(0), "1 or more"),
    (lambda: make_collection().sample("x"), "1 or more"),  # type: ignore[arg-type]
    # stages
    (lambda: BM25(k1="high"), "bm25: k1: input should be a valid number"),  # type: ignore[arg-type]
    (lambda: BM25(k1=None), "bm25: k1"),  # type: ignore[arg-type]
    (lambda: BM25(k1=[1]), "bm25: k1"),  # type: ignore[arg-type]
    (lambda: BM25(k1=True), "bm25: k1: expected a number, got True"),
    (lambda: BM25(k="x"), "bm25: k"),  # type: ignore[arg-type]
    (lambda: BM25(k=2.5), "bm25: k"),  # type: ignore[arg-type]
    (lambda: BM25(k=True), "bm25: k"),
    (lambda: BM25(analyzer=3), "bm25: analyzer"),  # type: ignore[arg-type]
    (lambda: BM25(fields="title"), "fields"),  # type: ignore[arg-type]
    (lambda: BM25(doc_text=None), "doc_text"),  # type: ignore[arg-type]
    (lambda: BM25(k1=float("nan")), "k1 must be a finite number"),
    (lambda: Dense(3), "dense: model"),  # type: ignore[arg-type]
    (lambda: Dense(None), "dense: model"),  # type: ignore[arg-type]
    (lambda: Only("d1"), "only: docs"),  # type: ignore[arg-type]
    (lambda: Only(3), "only: docs"),  # type: ignore[arg-type]
    (lambda: Where("year"), "where: match"),  # type: ignore[arg-type]
    (lambda: RunFile(3), "run: path"),  # type: ignore[arg-type]
    (lambda: Windows("many"), "windows: words"),  # type: ignore[arg-type]
    (lambda: FirstWords(0), "first_words"),
    (lambda: FirstWords(None), "first_words"),  # type: ignore[arg-type]
    (lambda: Sections(3), "sections"),  # type: ignore[arg-type]
    (lambda: Comb("best"), "comb"),  # type: ignore[arg-type]
    (lambda: RRF("x"), "rrf: k"),  # type: ignore[arg-type]
    (lambda: Cut("x"), "cut"),  # type: ignore[arg-type]
    (lambda: Recipe(epochs="many"), "recipe: epochs"),  # type: ignore[arg-type]
    (lambda: Recipe(learning_rate="fast"), "recipe: learning_rate"),  # type: ignore[arg-type]
    (lambda: Lora(rank="x"), "lora: rank"),  # type: ignore[arg-type]
    (lambda: Judged(split=3.5, sample="x"), "judged queries"),  # type: ignore[arg-type]
    (lambda: Mined("bm25"), "negatives"),  # type: ignore[arg-type]
    (lambda: TrainingSet(None), "data: queries"),  # type: ignore[arg-type]
    (lambda: Train("a/b", data="d"), "data"),  # type: ignore[arg-type]
    (lambda: Fields(query=3), "fields"),  # type: ignore[arg-type]
    (lambda: Folds("x"), "folds"),  # type: ignore[arg-type]
    # operators and combinations
    (lambda: BM25() >> 3, "expected a pipeline, got 3"),  # type: ignore[operator]
    (lambda: 3 >> BM25(), "expected a pipeline, got 3"),
    (lambda: BM25() >> [Cut(3)], "expected a pipeline"),  # type: ignore[operator]
    (lambda: BM25() % "x", "cut"),  # type: ignore[operator]
    (lambda: BM25() % 0, "1 or more, got 0"),
    (lambda: BM25() % 2.5, "cut"),  # type: ignore[operator]
    (lambda: BM25() + None, "expected a pipeline, got None"),  # type: ignore[operator]
    (lambda: 1 + BM25(), "expected a pipeline, got 1"),
    (lambda: BM25() | "x", "expected a pipeline, got 'x'"),  # type: ignore[operator]
    (lambda: BM25() & 3, "expected a pipeline, got 3"),  # type: ignore[operator]
    (lambda: BM25() * "x", "expected a number times a pipeline"),  # type: ignore[operator]
    (lambda: BM25() * BM25(), "expected a number times a pipeline"),  # type: ignore[operator]
    (lambda: float("nan") * BM25() + BM25(), "finite number"),
    (lambda: rrf(), "expected 2 lists or more, got 0"),
    (lambda: rrf(BM25()), "expected 2 lists or more, got 1"),
    (lambda: rrf([BM25(), BM25()]), "expected a pipeline"),  # type: ignore[arg-type]
    (lambda: rrf(BM25(), 3), "expected a pipeline, got 3"),  # type: ignore[arg-type]
    (lambda: rrf(BM25(), BM25(), k="x"), "rrf: k"),  # type: ignore[arg-type]
    (lambda: weighted_sum(BM25(), BM25(), weights=3), "weights"),  # type: ignore[arg-type]
    (lambda: weighted_sum(BM25(), BM25(), weights=[1]), "one weight a list"),
    (lambda: within("x", BM25()), "expected a pipeline, got 'x'"),  # type: ignore[arg-type]
    (lambda: within(BM25(), None), "expected a pipeline, got None"),  # type: ignore[arg-type]
    (lambda: rewrite(BM25(), BM25()), "expected a map of queries"),
    (lambda: fold(Windows(5), BM25(), keep="best"), "keep is one of"),  # type: ignore[arg-type]
    (lambda: fold(Windows(5), BM25(), keep=3), "keep is one of"),  # type: ignore[arg-type]
    (lambda: tune(BM25(), {"bm25.k9": [1]}, on=Judged(split="train")), "k9"),
    (lambda: tune(BM25(), {"bm25.k1": [1, 2]}, on="train"), "tune: on"),  # type: ignore[arg-type]
    (lambda: tune(BM25(), {"bm25.k1": [1, 2]}, on=Judged(split="train"), measure=3), "measure"),  # type: ignore[arg-type]
    (lambda: tune([BM25(), 3], on=Judged(split="train")), "tune: candidates"),  # type: ignore[list-item]
    # rankings, judgements, evaluation
    (lambda: Ranking.from_dict({"q": ["a"]}), "q"),  # type: ignore[dict-item]
    (lambda: Ranking.from_dict([("q", "a", 1.0)]), "expected"),  # type: ignore[arg-type]
    (lambda: Ranking.from_dict({"q": {"a": "x"}}), "'x'"),  # type: ignore[dict-item]
    (lambda: Ranking.from_dict({"q": {"a": None}}), "None"),  # type: ignore[dict-item]
    (lambda: Ranking.from_dict({"q": {"a": float("nan")}}), "nan"),
    (lambda: Ranking.from_pandas(pd.DataFrame({"qid": ["1"], "docno": ["a"], "score": [1.0]})), "query_id"),
    (lambda: Ranking.from_pandas(pd.DataFrame({"query_id": ["1"], "doc_id": ["a"], "score": ["x"]})), "score"),
    (lambda: Ranking.from_pandas(pd.DataFrame({"query_id": ["1", None], "doc_id": ["a", "b"], "score": [1, 2]})), "query_id"),
    (lambda: Ranking.from_pandas({"query_id": ["1"]}), "table"),  # type: ignore[arg-type]
    (lambda: Qrels.from_dict({"q": ["a"]}), "q"),  # type: ignore[dict-item]
    (lambda: Qrels.from_dict({"q": {"a": "high"}}), "'high'"),  # type: ignore[dict-item]
    (lambda: Qrels.from_dict({"q": {"a": 10**25}}), "a"),
    (lambda: evaluate({"q1": {"d1": 2.0}}, make_qrels(), ["AP"]), "Ranking.from_dict"),  # type: ignore[arg-type]
    (lambda: evaluate(make_ranking(), LABELS, ["AP"]), "Qrels.from_dict"),  # type: ignore[arg-type]
    (lambda: evaluate(pd.DataFrame(), make_qrels(), ["AP"]), "Ranking.from"),  # type: ignore[arg-type]
    (lambda: evaluate(make_ranking(), make_qrels(), None), "measures: expected names"),  # type: ignore[arg-type]
    (lambda: evaluate_runs("nowhere.txt", ["a.run"], "AP"), "nowhere.txt"),
    (lambda: evaluate_runs(LABELS, ["a.run"], "AP"), "qrels: expected"),  # type: ignore[arg-type]
    (lambda: evaluate_runs("q.txt", {"a": {"q1": {"d1": 1.0}}}, "AP"), "expected a path"),  # type: ignore[dict-item]
    (lambda: evaluate_runs("q.txt", [], "AP"), "no run files"),
    (lambda: evaluate_runs("q.txt", None, "AP"), "run"),  # type: ignore[arg-type]
    (lambda: evaluate_runs("q.txt", ["a.run"], []), "no measures"),
    (lambda: evaluate_runs("q.txt", ["a.run"], "AP", min_rel="2"), "min_rel"),  # type: ignore[arg-type]
    (lambda: read_run("nowhere.run"), "nowhere.run"),
    (lambda: read_run(3), "expected a path, got 3"),  # type: ignore[arg-type]
    (lambda: write_run(make_ranking(), "/nowhere/at/all/w.run"), "/nowhere/at/all/w.run"),
    (lambda: write_run({"q": {"a": 1.0}}, "w.run"), "Ranking"),  # type: ignore[arg-type]
    # results
    (lambda: run_experiment().ranking("b"), "did you mean 'B'?"),
    (lambda: run_experiment().per_query("X"), "there is no system 'X'"),
    (lambda: run_experiment().save("/dev/null/x"), "/dev/null"),
    (lambda: run_experiment().save(None), "expected a path, got None"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), MISTAKES, ids=[str(number) for number in range(len(MISTAKES))])
def test_mistakes_of_python_callers(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(nirank.errors.NirankError) as error:
        call()
    assert words in str(error.value)
    assert error.value.exit_code == 2, f"told as nirank's fault: {error.value!r}"


def test_measures_are_names_or_objects() -> None:
    for value in (
        "AP",
        ["AP"],
        ("AP",),
        ir_measures.AP,
        [ir_measures.AP],
        np.array(["AP"]),
        pd.Series(["AP"]),
        (name for name in ["AP"]),
        {"AP": None}.keys(),
    ):
        assert make_experiment(measures=value).measures == ("AP",)
        measures_again = (
            (name for name in ["AP"]) if not hasattr(value, "__len__") and not isinstance(value, str) else value
        )
        if not isinstance(measures_again, str) and measures_again is value:
            assert evaluate(make_ranking(), _make_qrels_over(make_qrels()), value).means.keys() == {"AP"}
    assert make_experiment(measures=[ir_measures.nDCG @ 10, ir_measures.P(rel=2) @ 5]).measures == (
        "nDCG@10",
        "P(rel=2)@5",
    )


def _make_qrels_over(qrels: Qrels) -> Qrels:
    """Judgements over the ranking's tables."""
    tables = make_ranking()
    return Qrels.from_dict({"q1": {"d1": 1}, "q2": {"d3": 1}}, tables.queries, tables.docs)


def test_names_and_ids_that_are_numbers_become_text() -> None:
    collection = Collection.of({1: "green tea", np.int64(2): "coffee"}, {7: "tea"}, {7: {1: 1}})
    assert (list(collection.docs.ids), list(collection.queries.ids)) == (["1", "2"], ["7"])
    assert list(make_experiment(systems={1: BM25(), 2.5: BM25(k1=1)}).systems) == ["1", "2.5"]
    ranking = Ranking.from_dict({1: {2: 1.0, np.int64(3): np.float32(0.5)}})  # type: ignore[dict-item]
    assert ranking.to_dict() == {"1": {"2": 1.0, "3": 0.5}}
    table = pd.DataFrame({"query_id": [1, 1], "doc_id": [2, 3], "score": [1, 2]})
    assert Ranking.from_pandas(table).to_dict() == {"1": {"3": 2.0, "2": 1.0}}


def test_a_title_that_is_zero_is_a_title() -> None:
    collection = Collection.of({"d": {"title": 0, "text": "x"}, "e": {"text": 0}}, {"q": "0"}, {"q": {"d": 1}})
    assert [collection.docs[row]["title"] for row in range(2)] == ["0", ""]
    assert collection.docs[1]["text"] == "0"


@pytest.mark.parametrize("label", [1, 1.0, True, np.int32(1), np.float64(1.0), np.int64(1), np.bool_(True), "1"])
def test_whole_labels_of_any_sort_are_labels(label: Any) -> None:
    if not isinstance(label, str):
        assert Collection.of(DOCS, QUERIES, {"q1": {"d1": label}}).qrels["qrels"].grades.tolist() == [1]
    assert Qrels.from_dict({"q1": {"d1": label}}).grades.tolist() == [1]


def test_options_of_other_sorts_are_what_they_mean() -> None:
    assert BM25(k1="0.9", k=np.int64(5)) == BM25(k1=0.9, k=5)  # type: ignore[arg-type]
    assert BM25(k1=np.float32(0.5)) == BM25(k1=0.5)
    assert BM25(fields={"title": 2}).fields == {"title": 2}
    assert RunFile(Path("a.run")) == RunFile("a.run")  # type: ignore[arg-type]
    assert Only(["a", "b"]) == Only(("a", "b"))  # type: ignore[arg-type]
    assert Only(np.array(["a"])) == Only(("a",))  # type: ignore[arg-type]
    assert Only({"b", "a"}) == Only(("a", "b"))  # type: ignore[arg-type]
    assert Only(pd.Series(["a"])) == Only(("a",))  # type: ignore[arg-type]
    assert Only(pa.array(["a"])) == Only(("a",))  # type: ignore[arg-type]
    assert BM25() % np.int64(3) == BM25() % 3
    assert np.float64(0.5) * BM25() + BM25() == 0.5 * BM25() + BM25()
    assert Recipe(epochs="2").epochs == 2  # type: ignore[arg-type]


def test_seeds_and_folds_of_any_sort() -> None:
    for seeds in (1, [1], (1,), range(1, 2), np.array([1]), (seed for seed in [1]), {1}, np.int64(1)):
        assert make_experiment(seeds=seeds).seeds == (1,)
    assert make_experiment(folds=np.int64(2)).folds == Folds(2)


def test_a_store_may_be_a_folder(tmp_path: Path) -> None:
    for store in (tmp_path / "a", str(tmp_path / "b")):
        make_experiment(store=store).run(Reporter())
        assert Path(store).is_dir()
