"""Stages are frozen values: equality, hash, repr, options, identity, schema."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from nirank.algebra.context import Context
from nirank.algebra.frozen import FrozenDict
from nirank.algebra.node import Job
from nirank.algebra.stage import Retriever, Scorer, option, stage
from nirank.base.identity import SEED, to_canonical_json
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, StageError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan import tasks


@stage
class Many(Retriever):
    """A retriever with every sort of option."""

    model: str = option()
    weights: dict[str, Any] | None = None
    layers: tuple[int, ...] = ()
    batch: int = option(8, identity=False)
    seed: Any = 0

    name = "many"
    version = 3


@stage
class Loose(Many):
    """The same, but its first k are not those of a deeper search."""

    name = "loose"
    prefix_exact = False


@stage
class Wild(Scorer):
    """Give one document a wild score."""

    doc: str = option()
    score_of: Any = option(identity=False)

    name = "wild"

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        wild = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
        return np.array([wild[self.score_of] if doc == self.doc else 1.0 for doc in pairs.docs.take(pairs.rows)])


def test_equality_hash_and_repr_are_by_value() -> None:
    stage_value = Many("m", {"title": 2, "text": 1}, [1, 2], k=7)
    equal = Many("m", {"text": 1, "title": 2}, (1, 2), k=7)
    assert stage_value == equal and hash(stage_value) == hash(equal) and len({stage_value, equal}) == 1
    assert stage_value != Many("m") and stage_value != Loose("m", {"title": 2, "text": 1}, [1, 2], k=7)
    assert repr(stage_value) == "Many('m', k=7, weights={'title': 2, 'text': 1}, layers=(1, 2))"
    assert eval(repr(stage_value)) == stage_value
    assert pickle.loads(pickle.dumps(stage_value)) == stage_value == copy.deepcopy(stage_value)


def test_options_cannot_be_changed() -> None:
    stage_value = Many("m", {"title": 2})
    with pytest.raises(AttributeError):
        stage_value.model = "n"  # type: ignore[misc]
    for change in (
        lambda: stage_value.weights.update(a=1),  # type: ignore[union-attr]
        lambda: stage_value.weights.__ior__({"a": 1}),  # type: ignore[union-attr]
        lambda: stage_value.weights.pop("title"),  # type: ignore[union-attr]
        lambda: stage_value.weights.clear(),  # type: ignore[union-attr]
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    weights = {"title": 2.0}
    stage_value = Many("m", weights)
    weights["title"] = 3.0
    assert stage_value.weights == {"title": 2.0}
    assert isinstance(Many("m", {"a": {"b": [1]}}).weights["a"], FrozenDict)  # type: ignore[index]


def test_identity_leaves_out_defaults_depth_and_what_cannot_matter() -> None:
    assert Many("m", batch=99, k=5).describe_identity() == {
        **Many("m").describe_identity(),
        "stage": "many",
        "version": 3,
        "options": {"model": "m"},
    }
    assert Many("m", layers=[]).describe_identity() == Many("m").describe_identity()
    assert Loose("m", k=5).describe_identity()["options"] == {"model": "m", "k": 5}
    assert to_canonical_json(Many("m", {"b": 1, "a": 2}).describe_identity()) == to_canonical_json(
        Many("m", {"a": 2.0, "b": 1.0}).describe_identity()
    )
    with pytest.raises(ConfigError, match="SEED must be substituted"):
        to_canonical_json(Many("m", seed=SEED).describe_identity())


def test_numbers_must_be_finite() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="many: seed must be a finite number"):
            Many("m", seed=number)


def test_a_class_without_the_decorator_is_told_so() -> None:
    class Forgotten(Retriever):
        name = "forgotten"
        b: float = 0.4

    with pytest.raises(ConfigError, match="Forgotten is not a stage yet; put @stage above its class"):
        Forgotten()


def test_checks_of_kinds() -> None:
    with pytest.raises(ConfigError, match="many: k must be 1 or more, got 0"):
        Many("m", k=0)
    with pytest.raises(ConfigError, match="wild: depth must be 1 or more, got 0"):
        Wild("a", 1.0, depth=0)


def test_schema_lists_options_and_refuses_others() -> None:
    adapter = TypeAdapter(Many)
    schema = adapter.json_schema()
    assert set(schema["properties"]) == {"model", "weights", "layers", "batch", "seed", "k"}
    assert schema["required"] == ["model"] and schema["additionalProperties"] is False
    stage_value = adapter.validate_python({"model": "m", "weights": {"title": 2}, "layers": [1], "k": 3})
    assert stage_value == Many("m", {"title": 2}, (1,), k=3) and isinstance(stage_value.weights, FrozenDict)
    with pytest.raises(ValidationError, match="modell"):
        adapter.validate_python({"modell": "m"})
    with pytest.raises(ValidationError, match="k must be 1 or more"):
        adapter.validate_python({"model": "m", "k": 0})


@pytest.mark.parametrize("wild", ["nan", "inf", "-inf"])
def test_trap_10_wild_scores_name_stage_query_and_document(wild: str, tmp_path: Any) -> None:
    collection = Collection.of({"a": "x", "b": "y"}, {"q": "x"})
    queries, docs = collection.queries, collection.docs
    ranking = Ranking.from_dict({"q": {"a": 2.0, "b": 1.0}}, queries.ids, docs.ids)
    inputs = {"queries": [queries], "docs": [docs], "list": [ranking]}
    job = Job({"depth": 100}, inputs, tmp_path, Context(queries, docs), Wild("a", wild))  # type: ignore[arg-type]
    with pytest.raises(StageError, match=rf"wild: query 'q', document 'a' has score {wild}; expected a finite number"):
        tasks.score(job)
