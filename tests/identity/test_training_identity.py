"""The law of addresses, for what is trained: every option of models, recipes and training sets, and what they read."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import pytest
from varied_values import variants

from nirank import BM25
from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.model import TrainedModel
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.base.identity import SEED, digest
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.inference import models
from nirank.inference.models import ModelFiles
from nirank.plan.compile import compile
from nirank.stages.dense import Dense
from nirank.training.models import Soup, Train
from nirank.training.negatives import Mined
from nirank.training.recipe import Lora, Recipe
from nirank.training.training_sets import Fields, Mixture, TrainingData, TrainingFile, TrainingSet
from nirank.training.watch import Watch


class Around:
    """Stands for the experiment: judged queries and whole collections are leaves that their names tell apart."""

    def open_judged(self, asked: Judged, use: str, grade: int | None = None) -> Sides:
        content = dataclasses.replace(asked, on_overlap=None)
        leaves = [Node.leaf("texts", digest([repr(content), side]), side) for side in ("queries", "docs", "judgements")]
        return Sides(leaves[0], leaves[1], judgements=leaves[2], training_sources=self)

    def compile_pipeline(self, pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
        return compile(pipeline, sides, upstream)

    def open_collection(self, source: str | None) -> Sides:
        return Sides(*(Node.leaf("texts", digest([source, side]), side) for side in ("queries", "docs")))

    def get_texts(self, node: Node) -> Texts:
        return Texts.of({"q": {"title": "t", "text": "x"}, "d": {"title": "t", "text": "x"}})

    def find_overlap(
        self, queries: Iterable[str], what: str, on_overlap: OnOverlap, key: Hashable, docs: Node | None = None
    ) -> frozenset[str]:
        return frozenset(sorted(set(queries))[:1]) if on_overlap == "drop" else frozenset()


SIDES = Sides(Node.leaf("texts", "queries", "queries"), Node.leaf("texts", "docs", "docs"), training_sources=Around())
JUDGED = Judged("a", "train", part=(0.25, 0.5))


@pytest.fixture(autouse=True)
def _models_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def found(model: Any, revision: str | None = None) -> ModelFiles:
        if isinstance(model, TrainedModel):
            return ModelFiles(tmp_path, "made", {"made": model.compile_node(SIDES).address})
        return ModelFiles(tmp_path, model, {"hub": model, "commit": revision or "main"})

    monkeypatch.setattr(models, "resolve", found)


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "pairs").write_text("q\td\n")
    (tmp_path / "pairsx").write_text("q\te\n")
    return str(tmp_path / "pairs")


def address(one: TrainingData | TrainedModel) -> str:
    return one.compile_node(SIDES).address


def law(one: Any, address: Any) -> set[str]:
    """Vary every option; return those of which another value was allowed."""
    seen: dict[str, list[str]] = {}
    for option, other in variants(one, skip=()):
        try:
            found = address(other)
        except (ConfigError, DataError):
            continue
        listed = seen.setdefault(option, [])
        assert found != address(one) and found not in listed, f"{other!r} is found as {one!r} or another"
        listed.append(found)
    return set(seen)


def test_recipes() -> None:
    options = {one.name for one in dataclasses.fields(Recipe)}

    def trained(recipe: Recipe) -> str:
        return address(Train("m", Fields(), recipe=recipe, seed=1))

    assert law(Recipe(), trained) == options
    assert law(Recipe(lora=Lora(targets=("query",))), trained) >= options - {"freeze_layers", "reinit_layers"}


def test_models_that_are_trained() -> None:
    base = Train("m", Fields(), seed=1)
    assert law(base, address) >= {"base", "data", "kind", "recipe", "seed"}
    watch = Watch(JUDGED, Dense("m"))
    assert law(watch, lambda one: address(dataclasses.replace(base, watch=one))) >= {
        *("queries", "measure", "every", "patience", "doc_text", "query_text")
    }
    different = [
        base,
        dataclasses.replace(base, base=base),
        dataclasses.replace(base, base=dataclasses.replace(base, seed=2)),
        dataclasses.replace(base, data=TrainingSet(JUDGED)),
        dataclasses.replace(base, watch=watch),
        dataclasses.replace(base, watch=dataclasses.replace(watch, of=Dense("n"))),
    ]
    assert len({address(one) for one in different}) == len(different)
    with pytest.raises(ConfigError, match="SEED must be substituted"):
        address(dataclasses.replace(base, seed=SEED))


def test_soups() -> None:
    parts = tuple(Train("m", Fields(), seed=seed) for seed in (1, 2, 3))
    watch = Watch(JUDGED, Dense("m"))
    different = [
        Soup(parts),
        Soup(parts[:2]),
        Soup(parts[::-1]),
        Soup(parts, "greedy", watch),
        Soup(parts, "greedy", watch, "reject"),
        Soup(parts, "greedy", dataclasses.replace(watch, measure="AP")),
        Soup(parts, "wise"),
        Soup(parts, "wise", alpha=0.25),
    ]
    assert len({address(one) for one in different}) == len(different)
    fields = {one.name for one in dataclasses.fields(Soup)}
    assert fields == {"of", "how", "watch", "tie", "alpha"}, "options that were not tried"


def test_training_sets(file: str) -> None:
    negatives = Mined(BM25(), margin=0.5)
    whole = TrainingSet(JUDGED, negatives, teacher=BM25())
    assert law(whole, address) == {one.name for one in dataclasses.fields(TrainingSet)}
    mined = law(negatives, lambda one: address(dataclasses.replace(whole, negatives=one)))
    assert mined == {one.name for one in dataclasses.fields(Mined)} - {"of"}
    assert law(JUDGED, lambda one: address(TrainingSet(one))) == {one.name for one in dataclasses.fields(Judged)} - {
        "on_overlap"
    }
    different = [
        whole,
        dataclasses.replace(whole, teacher=BM25(b=0.9)),
        dataclasses.replace(whole, teacher=None),
        dataclasses.replace(whole, negatives=dataclasses.replace(negatives, of=BM25(b=0.9))),
    ]
    assert len({address(one) for one in different}) == len(different)


def test_fields_and_files(file: str) -> None:
    """What is dropped is in the address by the questions themselves; to refuse and to mark drop nothing."""
    for one in (Fields(), TrainingFile(file)):
        assert law(one, address) == {option.name for option in dataclasses.fields(one)} - {"on_overlap"}
    found = {on: address(Fields(on_overlap=on)) for on in ("refuse", "mark", "drop")}
    assert found["refuse"] == found["mark"] != found["drop"]


def test_a_training_file_is_its_content(file: str, tmp_path: Path) -> None:
    before = address(TrainingFile(file))
    (tmp_path / "elsewhere").write_text("q\td\n")
    assert address(TrainingFile(str(tmp_path / "elsewhere"))) == before
    Path(file).write_text("q\tf\n")
    assert address(TrainingFile(file)) != before


def test_mixtures() -> None:
    parts = (Fields(), Fields(sample=3), TrainingSet(JUDGED))
    different = [Mixture(parts), Mixture(parts[:2]), Mixture(parts[::-1]), Mixture(parts, by="even")]
    assert len({address(one) for one in different}) == len(different)
    assert {one.name for one in dataclasses.fields(Mixture)} == {"of", "by"}, "options that were not tried"
