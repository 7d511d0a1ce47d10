"""What rows say about collections: twins, holes, ceilings, dates, groups."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.collections.collection import Collection
from nirank.errors import DataError
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.experiment.result import Result
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.report import format_text
from nirank.results.row import QueryCounts, Row
from nirank.results.summaries import summarise_groups
from nirank.stages.bm25 import BM25
from nirank.stages.rrf import rrf
from nirank.stages.run import RunFile
from nirank.store import LocalStore


def evaluate_lists(tmp_path: Path, collection: Collection, *measures: str, **runs: dict[str, list[str]]) -> Result:
    """Evaluate given lists on a collection."""
    systems = {}
    for name, lists in runs.items():
        lines = [
            f"{query} Q0 {doc} {at} {100 - at} x" for query, docs in lists.items() for at, doc in enumerate(docs, 1)
        ]
        (tmp_path / f"{name}.run").write_text("\n".join(lines) + "\n")
        systems[name] = RunFile(str(tmp_path / f"{name}.run"))
    return Experiment(collection, systems, list(measures), store=LocalStore(tmp_path / "store")).run()


def test_trap_15_the_twin_column(tmp_path: Path) -> None:
    collection = Collection.of({"a": "red wine", "a2": "Red wine", "b": "tea"}, {"q": "x"}, {"q": {"a": 1}})
    result = evaluate_lists(tmp_path, collection, "nDCG@10", "RR", A={"q": ["a2", "a"]})
    (row,) = result.rows
    assert row.measures["nDCG@10"] == pytest.approx(0.6309, abs=1e-4)
    assert row.twins == {"nDCG@10": 1.0, "RR": 1.0}
    assert "equal texts share labels" in str(result.table(details=True))
    note = "if they shared the best, RR of A would be 1.0000, not 0.5000"
    assert note in " ".join(str(result.table()).split()), "the greatest change is said unasked"
    result.save(tmp_path / "out")
    assert (
        "nDCG@10 (equal texts share labels),RR (equal texts share labels)"
        in (tmp_path / "out" / "leaderboard.csv").read_text()
    )
    plain = Collection.of({"a": "red wine", "b": "tea"}, {"q": "x"}, {"q": {"a": 1}})
    second = evaluate_lists(tmp_path, plain, "nDCG@10", A={"q": ["a"]})
    assert second.rows[0].twins == {}
    assert "equal texts" not in str(second.table())


def test_trap_11_judged_shares_and_the_flag(tmp_path: Path) -> None:
    docs = dict.fromkeys("abcd", "x")
    collection = Collection.of(docs, {"q1": "x", "q2": "y"}, {"q1": {"a": 1}, "q2": {"b": 1, "d": 0}})
    lists: dict[str, Any] = {"A": {"q1": ["b", "a"], "q2": ["b"]}, "B": {"q1": ["c", "d"], "q2": ["b"]}}
    result = evaluate_lists(tmp_path, collection, "nDCG@2", **lists)
    assert [row.judged_at for row in result.rows] == [{"2": 0.75}, {"2": 0.5}]
    assert "of the first 2 results, 75% are judged for A and 50% for B" in str(result.table())
    identical = evaluate_lists(tmp_path, collection, "nDCG@2", A=lists["A"], B=lists["A"])
    assert "Unjudged documents" not in str(identical.table())


def test_trap_16_the_ceiling_stands_below_the_table(tmp_path: Path) -> None:
    collection = Collection.of({"a": "x", "b": "y"}, {"q": "x"}, {"q": {"a": 1, "NOPE": 1}}, check=False)
    result = evaluate_lists(tmp_path, collection, "R@10", "RR", A={"q": ["a"]})
    assert result.rows[0].measures["R@10"] == result.rows[0].ceilings["R@10"] == 0.5
    assert "no ranking exceeds R@10 0.5000." in str(result.table())


def test_trap_50_later_documents_are_counted(tmp_path: Path) -> None:
    docs = {
        "old": {"text": "red wine", "metadata": {"date": "2014"}},
        "new": {"text": "red wine", "metadata": {"date": "2019-05"}},
        "none": {"text": "red wine"},
    }
    queries = {"q": {"text": "red wine", "metadata": {"date": "2015-01-01"}}}
    store = LocalStore(tmp_path / "store")

    def run(**options: Any) -> Result:
        collection = Collection.of(docs, queries, {"q": {"old": 1}}, **options)
        return Experiment(collection, {"BM25": BM25()}, ["nDCG@10"], store=store).run()

    free, strict = run(), run(time="as_of_query")
    assert sorted(free.ranking("BM25").to_dict()["q"]) == ["new", "none", "old"]
    assert free.rows[0].counts["later_in_top10"] == 1
    assert sorted(strict.ranking("BM25").to_dict()["q"]) == ["none", "old"]
    assert "later_in_top10" not in strict.rows[0].counts
    assert strict.rows[0].conventions.time == "as_of_query"
    assert free.rows[0].address != strict.rows[0].address


def test_trap_18_groups_are_macro_averaged() -> None:
    def make_row(name: str, value: float | None, queries: int, system: str = "A") -> Row:
        counts = QueryCounts(judged=queries)
        return Row(name, system, qrels="qrels", depth=1000, measures={"nDCG@10": value}, queries=counts)

    groups: dict[tuple[str, str | None], str | None] = {("a", None): "cqa", ("b", None): "cqa", ("c", None): None}
    (summary,) = summarise_groups([make_row("a", 0.9, 10), make_row("b", 0.3, 1000), make_row("c", 0.1, 5)], groups)
    assert (summary.collection, summary.summary_of) == ("cqa", ("a", "b"))
    assert summary.measures["nDCG@10"] == pytest.approx(0.6)
    assert summary.pooled_means["nDCG@10"] == pytest.approx(0.3059, abs=1e-4)
    (partial,) = summarise_groups([make_row("a", 0.9, 10), make_row("b", None, 1000)], groups)
    assert partial.measures["nDCG@10"] is None
    assert "only 1/2 collections" in partial.nulls["nDCG@10"]


def test_trap_46_means_and_ranks_are_over_complete_rows() -> None:
    def make_row(system: str, name: str, value: float | None, measure: str = "AP") -> dict[str, Any]:
        return Row(
            collection=name, qrels="qrels", system=system, measures={measure: value}, queries=QueryCounts(judged=5)
        )

    groups: dict[tuple[str, str | None], str | None] = {(name, None): "all" for name in "abc"}
    values = {"partial": (0.9, None, 0.8), "best": (0.5, 0.5, 0.1), "twin": (0.5, 0.2, 0.3)}
    rows = [
        make_row(system, name, value)
        for system, values_of_system in values.items()
        for name, value in zip("abc", values_of_system, strict=True)
    ]
    partial, best, twin = summarise_groups(rows, groups)
    assert (partial.measures["AP"], partial.average_rank) == (None, {})
    assert partial.nulls["AP"] == "only 2/3 collections of the group have it"
    assert best.average_rank["AP"] == pytest.approx((1.5 + 1 + 2) / 3)
    assert twin.average_rank["AP"] == pytest.approx((1.5 + 2 + 1) / 3)
    lower = summarise_groups(
        [
            make_row(system, name, value, "last_rel")
            for system, value in (("late", 9.0), ("early", 2.0))
            for name in "ab"
        ],
        {(name, None): "all" for name in "ab"},
    )
    assert [summary.average_rank["last_rel"] for summary in lower] == [2, 1]
    text = format_text([*rows, partial, best, twin], ["AP"])
    assert "AP (average rank)" in text
    assert "1.50" in text


def test_a_group_has_every_declared_collection_or_says_how_many() -> None:
    def make_row(name: str, qrels: str, value: float) -> Row:
        return Row(collection=name, qrels=qrels, system="A", measures={"AP": value}, queries=QueryCounts(judged=5))

    groups: dict[tuple[str, str | None], str | None] = {("a", None): "both", ("b", None): "both"}
    (together,) = summarise_groups([make_row("a", "abstract", 0.2), make_row("b", "qrels", 0.4)], groups)
    assert (together.measures["AP"], together.summary_of) == (pytest.approx(0.3), ("a", "b"))
    assert together.qrels is None
    rows = summarise_groups(
        [make_row("a", "abstract", 0.2), make_row("a", "content", 0.1), make_row("b", "abstract", 0.4)], groups
    )
    assert [row.qrels for row in rows] == ["abstract", "content"]
    assert rows[0].measures["AP"] == pytest.approx(0.3)
    assert rows[1].measures["AP"] is None
    assert rows[1].nulls["AP"] == "only 1/2 collections of the group have it"
    assert (rows[1].pooled_means, rows[1].average_rank) == ({}, {})


def test_pooled_means_weigh_the_queries_that_a_measure_has() -> None:
    def row(name: str, value: float, judged: int, left_out: int) -> dict[str, Any]:
        return Row(
            collection=name, qrels="qrels", system="A", measures={"WSS@95": value, "AP": value},
            queries=QueryCounts(judged=judged, left_out=left_out),
        )  # fmt: skip

    groups: dict[tuple[str, str | None], str | None] = {("a", None): "all", ("b", None): "all"}
    (summary,) = summarise_groups([row("a", 0.2, 10, 8), row("b", 0.8, 10, 0)], groups)
    assert summary.pooled_means["WSS@95"] == pytest.approx((0.2 * 2 + 0.8 * 10) / 12)
    assert summary.pooled_means["AP"] == pytest.approx(0.5)


def test_a_fusion_says_how_deep_its_lists_are_certain_and_how_far_they_go(tmp_path: Path) -> None:
    docs = {f"d{at:02}": "red" for at in range(30)}
    collection = Collection.of(docs, {"q": "red"}, {"q": {"d01": 1, "d15": 1}})
    lists = {"A": [f"d{at:02}" for at in range(10)], "B": [f"d{at:02}" for at in range(10, 20)]}
    result = evaluate_lists(
        tmp_path, collection, "AP", **{name: {"q": ranked_docs} for name, ranked_docs in lists.items()}
    )
    assert [(row.depth, row.longest_list) for row in result.rows] == [(10, 10), (10, 10)]
    fused = rrf(*(RunFile(str(tmp_path / f"{name}.run")) for name in lists))
    result = Experiment(collection, {"Fused": fused}, ["AP", "R@15"], store=LocalStore(tmp_path / "store")).run()
    (row,) = result.rows
    assert (row.depth, row.longest_list) == (10, 20)
    assert row.nulls["R@15"] == "R@15 reaches deeper than the ranking, which is certain to 10 only"
    assert "10 of 20" in str(result.table())


def test_scores_that_32_bit_tools_would_tie_are_counted_within_queries(tmp_path: Path) -> None:
    docs = Ids.of(["a", "b"])
    queries = Ids.of(["p", "q"])
    near = 1.0 + 1e-12
    across = Ranking.from_dict({"p": {"a": 2.0, "b": near}, "q": {"a": 1.0, "b": 0.5}}, queries, docs)
    within = Ranking.from_dict({"p": {"a": near, "b": 1.0}, "q": {"a": near, "b": 1.0}}, queries, docs)
    equal = Ranking.from_dict({"p": {"a": 1.0, "b": 1.0}}, queries, docs)
    assert (across.count_float32_ties(), within.count_float32_ties(), equal.count_float32_ties()) == (0, 2, 0)
    collection = Collection.of({"a": "x", "b": "x"}, {"p": "x"}, {"p": {"a": 1}})
    (tmp_path / "A.run").write_text("p Q0 a 1 1.000000000001 x\np Q0 b 2 1.0 x\n")
    system = {"A": RunFile(str(tmp_path / "A.run"))}
    result = Experiment(collection, system, ["AP"], store=LocalStore(tmp_path / "store")).run()
    assert result.rows[0].counts["tied_in_32_bits"] == 1
    assert re.search(r"^system +tied in 32 bits$\n-+\nA +1$", str(result.table(details=True)), re.MULTILINE)


def test_trap_15_twins_that_a_query_may_not_be_given_share_nothing(tmp_path: Path) -> None:
    docs = {"q1": "red wine", "a2": "red wine", "b": "blue"}
    collection = Collection.of(docs, {"q1": "wine"}, {"q1": {"a2": 1}}, self_match="id")
    assert evaluate_lists(tmp_path, collection, "AP", A={"q1": ["a2", "b"]}).rows[0].twins["AP"] == 1
    seeds = Collection.of(docs, {"q": "wine"}, {"q": {"q1": 1, "b": 1}}, known={"q": ["a2"]})
    assert evaluate_lists(tmp_path, seeds, "AP", B={"q": ["q1", "b"]}).rows[0].twins["AP"] == 1


def test_groups_and_baselines_that_failed_say_so(tmp_path: Path) -> None:
    from dataclasses import replace

    from nirank.evaluation.comparisons import Significance
    from nirank.stages.apply import apply

    def broken(queries: list[str], docs: list[str]) -> list[float]:
        raise ValueError("it broke")

    parts = [replace(Collection.of({"a": "red"}, {"q": "red"}, {"q": {"a": 1}}, name=name), group="g") for name in "xy"]
    systems = {"fine": BM25(), "boom": BM25() >> apply(broken, name="broken", version=1)}
    result = Experiment(
        parts, systems, ["AP"], store=LocalStore(tmp_path), significance=Significance(baseline="boom")
    ).run()
    good_row, failed_row = result.rows[-2:]
    assert (good_row.status, failed_row.status, failed_row.error) == ("ok", "failed", "failed on 2 of 2 collections")
    assert "boom failed" in str(result.table())
    assert result.rows[0].conventions.comparisons.endswith("the baseline boom has no values here")


def test_trap_50_documents_known_before_are_taken_out_of_results_and_judgements(tmp_path: Path) -> None:
    docs = {f"d{i}": "red wine " * (i + 1) for i in range(6)}
    judged = {"q": {"d0": 1, "d1": 1, "d2": 0}, "r": {"d3": 1}}
    collection = Collection.of(docs, {"q": "wine", "r": "wine"}, judged, known={"q": ["d1", "d2", "d5"]})
    result = Experiment(
        collection, {"BM25": BM25(), "two": BM25(k=2)}, ["R@10", "last_rel"], store=LocalStore(tmp_path)
    ).run()
    summary = result.ranking("BM25").to_dict()
    assert sorted(summary["q"]) == ["d0", "d3", "d4"]
    assert len(summary["r"]) == 6
    assert len(result.ranking("two").to_dict()["q"]) == 2, "inside retrieval, so that k results remain"
    assert result.rows[0].measures["R@10"] == 1
    assert len(collection.qrels["qrels"]) == 2
    assert (
        result.rows[0].conventions.collection["known"]
        == "3 pairs taken out of results and judgements, 2 of them judged"
    )
    unrestricted = Experiment(
        Collection.of(docs, {"q": "wine", "r": "wine"}, judged), {"BM25": BM25()}, ["R@10"], store=LocalStore(tmp_path)
    )
    assert unrestricted.run().rows[0].address != result.rows[0].address
    assert collection.take(np.array([1])).known is not None


def test_trap_50_known_documents_come_from_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(f'{{"_id": "d{i}", "text": "red wine"}}\n' for i in range(4)))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "wine"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td0\t1\nq\td1\t1\n")
    store = LocalStore(tmp_path / "store")
    for name, text in (
        ("pairs", "q\td0\n"),
        ("judgements", "q 0 d0 1\nq 0 gone 1\n"),
        ("header", "query-id\tcorpus-id\nq\td0\n"),
    ):
        (tmp_path / name).write_text(text)
        collection = load(folder, known=tmp_path / name, store=store)
        assert collection.known is not None
        assert collection.known.to_dict() == {"q": ["d0"]}
        assert [judgement.doc_id for judgement in collection.qrels["qrels"].list_judgements()] == ["d1"]
    assert collection.origin["conventions"]["known"] == "1 pairs taken out of results and judgements, 1 of them judged"
    (tmp_path / "gone").write_text("q 0 d1 1\nq 0 lost 1\n")
    (folder / "qrels" / "test.tsv").write_text("q\td0\t1\nq\tlost\t1\n")
    strict = load(folder, known=tmp_path / "gone", store=store, max_dangling=1.0)
    assert len(strict.qrels["qrels"]) == 1, "a judgement of an absent document goes too"
    (tmp_path / "strange").write_text("x\ty\n")
    with pytest.raises(DataError, match="none of its 1 pairs is of this collection"):
        load(folder, known=tmp_path / "strange", store=store)


def test_a_group_in_an_experiment(tmp_path: Path) -> None:
    from dataclasses import replace

    parts = [
        Collection.of({"a": "red", "b": "tea"}, {"q": word}, {"q": {"a": 1}}, name=word) for word in ("red", "tea")
    ]
    grouped = [replace(collection, group="both") for collection in parts]
    result = Experiment(grouped, {"BM25": BM25()}, ["RR"], store=LocalStore(tmp_path)).run()
    assert [(row.collection, row.measures["RR"]) for row in result.rows] == [
        ("red", 1),
        ("tea", 0),
        ("both", 0.5),
    ]
    result.save(tmp_path / "out")
    assert "## both" in (tmp_path / "out" / "leaderboard.md").read_text()


def test_trap_29_the_ledger_says_what_a_perfect_reranker_could_reach(tmp_path: Path) -> None:
    from nirank.stages.apply import apply
    from nirank.stages.cut import Cut

    docs = {"a": "red", "b": "red wine", "c": "red wine wine", "z": "tea"}
    collection = Collection.of(docs, {"q": "wine red"}, {"q": {"a": 1, "z": 1}}, check=False)

    def perfect(queries: list[str], texts: list[str]) -> list[float]:
        return [float(text in ("red", "tea")) for text in texts]

    rerank = apply(perfect, name="perfect", version=1)
    systems = {"whole": BM25() >> rerank, "cut": BM25() >> Cut(2) >> rerank, "plain": BM25()}
    result = Experiment(collection, systems, ["nDCG@10", "R@10"], store=LocalStore(tmp_path)).run()
    rows = {row.system: row for row in result.rows}
    assert rows["whole"].status == "ok", rows["whole"].error
    pool, head, last = rows["whole"].stages
    assert (pool.relevant, pool.total, pool.recall) == (1, 2, 0.5)
    assert pool.best["nDCG@10"] == pytest.approx(0.6131, abs=1e-4)
    assert rows["whole"].measures["nDCG@10"] == pytest.approx(pool.best["nDCG@10"])
    assert head.stage.startswith("first 100 for ") and last.recall == 0.5
    assert [stage.relevant for stage in rows["cut"].stages] == [1, 0, 0, 0], "the cut lost it"
    assert len(rows["plain"].stages) == 1
    text = str(result.table(details=True))
    assert "Recall after each stage" in text and "Recall after each stage" in str(result.table()), "it is short"
    (line,) = [line for line in text.splitlines() if line.startswith("BM25()") and " of " in line]
    assert line.split()[1:4] == ["whole,", "cut,", "plain"], "a list that systems share has one line"
