"""Experiments from Python: rows that say what they are, results that can be asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))
from toys import CALLS, Lookup, Shared, make_fruits

from nirank.algebra.context import Context
from nirank.algebra.stage import Scorer, stage
from nirank.collections.collection import Collection
from nirank.collections.text_view import TextView
from nirank.errors import ConfigError, StoreError
from nirank.experiment.experiment import Experiment
from nirank.flow.pairs import Pairs
from nirank.report import read_report
from nirank.report.plain import to_plain
from nirank.store import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_a_row_says_what_it_is(store: LocalStore) -> None:
    result = Experiment(make_fruits(), {"Shared": Shared()}, ["nDCG@10", "RR@10", "R@1"], store=store).run()
    (row,) = result.rows
    assert row.collection == "fruits"
    assert row.status == "ok"
    assert row.queries.declared == 3
    assert row.queries.judged == 3
    assert row.queries.answered == 2
    assert row.measures["RR@10"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert row.pipeline == "Shared()"
    assert row.unit == "query"
    assert row.cost.measured == "now"
    assert row.counts["short_lists"] == 3
    assert row.conventions.ties and row.conventions.self_match == "keep"


def test_a_second_run_computes_nothing_and_equals_the_first(store: LocalStore) -> None:
    systems = {"A": Shared(), "B": Shared() >> Lookup({"a": 1.0})}
    first = Experiment(make_fruits(), systems, ["nDCG@10"], store=store).run()
    CALLS.clear()
    second = Experiment(make_fruits(), systems, ["nDCG@10"], store=store).run()
    assert CALLS == []
    assert second.computed == []
    assert [row.measures for row in second.rows] == [row.measures for row in first.rows]
    assert all(row.cost.measured == "stored" for row in second.rows)


def test_trap_39_the_same_name_with_other_parameters_is_another_result(store: LocalStore) -> None:
    rows = []
    for table in ({"a": 9.0}, {"b": 9.0}):
        result = Experiment(make_fruits(), {"Same": Shared() >> Lookup(table)}, ["RR"], store=store).run()
        rows += result.rows
    fresh = Experiment(
        make_fruits(), {"Same": Shared() >> Lookup({"b": 9.0})}, ["RR"], store=LocalStore(store.root.parent / "fresh")
    ).run()
    assert rows[0].address != rows[1].address
    assert rows[0].measures != rows[1].measures
    assert rows[1].measures == fresh.rows[0].measures


@stage
class Failing(Scorer):
    """Fail."""

    name = "failing"

    def score(self, pairs: Pairs, ctx: Context) -> np.ndarray:
        raise RuntimeError("the model ate the documents")


def test_one_failing_system_leaves_the_others_alone(store: LocalStore) -> None:
    systems = {"Bad": Shared() >> Failing(), "Good": Shared(), "Above": Shared() >> Failing() >> Lookup({})}
    result = Experiment(make_fruits(), systems, ["RR"], store=store).run()
    assert [row.status for row in result.rows] == ["failed", "ok", "failed"]
    assert "the model ate the documents" in result.rows[0].error
    assert result.rows[0].measures == {"RR": None}
    assert result.failed
    with pytest.raises(ConfigError, match="has no ranking"):
        result.ranking("Bad")


def test_several_collections_and_measures_of_their_own(store: LocalStore) -> None:
    import dataclasses

    second_collection = dataclasses.replace(make_fruits(), name="other", measures=("P@1",))
    result = Experiment([make_fruits(), second_collection], {"S": Shared()}, ["RR"], store=store).run()
    assert [list(row.measures) for row in result.rows] == [["RR"], ["P@1"]]
    with pytest.raises(ConfigError, match="2 collections"):
        result.ranking("S")
    assert result.ranking("S", "other") == result.ranking("S", "fruits")


def test_a_collection_without_judgements_is_ranked_and_not_measured(store: LocalStore) -> None:
    unjudged = Collection.of({"a": "red"}, {"q": "red"})
    result = Experiment(unjudged, {"S": Shared()}, ["RR"], store=store).run()
    assert result.rows[0].measures == {"RR": None}
    assert "no judgements" in result.rows[0].nulls["RR"]
    assert len(result.ranking("S")) == 1
    assert not result.failed


def test_all_mistakes_are_told_at_once(store: LocalStore) -> None:
    with pytest.raises(ConfigError) as error:
        Experiment(make_fruits(), {"A": Lookup({}), "B": Shared() | Shared()}, ["nDGC@10", "RR"], store=store)  # type: ignore[arg-type]
    text = str(error.value)
    for word in ("'A'", "needs a list in front", "'B'", "unranked", "nDGC", "nDCG"):
        assert word in text
    with pytest.raises(ConfigError, match="at least one measure"):
        Experiment(make_fruits(), {"A": Shared()}, [], store=store)
    with pytest.raises(ConfigError, match="called 'fruits'"):
        Experiment([make_fruits(), make_fruits()], {"A": Shared()}, ["RR"], store=store)


def test_trap_17_the_own_document_is_taken_out_inside_retrieval(store: LocalStore) -> None:
    collection = Collection.of({"q1": "x x x", "a": "x"}, {"q1": "x"}, {"q1": {"a": 1}}, self_match="id")
    for _ in range(2):
        result = Experiment(collection, {"S": Shared(k=1)}, ["RR@1"], store=store).run()
        assert result.ranking("S").to_dict() == {"q1": {"a": 1.0}}
        assert result.rows[0].measures["RR@1"] == 1.0
    unscoped = Collection.of({"q1": "x x x", "a": "x"}, {"q1": "x"}, {"q1": {"a": 1}})
    assert Experiment(unscoped, {"S": Shared(k=1)}, ["RR@1"], store=store).run().rows[0].measures["RR@1"] == 0.0


def test_candidates_are_never_left(store: LocalStore) -> None:
    collection = make_fruits(candidates={"q1": ["a", "c"], "q2": ["d"]})
    ranking = Experiment(collection, {"S": Shared()}, ["RR"], store=store).run().ranking("S")
    assert Pairs.to_dict(ranking) == {"q1": ["a"], "q2": ["d"], "q3": []}


def test_a_result_can_be_asked(store: LocalStore) -> None:
    result = Experiment(make_fruits(), {"S": Shared(), "T": Shared() % 1}, ["RR", "R@5"], store=store).run()
    frame = result.per_query("S")
    assert set(frame.columns) == {"collection", "split", "qrels", "system", "query_id", "measure", "value"}
    means = frame.groupby("measure")["value"].mean().to_dict()
    assert means == pytest.approx(result.rows[0].measures)
    assert len(result.per_query()) > len(frame)
    assert "fruits" in str(result.table())
    assert "<table" in result._repr_html_()
    with pytest.raises(ConfigError, match="no system 'U'"):
        result.per_query("U")


def test_a_saved_result_is_complete_and_names_are_stable(store: LocalStore, tmp_path: Path) -> None:
    result = Experiment(make_fruits(), {"My system": Shared()}, ["RR"], store=store).run()
    result.save(tmp_path / "out")
    names = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert names == [
        "details/fruits-qrels/lists-0000.js",
        "details/fruits-qrels/queries.json",
        "details/fruits-qrels/texts-0000.js",
        "leaderboard.csv",
        "leaderboard.json",
        "leaderboard.md",
        "leaderboard.tex",
        "manifest.json",
        "per_query.parquet",
        "report.html",
        "runs/fruits/My_system.run.gz",
    ]
    saved = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert saved["version"] == 2
    assert set(saved["rows"][0]) >= {
        "collection", "split", "qrels", "unit", "system", "seed", "summary_of", "status", "depth", "queries",
        "measures", "cost", "conventions",
    }  # fmt: skip
    assert saved["rows"][0]["measures"] == result.rows[0].measures


def test_a_saved_result_is_read_back_as_its_report(store: LocalStore, tmp_path: Path) -> None:
    result = Experiment(make_fruits(), {"S": Shared(), "T": Shared() % 1}, ["RR", "R@5"], store=store).run()
    result.save(tmp_path)
    report, saved = result.report(), read_report(tmp_path)
    assert list(saved.rows) == report.rows
    assert saved.comparisons == to_plain(report.comparisons)
    assert saved.measures == ("RR", "R@5")
    (query_set,) = saved.query_sets
    frame = pd.read_parquet(tmp_path / "per_query.parquet")
    expected = result.per_query().astype(frame.dtypes.to_dict())
    pd.testing.assert_frame_equal(frame, expected, check_categorical=False)
    for system, values in query_set.values.items():
        for measure, column in values.items():
            chosen = frame[(frame["system"] == system) & (frame["measure"] == measure)]
            assert (list(chosen["query_id"]), list(chosen["value"])) == (list(query_set.ids), column.tolist())
    assert query_set.texts == tuple(make_fruits().queries.read(TextView("text")))
    assert query_set.relevant == tuple(make_fruits().qrels["qrels"].count_relevant().tolist())
    plan = {node["id"]: node for node in saved.manifest["plan"]}
    target = plan[report.rows[0].address]
    assert target["systems"] == ["S", "T"] and not target["found"] and target["seconds"] > 0 and target["bytes"] > 0
    assert {plan[id]["kind"] for _, id in target["inputs"]} >= {"texts"}, "given data is among the nodes"
    again = Experiment(make_fruits(), {"S": Shared()}, ["RR"], store=store).run().report().manifest["plan"]
    assert [node["found"] for node in again] == [True] * len(again)
    assert saved.manifest["drawings"]["S"]


def test_a_sample_of_queries_is_chosen_by_hash_of_id() -> None:
    collection = make_fruits()
    assert list(collection.sample(2).queries.ids) == list(collection.sample(2).queries.ids)
    assert set(collection.sample(1).queries.ids) < set(collection.sample(2).queries.ids)
    assert len(collection.sample(99).queries) == 3
    assert len(collection.sample(2).qrels["qrels"]) == 2


def test_a_store_without_room_is_said_before_anything_is_computed_and_serves_what_it_holds(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Experiment(make_fruits(), {"A": Shared()}, ["RR"], store=store).run()

    def raise_full() -> None:
        raise StoreError("no room")

    monkeypatch.setattr(store, "require_writable", raise_full)
    assert not Experiment(make_fruits(), {"A": Shared()}, ["RR"], store=store).run().failed
    CALLS.clear()
    with pytest.raises(StoreError, match="no room"):
        Experiment(make_fruits(), {"A": Shared(), "B": Shared() >> Lookup({"a": 1.0})}, ["RR"], store=store).run()
    assert CALLS == []


def test_what_a_stage_may_not_read_fails_its_system_and_not_the_run(store: LocalStore, tmp_path: Path) -> None:
    @stage
    class Locked(Scorer):
        """Read a file that is locked away."""

        name = "locked"

        def score(self, pairs: Pairs, ctx: Context) -> np.ndarray:
            raise PermissionError(13, "Permission denied", str(tmp_path / "data.txt"))

    result = Experiment(make_fruits(), {"A": Shared(), "B": Shared() >> Locked()}, ["RR"], store=store).run()
    assert [row.status for row in result.rows] == ["ok", "failed"]
    assert "Permission denied" in result.rows[1].error and "store" not in result.rows[1].error
