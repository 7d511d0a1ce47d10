"""Tables that both ask: candidates are what either side finds, each pair once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from nirank import (
    LSH,
    TFIDF,
    Collection,
    Dense,
    Experiment,
    MinHash,
    Rules,
    RunFile,
    Same,
    TokenBlocking,
    load,
    rule_function,
    tune,
)
from nirank.algebra.judged import Judged
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.registry import load_stages
from nirank.algebra.stage import Retriever, Stage
from nirank.cli.main import main
from nirank.errors import ConfigError
from nirank.experiment.result import Result
from nirank.store import LocalStore

Names = Sequence[str]
LEFT = ["apple pie", "apple tart", "bread roll", "corn flake", "apple juice"]
RIGHT = ["apple", "rolls of bread", "corn"]
MATCHES = "ltable_id,rtable_id\n0,0\n1,0\n4,0\n2,1\n3,2\n"


def write_tables(folder: Path, left: Names = LEFT, right: Names = RIGHT, matches: str = MATCHES) -> dict[str, Any]:
    """Both tables have the ids 0 to n - 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for side, names in (("left", left), ("right", right)):
        lines = "".join(f'{number},"{name}"\n' for number, name in enumerate(names))
        (folder / f"{side}.csv").write_text("id,name\n" + lines)
    (folder / "complete.csv").write_text(matches)
    files = {side: folder / f"{side}.csv" for side in ("left", "right")}
    return {**files, "pairs": {"complete": folder / "complete.csv"}, "name": "t"}


def list_pairs(result: Result, system: str = "s", ask: str = "both") -> set[tuple[str, str]]:
    """Return the pairs of a system, the left record first."""
    pairs = result.pairs(system)
    pairs_by_id = {
        (pairs.docs[doc], pairs.queries[query]) for query, doc in zip(pairs.query_rows, pairs.rows, strict=True)
    }
    return {(second, first) for first, second in pairs_by_id} if ask == "left" else pairs_by_id


def run(
    tables: dict[str, Any],
    ask: str,
    store: LocalStore,
    measures: Sequence[str] = ("PC", "candidates"),
    **systems: Pipeline,
) -> Result:
    return Experiment(load(**tables, ask=ask, store=store), systems, list(measures), store=store).run()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


texts = st.lists(
    st.lists(st.sampled_from(["red", "reed", "blue", "bluer", "x"]), max_size=3).map(" ".join), min_size=1, max_size=7
)


def find_nearest(scores: np.ndarray, k: int) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return the pairs that are among the k best of a row for certain, and those that can be."""
    certain, possible = set(), set()
    for row, values in enumerate(scores):
        positive = np.sort(values[values > 0])[::-1]
        if not len(positive):
            continue
        least = positive[min(k, len(positive)) - 1]
        certain |= {(row, int(at)) for at in np.flatnonzero(values > (least + 1e-5 if len(positive) > k else 0))}
        possible |= {(row, int(at)) for at in np.flatnonzero((values >= least - 1e-5) & (values > 0))}
    return certain, possible


@settings(max_examples=12, deadline=None)
@given(left=texts, right=texts, k=st.integers(1, 3))
def test_candidates_are_the_nearest_of_each_record_of_either_table(
    left: Names, right: Names, k: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("t")
    docs, queries = ({str(number): {"name": text} for number, text in enumerate(side)} for side in (left, right))
    tables = replace(Collection.of(docs, queries, check=False), unit="pair", both_ask=True)
    result = Experiment(tables, {"s": TFIDF(k=k)}, ["candidates"], store=LocalStore(folder)).run()
    candidates = {(int(doc), int(query)) for doc, query in list_pairs(result)}
    if not any(map(str.strip, [*left, *right])):
        assert not candidates
        return
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit([*left, *right])
    scores = (vectors.transform(left) @ vectors.transform(right).T).toarray()
    certain_of_left, of_left = find_nearest(scores, k)
    certain_of_right, of_right = find_nearest(scores.T, k)
    assert certain_of_left | {(doc, query) for query, doc in certain_of_right} <= candidates
    assert candidates <= of_left | {(doc, query) for query, doc in of_right}
    facts = result.rows[0].pairs
    assert facts is not None
    assert (facts.candidates, facts.records) == (len(candidates), len(left) + len(right))
    assert facts.per_record == pytest.approx(len(candidates) / (len(left) + len(right)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi")))


def make_systems(model: str) -> dict[str, Pipeline]:
    return {
        "tfidf": TFIDF(k=1), "dense": Dense(model) % 2, "minhash": MinHash(threshold=0.2), "tokens": TokenBlocking(),
        "lsh": LSH(model, functions=3, probes=2), "behind": TokenBlocking() >> TFIDF(k=1),
        "hybrid": TFIDF(k=1) | TokenBlocking(), "ruled": TFIDF(k=2) >> Rules({"equal": "name"}),
        "of names": TFIDF(k=1, doc_text="name", query_text="{name} pie"),
    }  # fmt: skip


def test_either_direction_is_what_one_side_alone_finds(model: str, tmp_path: Path, store: LocalStore) -> None:
    """Whatever the stages: asked by both, the pairs are those of `ask: right` and those of `ask: left`."""
    tables = write_tables(tmp_path)
    systems = make_systems(model)
    results = {ask: run(tables, ask, store, **systems) for ask in ("right", "both")}
    systems["of names"] = TFIDF(k=1, query_text="name", doc_text="{name} pie")  # the views are of the tables
    results["left"] = run(tables, "left", store, **systems)
    pairs_by_side = {
        ask: {system: list_pairs(result, system, ask) for system in systems} for ask, result in results.items()
    }
    for system in systems:
        assert pairs_by_side["both"][system] == pairs_by_side["right"][system] | pairs_by_side["left"][system], system
    assert pairs_by_side["both"]["tfidf"] > pairs_by_side["right"]["tfidf"]
    assert all(row.pairs is not None and row.pairs.records == 8 for row in results["both"].rows)
    assert {row.queries.declared for row in results["both"].rows} == {8}


@pytest.mark.parametrize("seed", range(3))
def test_what_calls_itself_symmetric_finds_the_same_whoever_asks(seed: int, tmp_path: Path, store: LocalStore) -> None:
    random = np.random.default_rng(seed)
    left, right = ([" ".join(random.choice(["red", "reed", "blue", "x"], 2)) for _ in range(n)] for n in (12, 9))
    tables = write_tables(tmp_path, left, right)
    stages: list[Stage] = [
        MinHash(threshold=0.2),
        TokenBlocking(),
        TokenBlocking(words="qgrams"),
        Same(("name",)),
    ]
    assert {type(stage) for stage in stages} == {
        kind for kind in load_stages().values() if issubclass(kind, Retriever) and kind.symmetric
    }
    systems: dict[str, Pipeline] = {repr(stage): stage for stage in stages}
    results = {ask: run(tables, ask, store, **systems) for ask in ("right", "left")}
    for system in systems:
        assert list_pairs(results["right"], system) == list_pairs(results["left"], system, "left"), system


def test_gold_that_one_direction_cannot_find(tmp_path: Path, store: LocalStore) -> None:
    """Three left records match one right record: with k = 1 the right table alone finds one of them."""
    tables = write_tables(tmp_path)
    right_row = run(tables, "right", store, s=TFIDF(k=1)).rows[0]
    result = run(tables, "both", store, s=TFIDF(k=1))
    (row,) = result.rows
    assert (right_row.measures["PC"], row.measures["PC"]) == (3 / 5, 1.0)
    assert row.measures["candidates"] == 5 / 8
    assert row.conventions.collection == {"ask": "both", "k": "of each record of either table"}
    assert [(stage.stage, stage.pairs.kept) for stage in row.stages if stage.pairs] == [
        ("TFIDF(k=1)", 3), ("TFIDF(k=1), asked by the other table", 5), ("both tables asking", 5)
    ]  # fmt: skip
    assert not {"queries_without_pair", "documents_without_pair"} & set(row.counts)
    assert len(result.lost("s")) == 0


def test_what_one_side_found_is_not_computed_again(tmp_path: Path, store: LocalStore) -> None:
    tables = write_tables(tmp_path)
    systems: dict[str, Pipeline] = {"s": TFIDF(k=1), "blocks": TokenBlocking(), "behind": TokenBlocking() >> TFIDF(k=1)}
    of_right = run(tables, "right", store, **systems)
    of_both = run(tables, "both", store, **systems)
    assert of_right.rows[1].address == of_both.rows[1].address  # the blocks are the same, whoever asks
    assert "TokenBlocking()" in of_right.computed and "TokenBlocking()" not in of_both.computed
    assert (
        sum(label == "TFIDF(k=1)" for label in of_both.computed) == 2
    )  # the left table's, alone and behind the blocks
    assert not run(tables, "both", store, **systems).computed


def test_rules_are_asked_once_about_each_pair_and_see_the_right_record_first(tmp_path: Path, store: LocalStore) -> None:
    tables = write_tables(tmp_path)
    asked_pairs = []

    def note(first: Any, second: Any) -> bool:
        asked_pairs.append((first["name"], second["name"]))
        return True

    result = run(tables, "both", store, s=TFIDF(k=1) >> rule_function(note, version=1), t=TFIDF(k=1))
    assert sorted(asked_pairs) == sorted({*asked_pairs})
    assert {first for first, _ in asked_pairs} <= set(RIGHT)
    assert result.rows[0].counts["rule_matches"] == len(asked_pairs) == len(list_pairs(result, "t"))


def test_tuning_measures_what_both_find(tmp_path: Path, store: LocalStore) -> None:
    """With k = 1 the right table alone would lose matches of 'valid', and the bound would take k = 3."""
    tables = write_tables(tmp_path)
    (tmp_path / "valid.csv").write_text(MATCHES)
    (tmp_path / "complete.csv").write_text("ltable_id,rtable_id\n4,1\n")
    tables["pairs"] = {"valid": tmp_path / "valid.csv", "complete": tmp_path / "complete.csv"}
    chosen = tune(
        TFIDF(k=1), {"tfidf.k": [1, 3]}, on=Judged(split="valid"), measure="candidates", subject_to="PC >= 0.9"
    )
    result = Experiment(
        load(**tables, split="complete", ask="both", store=store), {"s": chosen}, ["PC"], store=store
    ).run()
    (choice,) = result.rows[0].choices
    assert (choice.pipeline, choice.candidates[0].bounded, choice.candidates[0].value) == ("TFIDF(k=1)", 1.0, 5 / 8)
    sampled = tune(TFIDF(k=1), {"tfidf.k": [1, 3]}, on=Judged(split="valid", sample=1), measure="PC")
    with pytest.raises(ConfigError, match="a system is tuned on all pairs of a split"):
        Experiment(load(**tables, split="complete", ask="both", store=store), {"s": sampled}, ["PC"], store=store).run()


@pytest.mark.parametrize(
    ("system", "options", "message"),
    [
        (
            TFIDF(),
            {},
            "TFIDF() does not say how many candidates a record gets, and both tables of t ask (ask: both): set k",
        ),
        (TFIDF(k=1), {"measures": ["nDCG@10", "PC"]}, "nDCG@10: needs a ranking, and t is asked from both tables"),
        (TFIDF(k=1), {"folds": 2}, "folds split the queries, and both tables of t ask"),
        (RunFile("x.run") % 1, {}, "says which documents a query may have"),
    ],
)
def test_what_has_no_meaning_is_refused(
    system: Pipeline, options: dict[str, Any], message: str, tmp_path: Path, store: LocalStore
) -> None:
    tables = load(**write_tables(tmp_path), ask="both", store=store)
    with pytest.raises(ConfigError) as error:
        Experiment(tables, {"s": system}, store=store, **{"measures": ["PC"], **options})
    assert message in str(error.value)


def test_in_yaml(tmp_path: Path) -> None:
    tables = write_tables(tmp_path)
    collection = {
        key: {name: str(path) for name, path in value.items()} if isinstance(value, dict) else str(value)
        for key, value in tables.items()
    }
    config = {
        "collections": [{**collection, "ask": "both"}],
        "systems": {"s": {"tfidf": {"k": 1}}},
        "measures": ["PC", "candidates"],
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    with pytest.raises(SystemExit) as end:
        main(["run", str(tmp_path / "c.yaml"), "--out", str(tmp_path / "out"), "--set", f"store={tmp_path / 'store'}"])
    assert end.value.code == 0
    (row,) = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"]
    assert (row["measures"], row["pairs"]["records"]) == ({"PC": 1.0, "candidates": 0.625}, 8)
