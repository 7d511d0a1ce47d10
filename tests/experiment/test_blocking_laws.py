"""What every way of blocking obeys: more candidates never lose a match, copies find each other, order is nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank import LSH, TFIDF, Dense, Experiment, Hamming, MinHash, SortedNeighbourhood, TokenBlocking, load
from nirank.algebra.pipeline import Pipeline
from nirank.errors import StageError
from nirank.evaluation.evaluate import evaluate
from nirank.experiment.result import Result
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.store import LocalStore

Record = tuple[str, str]  # id and text
LEFT: Sequence[Record] = [("a", "w1 w2 w3"), ("b", "w4 w5 w6"), ("c", "w7 w8 w9"), ("d", "w10 w11"), ("e", "w1 w12")]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi")))


def run(
    folder: Path, left: Sequence[Record], right: Sequence[Record], gold: Sequence[tuple[str, str]], **systems: Pipeline
) -> Result:
    folder.mkdir()
    for side, records in (("left", left), ("right", right)):
        (folder / f"{side}.csv").write_text("id,name\n" + "".join(f"{id},{text}\n" for id, text in records))
    (folder / "complete.csv").write_text(
        "ltable_id,rtable_id\n" + "".join(f"{left_id},{right_id}\n" for left_id, right_id in gold)
    )
    files = {side: folder / f"{side}.csv" for side in ("left", "right")}
    store = LocalStore(folder / "store")
    collection = load(**files, pairs={"complete": folder / "complete.csv"}, store=store)
    return Experiment(collection, systems, ["PC", "CSSR", "candidates"], store=store).run()


def list_pairs(result: Result, system: str) -> set[tuple[str, str]]:
    pairs = result.pairs(system)
    return {(pairs.docs[doc], pairs.queries[query]) for query, doc in zip(pairs.query_rows, pairs.rows, strict=True)}


def test_lists_are_nested_in_k_and_all_records_are_all_pairs(model: str, tmp_path: Path) -> None:
    """Property 01.6.9: with k of all records PC and CSSR are 1, and k candidates a record before."""
    right = [("x", "w4 w6"), ("y", "w20 w21"), ("z", "w2")]
    result = run(
        tmp_path / "t", LEFT, right, [("b", "x"), ("c", "y")], **{f"k{k}": Dense(model, k=k) for k in range(1, 7)}
    )
    pairs_by_k = [list_pairs(result, f"k{k}") for k in range(1, 7)]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(pairs_by_k))
    assert [len(pairs) for pairs in pairs_by_k] == [3 * min(k, 5) for k in range(1, 7)]
    assert (result.rows[4].measures["PC"], result.rows[4].measures["CSSR"]) == (1.0, 1.0)


def make_systems(model: str) -> dict[str, Pipeline]:
    return {
        "tfidf": TFIDF(k=1), "dense": Dense(model, k=1), "minhash": MinHash(n=2), "tokens": TokenBlocking(),
        "neighbours": SortedNeighbourhood(window=3), "lsh": LSH(model, functions=2), "hamming": Hamming(model, radius=0),
    }  # fmt: skip


def test_copies_find_each_other_whatever_the_order_of_rows(model: str, tmp_path: Path) -> None:
    """Property 01.6.10: unique copies have PC 1 at k = 1, and rows in another order give the same pairs."""
    gold = [(id, f"{id}2") for id, _ in LEFT]
    right = [(f"{id}2", text) for id, text in LEFT]
    systems = make_systems(model)
    as_they_are = run(tmp_path / "one", LEFT, right, gold, **systems)
    reordered = run(tmp_path / "two", LEFT[::-1], [*right[2:], *right[:2]], gold, **systems)
    assert {row.system: row.measures["PC"] for row in as_they_are.rows} == dict.fromkeys(systems, 1.0)
    for system in set(systems) - {"neighbours"}:  # a window is cut between equal keys by row
        assert list_pairs(as_they_are, system) == list_pairs(reordered, system), system


@pytest.mark.parametrize("kind", ["tfidf", "dense"])
def test_duplicates_need_as_many_candidates(kind: str, model: str, tmp_path: Path) -> None:
    """Property 01.6.10: of three equal records, k = 2 leaves one out."""
    left = [*LEFT, ("a1", LEFT[0][1]), ("a2", LEFT[0][1])]
    gold = [(id, "x") for id in ("a", "a1", "a2")]
    systems: dict[str, Pipeline] = {f"k{k}": TFIDF(k=k) if kind == "tfidf" else Dense(model, k=k) for k in (1, 2, 3)}
    result = run(tmp_path / "t", left, [("x", LEFT[0][1])], gold, **systems)
    assert [row.measures["PC"] for row in result.rows] == pytest.approx([1 / 3, 2 / 3, 1])


def test_no_candidates_no_matches_and_pairs_given_twice() -> None:
    """Property 01.6.11."""
    sides = Ids.of(["a", "b"]), Ids.of(["c", "d"])
    no_pairs = Pairs.from_ids(*sides, {}, source="a test")
    gold = Qrels.from_dict({"a": {"c": 1}}, *sides)
    assert evaluate(no_pairs, gold, ["PC"]).means == {"PC": 0.0}
    no_matches = evaluate(no_pairs, Qrels.from_dict({"a": {"c": 0}}, *sides), ["PC"])
    assert no_matches.means == {"PC": None}
    assert "no match" in no_matches.nulls["PC"]
    with pytest.raises(StageError):
        Pairs.build(*sides, np.array([0, 0]), np.array([1, 1]), source="a test")
