"""Trained models in experiments: trained once, found again, retrained where something they depend on changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank.algebra.judged import Judged
from nirank.algebra.tuned import tune
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.results.row_training import ModelSoup, TrainingQueries
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.max_sim import MaxSim
from nirank.stages.sparse import Sparse
from nirank.store import open_store
from nirank.training.models import Soup, Train
from nirank.training.negatives import Mined
from nirank.training.recipe import Recipe
from nirank.training.training_sets import Fields, Mixture, TrainingSet
from nirank.training.watch import Watch

DOCS = {f"d{i}": {"title": f"w{i} w{i + 20}", "text": f"w{i} w{i + 1} w{i + 30}"} for i in range(20)}
QUERIES = {f"q{i}": f"w{i} w{i + 30}" for i in range(20)}
QRELS = {f"q{i}": {f"d{i}": 1} for i in range(20)}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("models")
    return {
        "bi_encoder": str(tiny_models.make_bi_encoder(place / "bi")),
        "other": str(tiny_models.make_bi_encoder(place / "other", seed=6)),
        "sparse_encoder": str(tiny_models.make_splade(place / "splade", words=60))
        if (place / "splade").mkdir() is None
        else "",
    }


@pytest.fixture
def collection() -> Collection:
    return Collection.of(DOCS, QUERIES, QRELS)


MINED_SET = TrainingSet(Judged(), Mined(BM25(), ranks=(1, 10), n=2))
QUICK = Recipe(steps=2, batch=4, learning_rate=1e-3)


def run(tmp_path: Path, collection: Collection, systems, **options):
    return Experiment(
        collection, systems, ["nDCG@10", "R@5"], store=open_store(tmp_path / "store"), **{"folds": 2, **options}
    ).run()


def list_trainings(result) -> list[str]:
    return [label for label in result.computed if label.startswith("train ")]


def test_seeds_give_a_row_each_and_one_of_their_mean_and_spread(tmp_path, bases, collection):
    model = Train(bases["bi_encoder"], MINED_SET, recipe=QUICK)
    result = run(tmp_path, collection, {"BM25": BM25(), "Tuned": Dense(model)}, seeds=[1, 2])
    rows = {row.system: row for row in result.rows}
    assert list(rows) == ["BM25", "Tuned", "Tuned (seed 1)", "Tuned (seed 2)"]
    assert [rows[name].seed for name in rows] == [None, None, 1, 2]
    mean, first, second = (rows[name].measures["nDCG@10"] for name in list(rows)[1:])
    assert first != second
    assert mean == pytest.approx((first + second) / 2)
    spread = rows["Tuned"].spread["nDCG@10"]
    assert spread.sd == pytest.approx(abs(first - second) / 2**0.5)
    assert (spread.least, spread.greatest) == (min(first, second), max(first, second))
    assert rows["Tuned"].seeds == (1, 2)
    systems = {row.system for row in result.rows if row.conventions.comparisons}
    assert systems == {"BM25", "Tuned"}  # single seeds are no systems of their own to be compared
    assert len(list_trainings(result)) == 4  # two seeds, two folds
    assert rows["Tuned"].zero_shot == "no"
    assert rows["Tuned (seed 1)"].trained_on[0].queries == 10
    assert rows["Tuned"].cost.training_s > 0
    table = " ".join(str(result.table()).split())
    assert "±" in table
    assert "trained on 10 queries of collection" in table


def test_nothing_is_trained_twice_and_only_what_changed_is_trained_again(tmp_path, bases, collection):
    model = Train(bases["bi_encoder"], MINED_SET, recipe=QUICK)
    other_model = replace(model, recipe=replace(QUICK, learning_rate=2e-3))
    first = run(tmp_path, collection, {"A": Dense(model), "B": BM25() % 5 >> MaxSim(model)})
    assert len(list_trainings(first)) == 2  # one a fold, for both systems
    assert run(tmp_path, collection, {"A": Dense(model)}).computed == []
    second_run = run(tmp_path, collection, {"A": Dense(other_model)})
    assert len(list_trainings(second_run)) == 2
    assert not [label for label in second_run.computed if label.startswith(("positives", "examples", "BM25", "index"))]
    more_seeds = run(tmp_path, collection, {"A": Dense(model)}, seeds=[1, 5])
    assert len(list_trainings(more_seeds)) == 2


@pytest.mark.parametrize("kind", ["bi_encoder", "cross_encoder", "sparse_encoder"])
def test_every_kind_is_trained_and_used(tmp_path, bases, collection, kind):
    base = bases["sparse_encoder" if kind == "sparse_encoder" else "bi_encoder"]
    model = Train(base, MINED_SET, kind, QUICK)
    system = {
        "bi_encoder": Dense(model),
        "cross_encoder": BM25() % 5 >> CrossEncoder(model),
        "sparse_encoder": Sparse(model),
    }
    result = run(tmp_path, collection, {"S": system[kind]})
    assert [row.status for row in result.rows] == ["ok"], result.rows[0].error
    (ranking,) = result.rankings.values()
    assert ranking.counts.min() > 0
    trainings_of_row = result.rows[0].trainings
    assert len(trainings_of_row) == 2
    assert trainings_of_row[0].steps == 2
    assert trainings_of_row[0].examples_by_reason["examples"] == 10
    assert "removed: known positives" in trainings_of_row[0].examples_by_reason
    result.save(tmp_path / "out")
    assert "Training examples" in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"][0]["trainings"]


def test_training_moves_the_ranking(tmp_path, bases, collection):
    zero = Dense(bases["bi_encoder"])
    long = Dense(Train(bases["bi_encoder"], MINED_SET, recipe=Recipe(steps=30, batch=5, learning_rate=3e-3)))
    result = run(tmp_path, collection, {"zero": zero, "trained": long})
    a, b = (ranking.scores for ranking in result.rankings.values())
    assert not np.allclose(a, b)


def test_a_model_of_the_wrong_kind_is_refused(tmp_path, bases, collection):
    model = Train(bases["bi_encoder"], MINED_SET, "cross_encoder", QUICK)
    with pytest.raises(ConfigError, match="dense: needs a bi-encoder; .* is a cross-encoder"):
        run(tmp_path, collection, {"S": Dense(model)})
    with pytest.raises(ConfigError, match="precision: auto is decided by trying the model"):
        run(tmp_path, collection, {"S": BM25() >> CrossEncoder(model, precision="auto")})


def test_a_failed_training_takes_only_its_own_rows(tmp_path, bases, collection):
    no_negatives = TrainingSet(Judged(), Mined(BM25(), ranks=(900, 950)))  # no negatives are that deep
    model = Train(bases["bi_encoder"], no_negatives, "cross_encoder", QUICK)
    result = run(tmp_path, collection, {"BM25": BM25(), "S": BM25() % 5 >> CrossEncoder(model)})
    assert [row.status for row in result.rows] == ["ok", "failed"]
    assert "negatives" in result.rows[1].error


def test_watched_training_tells_its_evaluations(tmp_path, bases, collection):
    watch = Watch(Judged(part=(0.5, 1)), BM25() % 5, "RR@5", every=1, patience=3)
    model = Train(bases["bi_encoder"], replace(MINED_SET, queries=Judged(part=(0, 0.5))), recipe=QUICK, watch=watch)
    result = run(tmp_path, collection, {"S": Dense(model)})
    (row,) = result.rows
    training = row.trainings[0]
    assert training.measure == "RR@5"
    assert [step for step, _ in training.evaluations] == [1, 2]
    assert {supervision.what for supervision in row.tuned_on} == {"collection"}
    assert not row.tuned_on_test


def test_soups_are_models_like_others(tmp_path, bases, collection):
    models = tuple(Train(bases["bi_encoder"], MINED_SET, recipe=QUICK, seed=seed) for seed in (1, 2))
    watch = Watch(Judged(part=(0.5, 1)), BM25() % 5, "RR@5")
    systems = {
        "uniform": Dense(Soup(models)),
        "greedy": Dense(Soup(models, "greedy", watch)),
        "wise": Dense(Soup(models[:1], "wise", alpha=0.0)),
        "start": Dense(bases["bi_encoder"]),
        "alone": Dense(Soup(models[:1])),
        "model": Dense(models[0]),
    }
    result = run(tmp_path, collection, systems)
    assert [row.status for row in result.rows] == ["ok"] * 6, [row.error for row in result.rows]
    scores = {key[2]: ranking.scores for key, ranking in result.rankings.items()}
    np.testing.assert_allclose(scores["wise"], scores["start"], atol=1e-6)  # alpha 0 is the start
    np.testing.assert_array_equal(scores["alone"], scores["model"])  # a soup of one
    assert not np.allclose(scores["uniform"], scores["model"])
    assert any(isinstance(training, ModelSoup) for training in result.rows[1].trainings)


def test_soups_of_different_starts_are_refused(bases):
    with pytest.raises(ConfigError, match="start from one model"):
        Soup((Train(bases["bi_encoder"], MINED_SET), Train(bases["other"], MINED_SET)))


def test_a_trained_model_can_be_trained_on_and_tuned(tmp_path, bases, collection):
    first = Train(bases["bi_encoder"], Fields(), recipe=QUICK)
    second = Train(first, Mixture((MINED_SET, Fields(sample=5)), by="even"), recipe=QUICK)
    system = tune(Dense(second), {"dense.model.recipe.learning_rate": [1e-3, 1e-2]}, on=Judged(), measure="RR@5")
    result = run(tmp_path, collection, {"S": system})
    assert [row.status for row in result.rows] == ["ok"], result.rows[0].error
    assert len(result.rows[0].choices) == 2  # one a fold
    without_queries = [supervision for supervision in result.rows[0].trained_on if supervision.queries is None]
    assert without_queries == [TrainingQueries("title and text of the documents", overlap=0, dropped=False)]
    assert "trained on title and text of the documents" in " ".join(str(result.table()).split())
    assert len([label for label in list_trainings(result) if "title and text" in label]) >= 1


def test_a_teacher_is_distilled_from(tmp_path, bases, collection):
    data = TrainingSet(Judged(), Mined(BM25(), ranks=(1, 10), n=2), teacher=Dense(bases["other"]))
    model = Train(bases["bi_encoder"], data, recipe=replace(QUICK, loss="margin_mse"))
    result = run(tmp_path, collection, {"S": Dense(model)})
    assert [row.status for row in result.rows] == ["ok"], result.rows[0].error


def test_queries_with_new_documents_have_a_mean_of_their_own(tmp_path, bases):
    """Ten queries share one relevant document, so whichever fold they are in, training knows it; ten do not."""
    qrels = {f"q{i}": {("d0" if i < 10 else f"d{i}"): 1} for i in range(20)}
    collection = Collection.of(DOCS, QUERIES, qrels)
    result = run(tmp_path, collection, {"S": Dense(Train(bases["bi_encoder"], MINED_SET, recipe=QUICK))})
    (row,) = result.rows
    assert (row.new_documents.queries, row.new_documents.total) == (10, 20)
    per_query = result.per_query("S").query("measure == 'nDCG@10'").set_index("query_id")["value"]
    new = per_query[[f"q{i}" for i in range(10, 20)]].mean()
    assert row.new_documents.measures["nDCG@10"] == pytest.approx(new)
    assert "nDCG@10 (new documents)" in str(result.table())


def test_a_training_that_failed_at_its_end_goes_on_from_there_and_leaves_nothing_behind(
    tmp_path, bases, collection, monkeypatch
):
    from nirank.training import checkpoints, fitting

    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    model = Train(bases["bi_encoder"], MINED_SET, recipe=Recipe(steps=6, batch=4, learning_rate=1e-3))
    undisturbed = run(tmp_path / "undisturbed", collection, {"S": Dense(model)})

    def refuse_to_save(*_: object) -> None:
        raise RuntimeError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(fitting.model_io, "save_model", refuse_to_save)
        failed = run(tmp_path, collection, {"S": Dense(model)})
    assert failed.rows[0].status == "failed"
    checkpoints_left = list((tmp_path / "store" / "scratch").glob("*/*/checkpoint-*"))
    assert checkpoints_left
    second_run = run(tmp_path, collection, {"S": Dense(model)})
    (expected,), (ranking,) = undisturbed.rankings.values(), second_run.rankings.values()
    np.testing.assert_array_equal(expected.scores, ranking.scores)
    losses = [row.trainings[0].loss for row in (undisturbed.rows[0], second_run.rows[0])]
    assert losses[0] == losses[1]
    assert not list((tmp_path / "store" / "scratch").glob("*"))


def test_trap_42_a_training_that_cannot_fit_is_refused_before_it_starts(tmp_path, bases, collection):
    system = {"S": Dense(Train(bases["bi_encoder"], MINED_SET, recipe=QUICK))}
    with pytest.raises(ConfigError, match="max_memory 50.0 MB: .*train a bi-encoder|max_memory 50.0 MB"):
        run(tmp_path, collection, system, max_memory="50MB")


def test_teachers_score_to_the_end(bases):
    """Below a scorer's depth stand made-up scores that keep the old order: nothing to learn from."""
    from nirank.training.mined_data import score_to_the_end

    teacher = BM25() >> CrossEncoder("some/model", depth=3)
    assert score_to_the_end(teacher).steps[-1].depth > 10**9
    assert "depth=all" in score_to_the_end(teacher).steps[-1].title
    assert score_to_the_end(0.5 * teacher + 0.5 * BM25()).inputs[0].steps[-1].depth > 10**9
    assert score_to_the_end(CrossEncoder("some/model")).depth > 10**9
    assert score_to_the_end(BM25()) == BM25()


def test_soups_start_from_one_model_and_have_no_idle_options(bases):
    first = Train(bases["bi_encoder"], MINED_SET, seed=1)
    with pytest.raises(ConfigError, match="start from one model"):
        Soup((first, Train(first, MINED_SET, seed=1)))
    for options, name in (({"tie": "reject"}, "tie"), ({"alpha": 0.3}, "alpha")):
        with pytest.raises(ConfigError, match=f"soup: {name} does nothing"):
            Soup((first,), **options)
    watch = Watch(Judged(split="dev"), BM25(), patience=2)
    with pytest.raises(ConfigError, match="watch.patience does nothing"):
        Soup((first,), "greedy", watch)


def test_half_way_to_a_second_training_is_between_its_own_ends(tmp_path, bases, collection):
    first = Train(bases["bi_encoder"], Fields(), recipe=QUICK, seed=1)
    second = Train(first, MINED_SET, recipe=QUICK, seed=1)
    systems = {"first": Dense(first), "begin": Dense(Soup((second,), "wise", alpha=0.0)), "end": Dense(second)}
    result = run(tmp_path, collection, {**systems, "whole": Dense(Soup((second,), "wise", alpha=1.0))}, seeds=[1])
    scores = {key[2]: ranking.scores for key, ranking in result.rankings.items()}
    np.testing.assert_allclose(scores["begin"], scores["first"], atol=1e-6)
    np.testing.assert_allclose(scores["whole"], scores["end"], atol=1e-6)


def test_there_is_nothing_between_a_bi_encoder_and_a_cross_encoder(tmp_path, bases, collection):
    model = Soup((Train(bases["bi_encoder"], MINED_SET, "cross_encoder", QUICK, seed=1),), "wise")
    with pytest.raises(ConfigError, match="is no cross-encoder; there is nothing between"):
        run(tmp_path, collection, {"S": BM25() % 5 >> CrossEncoder(model)})


def test_what_was_read_of_the_collection_is_no_zero_shot(tmp_path, bases, collection):
    result = run(tmp_path, collection, {"S": Dense(Train(bases["bi_encoder"], Fields(), recipe=QUICK))})
    assert result.rows[0].zero_shot == "no"
    student = Dense(
        Train("base/one", TrainingSet(Judged(), Mined(BM25() >> MaxSim("miner/two")), teacher=Dense("teacher/three")))
    )
    assert set(student.list_models()) == {"base/one", "miner/two", "teacher/three"}


def test_choices_on_what_was_trained_on_are_told(tmp_path, bases, collection):
    system = tune(
        [Dense(Train(bases["bi_encoder"], MINED_SET, recipe=QUICK, seed=seed)) for seed in (1, 2)],
        on=Judged(),
        measure="RR@5",
    )
    result = run(tmp_path, collection, {"S": system})
    assert [supervision.trained_too for supervision in result.rows[0].tuned_on] == [10, 10]
    assert "10 of which it was trained on" in " ".join(str(result.table()).split())


def test_the_best_value_is_never_a_single_seeds(tmp_path, bases, collection):
    from nirank.report.table import make_grids

    result = run(
        tmp_path,
        collection,
        {"Z": Dense(bases["other"]), "T": Dense(Train(bases["bi_encoder"], MINED_SET, recipe=QUICK))},
        seeds=[1, 2, 3],
    )
    (grid,) = make_grids(result.rows, result.measures)
    assert not any(cell.best for line in grid.body if "seed" in line[0].text for cell in line)
