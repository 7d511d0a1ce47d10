"""The law of addresses, for what is trained: every option of models, recipes and training sets, and what they read."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from leaf_sources import LeafSources
from varied_values import vary_options

from nirank import BM25
from nirank.algebra.judged import Judged
from nirank.algebra.model import TrainedModel
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.identity import SEED
from nirank.blocking.rules import Equal, Function, Near
from nirank.errors import ConfigError, DataError
from nirank.inference import models
from nirank.inference.models import ModelFiles
from nirank.stages.dense import Dense
from nirank.stages.first_words import FirstWords
from nirank.stages.sparse import Sparse
from nirank.stages.windows import Windows
from nirank.training.codes import Codes
from nirank.training.copies import Copies
from nirank.training.interaction_models import InteractionRecipe, TrainInteraction
from nirank.training.models import Soup, Train
from nirank.training.negatives import LabelledNegatives, Mined
from nirank.training.recipe import Lora, Recipe
from nirank.training.rule_pairs import RulePairs
from nirank.training.training_data import TrainingData
from nirank.training.training_sets import Fields, Mixture, TrainingFile, TrainingSet
from nirank.training.watch import Watch, WatchCodes

SIDES = Sides(
    Node.leaf("texts", "queries", "queries"), Node.leaf("texts", "docs", "docs"), training_sources=LeafSources()
)
JUDGED = Judged("a", "train", part=(0.25, 0.5))


@pytest.fixture(autouse=True)
def _models_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def resolve(model: Any, revision: str | None = None) -> ModelFiles:
        if isinstance(model, TrainedModel):
            return ModelFiles(tmp_path, "made", {"made": model.compile_node(SIDES).address})
        return ModelFiles(tmp_path, model, {"hub": model, "commit": revision or "main"})

    monkeypatch.setattr(models, "resolve_model", resolve)


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "pairs").write_text("q\td\n")
    (tmp_path / "pairsx").write_text("q\te\n")
    return str(tmp_path / "pairs")


def find_address(value: TrainingData | TrainedModel) -> str:
    return value.compile_node(SIDES).address


def vary(value: Any, find_address: Any) -> set[str]:
    """Vary every option; return those of which another value was allowed."""
    addresses_by_option: dict[str, list[str]] = {}
    values: list[Any] = []
    for option, changed in vary_options(value, skip=()):
        if changed in values:
            continue  # a list of one is that one
        values.append(changed)
        try:
            address = find_address(changed)
        except (ConfigError, DataError):
            continue
        addresses = addresses_by_option.setdefault(option, [])
        assert address not in (find_address(value), *addresses), f"{changed!r} is found as {value!r} or another"
        addresses.append(address)
    return set(addresses_by_option)


def test_recipes() -> None:
    options = {field.name for field in dataclasses.fields(Recipe)}

    def find_trained_address(recipe: Recipe) -> str:
        return find_address(Train("m", Fields(), recipe=recipe, seed=1))

    assert vary(Recipe(), find_trained_address) == options - {"keep_head"}
    assert vary(Recipe(head=8), find_trained_address) == options
    assert vary(Recipe(lora=Lora(targets=("query",))), find_trained_address) >= options - {
        "freeze_layers",
        "keep_head",
        "reinit_layers",
    }


def test_models_that_are_trained() -> None:
    base = Train("m", Fields(), seed=1)
    assert vary(base, find_address) >= {"base", "data", "kind", "recipe", "seed"}
    watch = Watch(JUDGED, Dense("m"))
    assert vary(watch, lambda value: find_address(dataclasses.replace(base, watch=value))) >= {
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
    assert len({find_address(value) for value in different}) == len(different)
    with pytest.raises(ConfigError, match="SEED must be substituted"):
        find_address(dataclasses.replace(base, seed=SEED))


def test_interaction_networks() -> None:
    data = TrainingSet(JUDGED, Mined(BM25(), ranks=(1, 50), n=4, choose="random"))
    drmm, pacrr = (TrainInteraction("m", data, kind, seed=1) for kind in ("drmm", "pacrr"))  # type: ignore[arg-type]
    fields = {field.name for field in dataclasses.fields(TrainInteraction)}
    assert vary(drmm, find_address) | vary(pacrr, find_address) >= fields - {"data", "watch"}
    recipes = vary(InteractionRecipe(), lambda recipe: find_address(dataclasses.replace(drmm, recipe=recipe)))
    assert recipes == {field.name for field in dataclasses.fields(InteractionRecipe)}
    negatives = data.negatives
    assert isinstance(negatives, Mined)
    others = [
        *(dataclasses.replace(data, **{name: value}) for name, value in (("grade", 2), ("positives", 1))),
        *(dataclasses.replace(data, **{name: "text"}) for name in ("query_text", "doc_text")),
        dataclasses.replace(data, queries=dataclasses.replace(JUDGED, split="dev")),
        *(
            dataclasses.replace(data, negatives=dataclasses.replace(negatives, **{name: value}))
            for name, value in (
                ("of", BM25(b=0.9)),
                ("ranks", (1, 60)),
                ("ranks", (2, 50)),
                ("n", 5),
                ("choose", "top"),
            )
        ),
    ]
    addresses = {find_address(dataclasses.replace(drmm, data=value)) for value in (data, *others)}
    assert len(addresses) == 1 + len(others)
    watches = [None, *(Watch(JUDGED, BM25(), measure, patience=n) for measure, n in (("AP", 1), ("AP", 2), ("RR", 1)))]
    watches += [Watch(JUDGED, BM25(), "AP", patience=1, doc_text="text"), Watch(JUDGED, BM25(b=0.9), "AP", patience=1)]
    assert len({find_address(dataclasses.replace(drmm, watch=watch)) for watch in watches}) == len(watches)
    assert find_address(dataclasses.replace(drmm, query_terms=50)) == find_address(drmm)  # what it is unless told
    with pytest.raises(ConfigError, match="SEED must be substituted"):
        find_address(dataclasses.replace(drmm, seed=SEED))


def test_rounds_are_the_chain_that_one_would_write() -> None:
    labelled, mined = LabelledNegatives(), Mined(BM25(), ranks=(1, 20), n=3)
    data = TrainingSet(JUDGED, (labelled, mined), doc_text="text")
    first = Train("m", data, recipe=Recipe(loss="mnr"), seed=1)

    def mine_again(model: Train) -> TrainingSet:
        pipeline = Dense(model, doc_text="text")
        return dataclasses.replace(data, negatives=(labelled, Mined(pipeline, ranks=(1, 20), n=3)))

    second = dataclasses.replace(first, data=mine_again(first))
    third = dataclasses.replace(first, data=mine_again(second))
    for n, model in ((1, first), (2, second), (3, third)):
        assert find_address(dataclasses.replace(first, rounds=n)) == find_address(model)
    third_round = dataclasses.replace(first, base=first, data=mine_again(first))
    assert find_address(dataclasses.replace(first, rounds=2, rounds_from="previous")) == find_address(third_round)
    assert len({find_address(model) for model in (first, second, third, third_round)}) == 4


def test_rounds_of_other_data() -> None:
    plain, fields = TrainingSet(JUDGED), Fields()
    first = Train("m", Mixture((plain, fields)), "sparse_encoder", seed=1)
    mined = dataclasses.replace(plain, negatives=Mined(Sparse(first)))
    chain = dataclasses.replace(first, data=Mixture((mined, fields)))
    assert find_address(dataclasses.replace(first, rounds=2)) == find_address(chain)
    two_lists = TrainingSet(JUDGED, (Mined(BM25()), Mined(Dense("n"))))  # one list is enough
    model = Train("m", two_lists, seed=1)
    by_hand = dataclasses.replace(model, data=TrainingSet(JUDGED, Mined(Dense(model))))
    assert find_address(dataclasses.replace(model, rounds=2)) == find_address(by_hand)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rounds": 0}, "rounds must be 1 or more"),
        ({"rounds_from": "previous"}, "does nothing in one round"),
        ({"rounds": 2, "rounds_from": "last"}, "rounds_from"),
        ({"rounds": 2, "kind": "cross_encoder"}, "a cross-encoder does not search"),
        ({"rounds": 2, "data": Fields()}, "there are none in title and text of the documents"),
    ],
)
def test_rounds_that_cannot_be_meant(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Train(**{"base": "m", "data": TrainingSet(JUDGED), **options})


def test_copies() -> None:
    assert vary(Copies(), find_address) >= {"of", "operators", "n", "text", "sample", "seed"}
    assert vary(Copies(source="a"), find_address) >= {"source"}


def test_codes() -> None:
    data = Codes("key", where={"keyx": "b"})
    options = {field.name for field in dataclasses.fields(Codes)}
    assert vary(data, find_address) >= options - {"on_overlap", "where", "without", "passages"}
    different = [
        data,
        dataclasses.replace(data, where={"keyx": "c"}),
        dataclasses.replace(data, where=None),
        dataclasses.replace(data, passages=(2, 100)),
        dataclasses.replace(data, passages=(3, 100)),
        dataclasses.replace(data, passages=(2, 99)),
        dataclasses.replace(data, without=("dev",)),
        dataclasses.replace(data, on_overlap="drop"),
    ]
    assert len({find_address(value) for value in different}) == len(different)
    assert find_address(dataclasses.replace(data, on_overlap="mark")) == find_address(data)
    base = Train("m", data, seed=1)
    watch = WatchCodes(0.25)
    tried = vary(watch, lambda value: find_address(dataclasses.replace(base, watch=value)))
    assert tried == {"held_out", "every", "patience"}
    assert find_address(base) != find_address(dataclasses.replace(base, watch=watch))


def test_pairs_that_a_rule_labels() -> None:
    data = RulePairs(Near("title", 1.0), BM25())
    fields = {field.name for field in dataclasses.fields(RulePairs)}
    assert vary(data, find_address) >= fields - {"rule", "of", "source", "on_overlap"}
    functions = [Function(lambda left, right: None, name, version) for name, version in (("a", 1), ("a", 2), ("b", 1))]
    rules = [Near("title", 1.0), Near("title", 2.0), Equal("title"), *functions]
    assert len({find_address(dataclasses.replace(data, rule=rule)) for rule in rules}) == len(rules)
    assert find_address(data) != find_address(dataclasses.replace(data, of=Dense("n")))


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
    assert len({find_address(value) for value in different}) == len(different)
    fields = {field.name for field in dataclasses.fields(Soup)}
    assert fields == {"of", "how", "watch", "tie", "alpha"}, "options that were not tried"


def test_training_sets(file: str) -> None:
    negatives = Mined(BM25(), margin=0.5)
    training_set = TrainingSet(JUDGED, negatives, BM25(), rewrite=FirstWords(3), parts=Windows(4))
    groups = TrainingSet(JUDGED, LabelledNegatives(9), groups="query")
    assert vary(training_set, find_address) | vary(groups, find_address) == {
        field.name for field in dataclasses.fields(TrainingSet)
    }
    mined = vary(negatives, lambda value: find_address(dataclasses.replace(training_set, negatives=value)))
    assert mined == {field.name for field in dataclasses.fields(Mined)} - {"of"}
    labelled, seven_negatives = LabelledNegatives(), dataclasses.replace(negatives, n=7)
    sources = [negatives, labelled, LabelledNegatives(3), (labelled, negatives), (negatives, labelled), None]
    sources += [(negatives, seven_negatives), (seven_negatives, negatives)]
    addresses = {find_address(dataclasses.replace(training_set, negatives=value)) for value in sources}
    assert len(addresses) == len(sources)
    assert vary(JUDGED, lambda value: find_address(TrainingSet(value))) == {
        field.name for field in dataclasses.fields(Judged)
    } - {"on_overlap"}
    different = [
        training_set,
        dataclasses.replace(training_set, teacher=BM25(b=0.9)),
        dataclasses.replace(training_set, teacher=None),
        dataclasses.replace(training_set, rewrite=FirstWords(4)),
        dataclasses.replace(training_set, parts=Windows(5)),
        dataclasses.replace(training_set, rewrite=None, parts=None),
        dataclasses.replace(training_set, negatives=dataclasses.replace(negatives, of=BM25(b=0.9))),
    ]
    assert len({find_address(value) for value in different}) == len(different)


def test_fields_and_files(file: str) -> None:
    """What is dropped is in the address by the questions themselves; to refuse and to mark drop nothing."""
    for data in (Fields(), TrainingFile(file)):
        assert vary(data, find_address) == {option.name for option in dataclasses.fields(data)} - {"on_overlap"}
    addresses = {on: find_address(Fields(on_overlap=on)) for on in ("refuse", "mark", "drop")}
    assert addresses["refuse"] == addresses["mark"] != addresses["drop"]


def test_a_training_file_is_its_content(file: str, tmp_path: Path) -> None:
    before = find_address(TrainingFile(file))
    (tmp_path / "elsewhere").write_text("q\td\n")
    assert find_address(TrainingFile(str(tmp_path / "elsewhere"))) == before
    Path(file).write_text("q\tf\n")
    assert find_address(TrainingFile(file)) != before


def test_mixtures() -> None:
    parts = (Fields(), Fields(sample=3), TrainingSet(JUDGED))
    different = [Mixture(parts), Mixture(parts[:2]), Mixture(parts[::-1]), Mixture(parts, by="even")]
    assert len({find_address(value) for value in different}) == len(different)
    assert {field.name for field in dataclasses.fields(Mixture)} == {"of", "by"}, "options that were not tried"
