"""Groups: a positive and negatives of each topic, drawn anew every epoch, and what training shares with evaluation."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch

from nirank import Collection, Experiment, load
from nirank.algebra.judged import Judged
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.store import LocalStore
from nirank.training import losses
from nirank.training.batches import Batches
from nirank.training.group_mining import make_groups
from nirank.training.groups import Groups, open_training_set
from nirank.training.models import Train
from nirank.training.negatives import LabelledNegatives
from nirank.training.recipe import Recipe
from nirank.training.training_sets import Mixture, TrainingSet

VIEWS = (TextView("text"), TextView("text"))


def make_two_topics(size: int = 3, **params: Any) -> Groups:
    """Topic q has 2 positives and 6 negatives, r 1 and 2, s none; documents are named by topic and number."""
    names = [f"q{at}" for at in range(8)] + ["r0", "r1", "r2", "s0"]
    docs, queries = Texts.of({name: f"text of {name}" for name in names}), Texts.of(dict.fromkeys("qrs", "asks"))
    labels = {"q": {"q0": 1, "q1": 2, "q2": 0}, "r": {"r0": 1}}
    qrels = Qrels.from_dict(labels, queries.ids, docs.ids)
    listed = {topic: [name for name in names if name.startswith(topic)] for topic in "qrs"}
    scope = Scope(queries.ids, docs.ids, pairs=Pairs.from_ids(queries.ids, docs.ids, listed, source="test"))
    given = Pairs.from_ids(queries.ids, docs.ids, {"s": ["s0", "q1", "q7", "r2"]}, source="test")
    evaluated = [(docs, Scope(queries.ids, docs.ids, pairs=given))]
    options = {"negatives": {"labelled": True, "n": size, "candidates": True}, **params}
    return make_groups(queries, docs, VIEWS, qrels, [scope], evaluated, options)


def list_drawn(groups: Groups, epochs: int, seed: int) -> list[tuple[str, list[str]]]:
    examples = groups.draw(epochs, seed)
    texts = [text.rsplit(" ", 1)[-1] for text in examples.texts.to_pylist()]
    return [
        (texts[examples.positives[at]], [texts[row] for row in examples.negatives_of(at)])
        for at in range(len(examples))
    ]


def test_candidates_that_nobody_labelled_are_not_relevant() -> None:
    groups = make_two_topics()
    assert groups.query_ids == ["q", "r"]
    assert len(groups.positives) == 3
    assert np.diff(groups.offsets).tolist() == [6, 2]
    assert groups.counts["judged not relevant"] == 9  # s0 is a negative of a topic without positives
    assert groups.counts["queries with fewer negatives than are drawn"] == 1


def test_every_epoch_draws_one_positive_and_n_negatives_of_each_topic() -> None:
    groups = make_two_topics()
    drawn = list_drawn(groups, 50, seed=1)
    assert len(drawn) == 100
    for at, (positive, negatives) in enumerate(drawn):
        topic = "qr"[at % 2]
        assert positive in {"q": ("q0", "q1"), "r": ("r0",)}[topic]
        assert len(negatives) == 3
        assert {name[0] for name in negatives} == {topic}
        assert not {"q0", "q1", "r0"} & set(negatives)
        assert len(set(negatives)) == 3 if topic == "q" else set(negatives) <= {"r1", "r2"}  # r's repeat
    assert {positive for positive, _ in drawn} == {"q0", "q1", "r0"}
    assert {name for _, names in drawn for name in names} == {"q2", "q3", "q4", "q5", "q6", "q7", "r1", "r2"}


def test_draws_depend_on_seed_and_epoch_alone() -> None:
    groups = make_two_topics()
    assert list_drawn(groups, 9, seed=1)[:6] == list_drawn(groups, 3, seed=1)
    assert list_drawn(groups, 9, seed=1) != list_drawn(groups, 9, seed=2)
    assert list_drawn(groups, 9, seed=1)[:2] != list_drawn(groups, 9, seed=1)[2:4]


def test_what_evaluated_topics_may_be_given_is_counted_and_can_be_dropped(tmp_path: Path) -> None:
    kept, dropped = make_two_topics(), make_two_topics(shared="drop")
    assert kept.counts["documents that evaluated queries may be given too"] == 4
    dropped.save(tmp_path)
    again = open_training_set(tmp_path)
    assert isinstance(again, Groups)
    drawn = list_drawn(again, 30, seed=0)
    assert {positive for positive, _ in drawn} == {"q0", "r0"}
    assert {name for _, names in drawn for name in names} == {"q2", "q3", "q4", "q5", "q6", "r1"}
    assert again.counts["removed: positives that evaluated queries may be given"] == 1


def test_a_batch_holds_examples_of_its_epoch_only() -> None:
    batches = Batches(5, 2, 7, np.arange(20), None, epochs=4)
    assert len(batches) == 3
    for epoch in range(4):
        numbers = sorted(number for batch in batches.draw_epoch(epoch) for number in batch)
        assert numbers == list(range(5 * epoch, 5 * epoch + 5))


def test_lce_of_equal_scores_is_ln_10_and_its_gradient_softmax_less_one_hot() -> None:
    assert losses.lce(torch.zeros(3, 10)).item() == pytest.approx(math.log(10))
    scores = torch.randn(1, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    losses.lce(scores).backward()
    expected = torch.softmax(scores.detach(), 1) - torch.eye(10, dtype=torch.float64)[:1]
    assert scores.grad is not None
    assert torch.allclose(scores.grad, expected, atol=1e-12)


DOCS = {f"d{i}": f"w{i} w{i + 1} w{i + 30}" for i in range(24)}
QUERIES = {f"q{i}": f"w{4 * i} w{4 * i + 30}" for i in range(6)}
QRELS = {f"q{i}": {f"d{4 * i}": 1, f"d{4 * i + 1}": 1} for i in range(6)}
LISTED = {f"q{i}": [f"d{(4 * i + j) % 24}" for j in range(6)] for i in range(6)}  # each shares two with the next
GROUPS = TrainingSet(Judged(), LabelledNegatives(3, candidates=True), groups="query")


@pytest.mark.parametrize("kind", ["bi_encoder", "cross_encoder"])
def test_an_experiment_over_folds_of_topics(kind: Any, tmp_path: Path) -> None:
    collection = Collection.of(DOCS, QUERIES, QRELS, candidates=LISTED)
    base = str(tiny_models.make_bi_encoder(tmp_path / "base"))
    recipe = Recipe(loss="lce", epochs=2, batch=3, learning_rate=1e-3)
    model = Train(base, GROUPS, kind=kind, recipe=recipe)
    system = Dense(model) if kind == "bi_encoder" else BM25() >> CrossEncoder(model)
    store = LocalStore(tmp_path / "store")
    result = Experiment(collection, {"S": system}, ["AP"], folds=3, store=store).run()
    assert not result.failed, result.rows[0].error
    counts = [json.loads(path.read_text())["declared"]["examples"] for path in _find_groups(tmp_path / "store")]
    assert len(counts) == 3
    for count in counts:
        assert count["queries"] == 4
        assert count["documents that evaluated queries may be given too"] > 0


def _find_groups(store: Path) -> list[Path]:
    return [path.parent / "artifact.json" for path in store.rglob("groups.json")]


def test_a_topic_that_is_evaluated_is_refused_or_dropped(tmp_path: Path) -> None:
    """Of what trains, one topic is also evaluated: neither its labels nor its texts are read."""
    store = LocalStore(tmp_path / "store")
    ids = list(QUERIES)
    training = Collection.of(DOCS, QUERIES, QRELS, candidates=LISTED)
    some = training.take(np.array([ids.index("q0"), ids.index("q1")]))
    evaluated = replace(some, open_split=lambda split: training)
    base = str(tiny_models.make_bi_encoder(tmp_path / "base"))
    for on_overlap in ("refuse", "drop"):
        data = replace(GROUPS, queries=Judged(split="train", on_overlap=on_overlap))
        model = Train(base, data, recipe=Recipe(loss="lce", steps=1, batch=3))
        experiment = Experiment(evaluated, {"S": Dense(model)}, ["AP"], store=store)
        if on_overlap == "refuse":
            with pytest.raises(ConfigError, match="2 of 6 training queries are evaluated too"):
                experiment.run()
        else:
            assert not experiment.run().failed
    (path,) = _find_groups(tmp_path / "store")
    groups = open_training_set(path.parent)
    assert isinstance(groups, Groups)
    assert groups.query_ids == ["q2", "q3", "q4", "q5"]
    assert not {QUERIES["q0"], QUERIES["q1"]} & set(groups.texts.to_pylist())


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"groups": "topic"}, "groups: input should be 'positive' or 'query'"),
        ({"groups": "query"}, "give {labelled: {n: 9}}"),
        ({"groups": "query", "negatives": LabelledNegatives()}, "give {labelled: {n: 9}}"),
        ({"groups": "query", "negatives": LabelledNegatives(3), "teacher": BM25()}, "no teacher"),
        ({"shared": "drop", "negatives": LabelledNegatives(3)}, "set groups: query"),
        ({"negatives": LabelledNegatives(3, candidates=True)}, "set groups: query"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        TrainingSet(Judged(), **options)


def test_candidates_must_be_listed(tmp_path: Path) -> None:
    collection = Collection.of(DOCS, QUERIES, QRELS)
    base = str(tiny_models.make_bi_encoder(tmp_path / "base"))
    with pytest.raises(ConfigError, match="lists no candidates"):
        Experiment(collection, {"S": Dense(Train(base, GROUPS))}, ["AP"], folds=3, store=LocalStore(tmp_path)).run()


def test_groups_do_not_mix() -> None:
    with pytest.raises(ConfigError, match="do not mix"):
        Mixture((GROUPS, TrainingSet(Judged())))


def test_records_that_train_and_test_topics_of_sysrev_share(shared_data: Path, tmp_path: Path) -> None:
    train, test = (load(shared_data / "screening" / "sysrev" / split, store=LocalStore(tmp_path)) for split in SPLITS)
    assert not set(train.queries.ids) & set(test.queries.ids)
    scopes = [collection.build_scopes()["candidates"] for collection in (train, test)]
    params = {"negatives": {"labelled": True, "n": 9, "candidates": True}}
    labels = next(iter(train.qrels.values()))
    sides = (train.queries, train.docs, (TextView("text"), TextView("title")), labels)
    evaluated = [(test.docs, scopes[1])]
    kept = make_groups(*sides, scopes[:1], evaluated, params)
    assert kept.counts["documents that evaluated queries may be given too"] == 828  # of the collection's own page
    assert len(kept) == 11
    dropped = make_groups(*sides, scopes[:1], evaluated, {**params, "shared": "drop"})
    assert dropped.counts["documents that evaluated queries may be given too"] == 828
    given = {test.docs.ids[row] for query in range(len(test.queries)) for row in scopes[1].list_rows(query)}
    assert given & set(kept.positive_ids)
    assert not given & set(dropped.positive_ids)


SPLITS = ("train", "test")
