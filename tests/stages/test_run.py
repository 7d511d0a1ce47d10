"""A run file as a retriever: what is read, where it was cut, and what its identity is."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, NirankError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.run import RunFile, guess_depth, read_run_file

QUERIES = Texts.of({"q1": "", "q2": "", "q3": ""})
DOCS = Texts.of({f"d{i}": "" for i in range(30)})
SIDES = Sides(
    Node.leaf("texts", QUERIES.digest, "q"), Node.leaf("texts", DOCS.digest, "d"), collection="sci fact", split="test"
)


def write_lines(**lists: int) -> str:
    return "".join(f"{query} Q0 d{i} {i + 1} {100 - i} t\n" for query, length in lists.items() for i in range(length))


def search_file(path: Any, scope: Scope | None = None, k: int | None = 1000, **options: Any) -> Ranking:
    """Read the file and search in it, as the plan does."""
    stage = RunFile(str(path), **options)
    (node,) = stage.plan_inputs(SIDES)
    ctx = Context(QUERIES, DOCS)
    ranking = read_run_file(Job(node.params, {"queries": [QUERIES], "docs": [DOCS]}, Path(), ctx, node.stage))
    ctx.inputs = (ranking,)
    return stage.search(QUERIES, scope or Scope(QUERIES.ids, DOCS.ids), k, ctx)


def test_reads_and_cuts(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q1 Q0 d7 1 2.5 t\nq1 Q0 d3 2 2.5 t\nq1 Q0 d1 3 0.25 t\nq3 Q0 d1 1 1 t\n")
    ranking = search_file(tmp_path / "a.run")
    assert ranking.to_dict() == {"q1": {"d7": 2.5, "d3": 2.5, "d1": 0.25}, "q2": {}, "q3": {"d1": 1.0}}
    assert ranking.depth is None and ranking.scores.dtype == np.float64
    assert search_file(tmp_path / "a.run", k=2).to_dict()["q1"] == {"d7": 2.5, "d3": 2.5}
    assert search_file(tmp_path / "a.run", k=2).depth == 2


def test_names_in_the_path_and_gzip(tmp_path: Path) -> None:
    folder = tmp_path / "sci fact"
    folder.mkdir()
    with gzip.open(folder / "test{x}.run.gz", "wt") as file:
        file.write(write_lines(q1=2))
    assert len(search_file(f"{tmp_path}/{{collection}}/{{split}}{{{{x}}}}.run.gz")) == 2


def test_identity_is_the_content(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("a.run", "b.run", "c.run"))
    first.write_text(write_lines(q1=3))
    second.write_text(write_lines(q1=3))
    third.write_text(write_lines(q1=4))
    nodes = [RunFile(str(path)).plan_inputs(SIDES)[0] for path in (first, second, third)]
    assert nodes[0].address == nodes[1].address != nodes[2].address
    assert RunFile(str(first)).describe_identity() == RunFile(str(third)).describe_identity()
    assert RunFile(str(first), order_by="rank").plan_inputs(SIDES)[0].address != nodes[0].address
    first.write_text(write_lines(q1=9))
    job = Job(nodes[0].params, {"queries": [QUERIES], "docs": [DOCS]}, tmp_path, Context(), nodes[0].stage)
    with pytest.raises(DataError, match=r"a\.run: changed since it was read at planning; run again"):
        read_run_file(job)


@pytest.mark.parametrize(
    ("lists", "depth"),
    [
        ({"q1": 10, "q2": 10, "q3": 4}, 10),
        ({"q1": 11, "q2": 11, "q3": 4}, 11),  # piled up
        ({"q1": 11, "q2": 9}, None),
        ({"q1": 20}, 20),  # a round number
        ({"q1": 17}, None),
        ({"q1": 1, "q2": 1, "q3": 1}, None),  # too little to tell
        ({"q1": 30, "q2": 30}, None),  # every document there is
        ({}, None),
    ],
)
def test_trap_09_where_a_file_was_cut(lists: dict[str, int], depth: int | None, tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text(write_lines(**lists))
    ranking = search_file(tmp_path / "a.run", k=None)
    assert ranking.depth == depth == guess_depth(ranking)


def test_scope_is_respected_and_depth_stays_honest(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text(write_lines(q1=20, q2=20, q3=5))
    mask = np.arange(30) % 2 == 0
    ranking = search_file(tmp_path / "a.run", Scope(QUERIES.ids, DOCS.ids, mask=mask))
    assert ranking.counts.tolist() == [10, 10, 3] and ranking.depth == 10  # below, the file says nothing
    own_rows = np.array([3, -1, -1])
    assert search_file(tmp_path / "a.run", Scope(QUERIES.ids, DOCS.ids, own_rows=own_rows)).depth == 19
    candidates = {"q1": ["d1", "d2"], "q2": ["d4"], "q3": ["d29"]}
    pairs = Pairs.from_ids(QUERIES.ids, DOCS.ids, candidates, source="test")
    ranking = search_file(tmp_path / "a.run", Scope(QUERIES.ids, DOCS.ids, pairs=pairs))
    assert ranking.to_dict() == {"q1": {"d1": 99.0, "d2": 98.0}, "q2": {"d4": 96.0}, "q3": {}}
    assert ranking.depth is None  # of the cut lists, every allowed document is there
    candidates["q2"] = ["d4", "d25"]
    pairs = Pairs.from_ids(QUERIES.ids, DOCS.ids, candidates, source="test")
    assert search_file(tmp_path / "a.run", Scope(QUERIES.ids, DOCS.ids, pairs=pairs)).depth == 1


def test_what_was_dropped_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q1 Q0 d1 1 1.0 t\nq1 Q0 d2 2 2.0 t\nq1 Q0 d2 2 2.0 t\nq9 Q0 d2 1 2.0 t\n")
    (node,) = RunFile(str(tmp_path / "a.run")).plan_inputs(SIDES)
    ctx = Context(QUERIES, DOCS)
    read_run_file(Job(node.params, {"queries": [QUERIES], "docs": [DOCS]}, tmp_path, ctx, node.stage))
    assert ctx.counts == {"rank_score_conflicts": 1, "duplicate_run_rows": 1, "queries_not_declared": 1}


def test_some_queries_of_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text(write_lines(q1=3, q3=2))
    stage = RunFile(str(tmp_path / "a.run"))
    (node,) = stage.plan_inputs(SIDES)
    ranking = read_run_file(Job(node.params, {"queries": [QUERIES], "docs": [DOCS]}, tmp_path, Context(), node.stage))
    shard = QUERIES.take(np.array([2, 1]))
    part = stage.search(shard, Scope(shard.ids, DOCS.ids), 5, Context(inputs=(ranking,)))
    assert part.to_dict() == {"q3": {"d0": 100.0, "d1": 99.0}, "q2": {}}


def test_order_by_rank_and_duplicates(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q1 Q0 d1 1 1.0 t\nq1 Q0 d2 2 2.0 t\n")
    assert list(search_file(tmp_path / "a.run").to_dict()["q1"]) == ["d2", "d1"]
    assert list(search_file(tmp_path / "a.run", order_by="rank").to_dict()["q1"]) == ["d1", "d2"]
    (tmp_path / "b.run").write_text("q1 Q0 d1 1 9 t\nq1 Q0 d2 2 5 t\nq1 Q0 d1 3 1 t\n")
    with pytest.raises(NirankError, match=r"b\.run:1 and :3"):
        search_file(tmp_path / "b.run")
    assert list(search_file(tmp_path / "b.run", duplicates="best").to_dict()["q1"]) == ["d1", "d2"]


def test_trap_10_nan_in_a_run_file(tmp_path: Path) -> None:
    (tmp_path / "a.run").write_text("q1 Q0 d1 1 nan t\n")
    with pytest.raises(DataError, match=r"a\.run:1"):
        search_file(tmp_path / "a.run")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.run", "run: gone.run: there is no such file"),
        ("{collection}.run", "run: sci fact.run (from {collection}.run): there is no such file"),
        (".", "run: .: is a folder; expected a file"),
    ],
)
def test_a_missing_file_is_told_when_planned(path: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        RunFile(path).plan_inputs(SIDES)
    assert str(error.value) == message


def test_refusals() -> None:
    with pytest.raises(ConfigError, match=r"got \{colection\}; did you mean 'collection'"):
        RunFile("{colection}.run")
    with pytest.raises(ConfigError, match="unbalanced braces"):
        RunFile("{collection.run")
    with pytest.raises(ConfigError, match="run: path must name a file, got ''"):
        RunFile("")
    with pytest.raises(
        ConfigError, match="order_by: input should be 'score', 'rank' or 'line', got 'scores'; did you mean 'score'"
    ):
        RunFile("a", order_by="scores")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="duplicates: input should be 'refuse', 'best' or 'first', got 'last'"):
        RunFile("a", duplicates="last")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="names the split, and collection 'c' has none"):
        RunFile("{split}.run").plan_inputs(Sides(SIDES.queries, SIDES.docs, collection="c"))


def test_no_queries() -> None:
    no_ranking = Ranking.from_dict({}, Ids.of([]), DOCS.ids)
    assert guess_depth(no_ranking) is None
    ranking = RunFile("a").search(
        QUERIES.take(np.empty(0, int)), Scope(Ids.of([]), DOCS.ids), 5, Context(inputs=(no_ranking,))
    )
    assert len(ranking) == 0


def test_how_many_documents_a_scope_leaves() -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        mask = random.random(30) < 0.5 if random.random() < 0.6 else None
        own_rows = random.integers(-1, 30, 3) if random.random() < 0.6 else None
        q, d = np.nonzero(random.random((3, 30)) < 0.5)
        pairs = Pairs.build(QUERIES.ids, DOCS.ids, q, d, source="test") if random.random() < 0.5 else None
        scope = Scope(QUERIES.ids, DOCS.ids, mask, pairs, own_rows)
        assert scope.count_rows().tolist() == scope.list_pairs().counts.tolist()
