"""Sums of lists whose weights are learned on held-out queries: the least hinge loss, what it draws, and its row."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import (
    BM25,
    Cut,
    Experiment,
    FirstWords,
    Judged,
    RunFile,
    Windows,
    apply,
    fold,
    learned_sum,
    load,
    rewrite,
    tune,
    weighted_sum,
)
from nirank.algebra.learned_sum import LearnedSum
from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.learned_weights import compare, describe_mixture, measure_hinge, minimise_hinge
from nirank.store import open_store

TRAIN = Judged(split="train")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3))
def test_no_weights_have_a_lower_loss(seed: int, n_lists: int) -> None:
    random = np.random.default_rng(seed)
    margins = random.uniform(-1, 1, (40, n_lists)) + random.uniform(0, 0.5, n_lists)
    weights = minimise_hinge(margins)
    least = measure_hinge(margins, weights)
    assert (weights >= 0).all()
    for _ in range(300):
        near = np.maximum(weights + random.normal(scale=random.choice([0.01, 0.3, 3.0]), size=n_lists), 0)
        assert measure_hinge(margins, near) >= least - 1e-9


def test_weights_by_hand() -> None:
    """The first list is right by 1/2, the second wrong: twice the first has the margin of 1, and no loss."""
    assert minimise_hinge(np.array([[0.5, -1.0], [0.5, 0.0]])).tolist() == [2.0, 0.0]
    assert minimise_hinge(np.array([[-0.5, -1.0]])).tolist() == [0.0, 0.0]


def test_what_is_compared() -> None:
    queries, docs = Ids.of(["q", "r", "s", "t"]), Ids.of(list("abcdef"))
    lists = [
        Ranking.from_dict(
            {"q": {"a": 4.0, "b": 3.0, "c": 2.0, "d": 0.0}, "r": {"a": 1.0}, "s": {"b": 1.0}}, queries, docs
        ),
        Ranking.from_dict({"q": {"e": 10.0, "a": 5.0}, "s": {"c": 1.0}}, queries, docs),
    ]
    judged = {"q": {"a": 2, "e": 1, "b": 0, "f": 1}, "r": {"a": 1}, "s": {"f": 1}, "t": {"b": 1}}
    qrels = Qrels.from_dict(judged, queries, docs)
    compared = compare(lists, qrels, "minmax", negatives=2, depth=3, seed=0)
    # of q, a and e are relevant and listed, b and c are not; d is too deep. r has nothing beside its relevant document
    assert (compared.queries, compared.skipped, len(compared.margins)) == (1, 3, 4)
    a, b, c, e = np.array([1.0, 0.0]), np.array([0.75, 0.0]), np.array([0.5, 0.0]), np.array([0.0, 1.0])
    expected = {tuple(x - y) for x in (a, e) for y in (b, c)}  # two are drawn of two: both
    assert {tuple(margin) for margin in compared.margins} == expected
    assert compared.deviations == pytest.approx(np.std([a, b, c, e], axis=0))
    fewer = compare(lists, qrels, "minmax", negatives=7, depth=2, seed=0)
    assert len(fewer.margins) == 14  # with replacement, of b alone: c is the third
    assert {tuple(margin) for margin in fewer.margins} == {tuple(a - b), tuple(e - b)}
    other = compare(lists, qrels, "minmax", negatives=1, depth=3, seed=1).margins
    assert not np.array_equal(compare(lists, qrels, "minmax", negatives=1, depth=3, seed=0).margins, other)


def write_collection(place: Path) -> Path:
    """Write two splits of ten queries each: one run puts the relevant document first, another puts it last."""
    (place / "qrels").mkdir(parents=True)
    docs = [f"d{number}" for number in range(12)]
    (place / "corpus.jsonl").write_text("".join(json.dumps({"_id": id, "text": f"text {id}"}) + "\n" for id in docs))
    names = {"train": [f"t{number}" for number in range(10)], "test": [f"q{number}" for number in range(10)]}
    queries = [id for ids in names.values() for id in ids]
    (place / "queries.jsonl").write_text("".join(json.dumps({"_id": id, "text": f"ask {id}"}) + "\n" for id in queries))
    lines: dict[str, list[str]] = {"good": [], "bad": [], "noise": []}
    random = np.random.default_rng(0)
    for split, ids in names.items():
        rows = "".join(f"{id}\td{number}\t1\n" for number, id in enumerate(ids))
        (place / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
        for number, id in enumerate(ids):
            for doc, name in enumerate(docs):
                noise = random.uniform()
                scores = {
                    "good": float(doc == number) + 0.5 * noise,
                    "bad": -float(doc == number) + noise,
                    "noise": noise,
                }
                for run, score in scores.items():
                    lines[run].append(f"{id} Q0 {name} 0 {score:.6f} {run}\n")
    for run, written in lines.items():
        (place / f"{run}.run").write_text("".join(written))
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("learned") / "c")


def read_run(place: Path, name: str) -> Any:
    return RunFile(str(place / f"{name}.run"))


def score_right(queries: list[str], docs: list[str]) -> list[float]:
    """Score 1 where the numbers of query and document are the same, else something below 1/2."""
    numbers = [(query.split()[-1][1:], doc.split()[-1][1:]) for query, doc in zip(queries, docs, strict=True)]
    return [1.0 if query == doc else int(doc) % 5 / 10 for query, doc in numbers]


def run(place: Path, system: Any, tmp_path: Path) -> Any:
    return Experiment(load(str(place), split="test"), {"S": system}, ["RR"], store=open_store(tmp_path / "store")).run()


def test_the_list_that_is_right_gets_the_weight(place: Path, tmp_path: Path) -> None:
    good, bad, noise = (read_run(place, name) for name in ("good", "bad", "noise"))
    system = learned_sum(bad, good, noise, on=TRAIN)
    result = run(place, system, tmp_path)
    (row,) = result.rows
    (choice,) = row.choices
    assert choice.weights is not None and choice.weights[0] == 0 and choice.weights[1] > 0.6
    assert sum(choice.weights) == pytest.approx(1, abs=1e-5)
    assert row.pipeline == choice.pipeline == repr(weighted_sum(bad, good, noise, weights=choice.weights))
    learned, equal = (candidate.value for candidate in choice.candidates)
    assert (choice.measure, choice.queries) == ("hinge loss", 10) and learned < equal
    assert row.measures["RR"] == 1
    assert [queries.what for queries in row.tuned_on] == ["c/train"] and not row.tuned_on_test
    assert run(place, system, tmp_path).computed == []
    fixed = weighted_sum(bad, good, noise, weights=choice.weights)
    assert run(place, fixed, tmp_path).computed == []  # the outcome is the sum itself
    (folder,) = {path.parent for path in (tmp_path / "store").rglob("choice.json")}
    assert not (folder / "mixture.json").exists()


def test_learning_on_what_is_reported_is_marked(place: Path, tmp_path: Path) -> None:
    system = learned_sum(read_run(place, "good"), read_run(place, "noise"), on=Judged(split="test"))
    (row,) = run(place, system, tmp_path).rows
    assert row.tuned_on_test


def test_inside_a_tuned_pipeline_and_in_front_of_a_stage(place: Path, tmp_path: Path) -> None:
    good, bad, noise = (read_run(place, name) for name in ("good", "bad", "noise"))
    inner = [learned_sum(one, noise, on=TRAIN) >> Cut(5) for one in (bad, good)]
    (row,) = run(place, tune([noise, *inner], on=TRAIN, measure="RR"), tmp_path).rows
    assert [choice.measure for choice in row.choices] == ["hinge loss", "hinge loss", "RR"]
    assert row.choices[-1].chosen == 2 and row.depth == 5


def test_every_option_and_what_it_learns_from_is_in_the_address(place: Path, tmp_path: Path) -> None:
    good, noise = read_run(place, "good"), read_run(place, "noise")
    base = learned_sum(good, noise, on=TRAIN)
    changed: list[dict[str, Any]] = [{}, {"normalise": "zscore"}, {"negatives": 5}, {"depth": 99}, {"seed": 1}]
    changed += [{"on": Judged(split="train", part=(0, 0.5))}, {"of": (noise, good)}]
    assert set().union(*changed) == {field.name for field in dataclasses.fields(LearnedSum)}
    plans = [
        Experiment(load(str(place), split="test"), {"S": system}, ["RR"], store=open_store(tmp_path / "store")).plan()
        for system in (dataclasses.replace(base, **options) for options in changed)
    ]
    assert len({runs[0].open_choices[0].address for runs in plans}) == len(changed)
    assert eval(repr(dataclasses.replace(base, seed=3, depth=7))) == dataclasses.replace(base, seed=3, depth=7)


def test_a_reranker_and_what_it_reranks_have_a_mixture(place: Path, tmp_path: Path) -> None:
    first = read_run(place, "noise")
    reranked = first >> apply(score_right, name="right", version=1)
    run(place, learned_sum(first, reranked, on=TRAIN), tmp_path)
    (path,) = (tmp_path / "store").rglob("mixture.json")
    mixture, choice = json.loads(path.read_text()), json.loads((path.parent / "choice.json").read_text())
    assert [mixture["w_p"], mixture["w_r"]] == choice["weights"] and mixture["w_r"] > mixture["w_p"]
    assert [mixture["sd_p"], mixture["sd_r"]] == choice["deviations"]


def test_what_is_a_reranker_and_its_prefetcher() -> None:
    first = BM25() % 20
    scorer = apply(score_right, version=1)
    found = {"w_r": 0.3, "w_p": 0.7, "sd_r": 0.1, "sd_p": 0.2}
    for reranked in (first >> scorer, first >> rewrite(FirstWords(3), fold(Windows(9), scorer)), first >> BM25(b=0.1)):
        assert describe_mixture((first, reranked), (0.7, 0.3), (0.2, 0.1)) == found
        assert describe_mixture((reranked, first), (0.3, 0.7), (0.1, 0.2)) == found
    for others in (
        (BM25(), BM25(b=0.1)),
        (BM25(), first),
        (BM25(b=0.1), first >> scorer),
        (first, first, first >> scorer),
    ):
        assert describe_mixture(others, (0.5,) * len(others), (1.0,) * len(others)) is None


def test_lists_without_anything_to_learn(place: Path, tmp_path: Path) -> None:
    (row,) = run(place, learned_sum(read_run(place, "bad"), read_run(place, "bad") % 5, on=TRAIN), tmp_path).rows
    assert row.status == "failed" and "no list puts relevant documents above others" in str(row.error)


def test_in_a_configuration(place: Path, tmp_path: Path) -> None:
    options = "of: [B, {bm25: {b: 0.9}}], on: {split: train, part: [0, 0.5]}, normalise: zscore, negatives: 2, seed: 4"
    text = f"collections: [{place}]\nmeasures: [RR]\nsystems: {{B: bm25, S: {{learned_sum: {{{options}}}}}}}\n"
    (tmp_path / "config.yaml").write_text(text)
    judged = Judged(split="train", part=(0, 0.5))
    expected = learned_sum(BM25(), BM25(b=0.9), on=judged, normalise="zscore", negatives=2, seed=4)
    assert load_config(tmp_path / "config.yaml").systems["S"] == expected
    for wrong, message in (
        (text.replace("negatives: 2", "negative: 2"), "learned_sum has no key 'negative'; did you mean 'negatives'?"),
        (text.replace("on: {split: train, part: [0, 0.5]}, ", ""), "learned_sum: 'on' is missing"),
        (
            text.replace("zscore", "z"),
            "normalise: input should be 'minmax', 'zscore', 'sum', 'rank' or 'none', got 'z'",
        ),
        (text.replace("[B, {bm25: {b: 0.9}}]", "[B]"), "expected two pipelines or more, got 1"),
    ):
        (tmp_path / "config.yaml").write_text(wrong)
        with pytest.raises(ConfigError, match=re.escape(message)):
            load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: learned_sum(BM25(), on=TRAIN), "two pipelines or more"),
        (lambda: learned_sum(BM25(), Cut(3), on=TRAIN), "needs a list in front"),
        (lambda: learned_sum(BM25(), BM25() | BM25(b=0), on=TRAIN), "no scores to add up"),
        (lambda: learned_sum(BM25(), BM25(b=0), on=TRAIN, depth=0), "depth must be 1 or more"),
        (lambda: learned_sum(BM25(), BM25(b=0), on=TRAIN, normalise="none"), "unlike scales"),
    ],
)
def test_what_cannot_be_meant(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
