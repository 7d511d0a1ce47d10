"""The sections `data` and `models` of a configuration, and what else is held out, tuned and split in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nirank.algebra.judged import Judged
from nirank.algebra.model import TrainedModel
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.registry import find_stage
from nirank.algebra.tuned import Tuned, grid, tune
from nirank.base.files import expand_path
from nirank.base.values import convert_field, convert_value, get_field_type
from nirank.config.collections import path_of, unknown_keys
from nirank.config.yaml_tree import Mistakes, Tree
from nirank.errors import ConfigError, suggest
from nirank.experiment.folds import Folds
from nirank.experiment.seeds import parse_seeds
from nirank.training.models import Soup, Train
from nirank.training.negatives import Mined
from nirank.training.recipe import Recipe
from nirank.training.training_sets import Fields, Mixture, TrainingData, TrainingFile, TrainingSet
from nirank.training.watch import Watch

T = TypeVar("T")
Above = tuple[str, ...]

JUDGED = ("path", "split", "qrels", "part", "sample", "on_overlap")
MINED = ("of", "ranks", "n", "choose", "margin", "relative")
DATA = (*JUDGED, "negatives", "teacher", "grade", "positives", "doc_text", "query_text")
FIELDS = ("fields", "path", "sample", "on_overlap")
FILE = ("file", "path", "on_overlap")
MIX = ("mix", "by")
WATCH = (*JUDGED, "of", "measure", "every", "patience", "doc_text", "query_text")
TRAIN = ("base", "data", "kind", "recipe", "watch", "seed")
SOUP = ("soup", "over", "how", "watch", "tie", "alpha")
TUNE = ("of", "over", "candidates", "on", "measure")
FOLDS = ("k", "seed")


class ModelReader:
    """Reads trained models and their data by name, each when it is first asked for.

    pipeline  reads a pipeline; None where it is a mistake
    """

    def __init__(
        self,
        folder: Path,
        data: Mapping[str, Tree],
        models: Mapping[str, Tree],
        pipeline: Callable[[Tree, Above], Pipeline | None],
        mistakes: Mistakes,
    ) -> None:
        self.folder, self.data, self.models, self.mistakes = folder, data, models, mistakes
        self._pipeline = pipeline
        self._built: dict[str, Any] = {}

    def read_all(self) -> None:
        """Read everything, so that the mistakes of what no system uses are told too."""
        for name in self.data:
            self._named("data", name, (), self._data)
        for name in self.models:
            self._named("models", name, (), self._model)

    def model(self, name: str, above: Above) -> TrainedModel | None:
        """Return a model by name; None where it is a mistake."""
        found: TrainedModel | None = self._named("models", name, above, self._model)
        return found

    def model_asked(self, tree: Tree, above: Above) -> str | TrainedModel | None:
        """Return the model that a text means: a named one, else the text, a hub id or folder; None for a mistake."""
        name = tree.text
        if name is None:
            self.mistakes.add(
                tree, f"expected a model: a name, a hub id, a folder or pkg:PACKAGE/path, got {tree.kind}"
            )
            return None
        if name in self.models:
            return self.model(name, above)
        here = self._try(tree, lambda: expand_path(name))
        if here is None:
            return None
        elsewhere = not name or "/" in name or ":" in name or here.is_dir()
        if self.models and not elsewhere:
            self.mistakes.add(
                tree,
                f"there is no model '{name}'{suggest(name, self.models)}\nnamed models: {', '.join(self.models)};"
                " others are hub ids such as org/name, folders, or pkg:PACKAGE/path",
            )
            return None
        return name

    def _named(self, section: str, name: str, above: Above, read: Callable[[Tree, Above], T | None]) -> T | None:
        key = f"{section}.{name}"
        tree: Tree = getattr(self, section)[name]
        if key in above:
            self.mistakes.add(tree, f"{section} refer to each other in a circle: {' -> '.join((*above, key))}")
            return None
        if key not in self._built:
            self._built[key] = read(tree, (*above, key))
        found: T | None = self._built[key]
        return found

    # -- data --------------------------------------------------------------------------------------

    def _data(self, tree: Tree, above: Above) -> TrainingData | None:
        if tree.text is not None:
            return self._data_named(tree.text, tree, above)
        if not self._mapping(tree, "data", "{split: train, negatives: …}, {file: …}, {fields: …} or {mix: […]}"):
            return None
        if "mix" in tree.value:
            unknown_keys(tree, MIX, "a mixture has no key", self.mistakes)
            listed = tree.value["mix"].value
            if not isinstance(listed, list):
                self.mistakes.add(tree.value["mix"], f"mix: expected a list of data, got {tree.value['mix'].kind}")
                return None
            of = self._all(self._data(one, above) for one in listed)
            return None if of is None else self._made(Mixture, tree, {"of": tuple(of)}, ("mix",))
        if "file" in tree.value:
            unknown_keys(tree, FILE, "a file of examples has no key", self.mistakes)
            path = self._path(tree.value["file"], "file")
            if path is None:
                return None
            return self._made(TrainingFile, tree, {"path": str(path), **self._source(tree)}, ("file", "path"))
        if "fields" in tree.value:
            unknown_keys(tree, FIELDS, "fields have no key", self.mistakes)
            named = tree.value["fields"]
            if not self._mapping(named, "fields", "{query: title, positive: text}"):
                return None
            unknown_keys(named, ("query", "positive"), "fields have no key", self.mistakes)
            flat = dataclasses.replace(tree, value={**tree.value, **named.value})
            return self._made(Fields, flat, self._source(tree), ("fields", "path"))
        unknown_keys(tree, DATA, "data have no key", self.mistakes)
        queries = self._judged(tree)
        given: dict[str, Any] = {"queries": queries}
        ok = queries is not None
        if "negatives" in tree.value:
            given["negatives"] = self._mined(tree.value["negatives"], above)
            ok &= given["negatives"] is not None
        if "teacher" in tree.value:
            given["teacher"] = self._pipeline(tree.value["teacher"], above)
            ok &= given["teacher"] is not None
        return self._made(TrainingSet, tree, given, (*JUDGED, "negatives", "teacher")) if ok else None

    def _data_named(self, name: str, tree: Tree, above: Above) -> TrainingData | None:
        if name not in self.data:
            self.mistakes.add(tree, f"there is no data '{name}'{suggest(name, self.data)}")
            return None
        return self._named("data", name, above, self._data)

    def _mined(self, tree: Tree, above: Above) -> Mined | None:
        if not isinstance(tree.value, dict) or "of" not in tree.value:
            of = self._pipeline(tree, above)
            return None if of is None else self._try(tree, lambda: Mined(of))
        unknown_keys(tree, MINED, "negatives have no key", self.mistakes)
        found = self._pipeline(tree.value["of"], above)
        return None if found is None else self._made(Mined, tree, {"of": found}, ("of",))

    def _judged(self, tree: Tree) -> Judged | None:
        """Read the keys of judged queries out of a mapping that has others too."""
        own = dataclasses.replace(tree, value={key: one for key, one in tree.value.items() if key in JUDGED})
        return self._made(Judged, own, self._source(tree), ("path",))

    def _source(self, tree: Tree) -> dict[str, str]:
        if "path" not in tree.value:
            return {}
        path = self._path(tree.value["path"], "path")
        if path is None:
            return {}
        return {"source": str(path) if path.exists() else str(tree.value["path"].text)}

    def _path(self, tree: Tree, key: str) -> Path | None:
        """Return the path that a text names; None where it is a mistake."""
        if not tree.text:
            self.mistakes.add(tree, f"{key}: expected a path, got {tree.kind if tree.text is None else 'empty text'}")
            return None
        text = tree.text
        return self._try(tree, lambda: path_of(text, self.folder))

    # -- models ------------------------------------------------------------------------------------

    def _model(self, tree: Tree, above: Above) -> TrainedModel | None:
        if not self._mapping(tree, "a model", "{base: …, data: …} or {soup: […]}"):
            return None
        return self._soup(tree, above) if "soup" in tree.value else self._train(tree, above)

    def _train(self, tree: Tree, above: Above) -> Train | None:
        unknown_keys(tree, TRAIN, "a trained model has no key", self.mistakes)
        missing = [key for key in ("base", "data") if key not in tree.value]
        if missing:
            self.mistakes.add(
                tree, f"a trained model needs '{missing[0]}'; it has base, data, kind, recipe, watch, seed"
            )
            return None
        parts: dict[str, Any] = {
            "base": self.model_asked(tree.value["base"], above),
            "data": self._data(tree.value["data"], above),
        }
        if "recipe" in tree.value:
            parts["recipe"] = self._recipe(tree.value["recipe"])
        if "watch" in tree.value:
            parts["watch"] = self._watch(tree.value["watch"], above)
        return None if None in parts.values() else self._made(Train, tree, parts, ())

    def _recipe(self, tree: Tree) -> Recipe | None:
        if not self._mapping(tree, "recipe", "{epochs: 1, learning_rate: 2e-5, …}"):
            return None
        unknown_keys(tree, [one.name for one in dataclasses.fields(Recipe)], "a recipe has no key", self.mistakes)
        return self._made(Recipe, tree, {}, ())

    def _watch(self, tree: Tree, above: Above) -> Watch | None:
        if not self._mapping(tree, "watch", "{split: dev, of: bm25}"):
            return None
        if "of" not in tree.value:
            self.mistakes.add(tree, "watch: needs 'of', the pipeline whose lists the model re-ranks")
            return None
        unknown_keys(tree, WATCH, "watch has no key", self.mistakes)
        queries, of = self._judged(tree), self._pipeline(tree.value["of"], above)
        if queries is None or of is None:
            return None
        return self._made(Watch, tree, {"queries": queries, "of": of}, (*JUDGED, "of"))

    def _soup(self, tree: Tree, above: Above) -> Soup | None:
        unknown_keys(tree, SOUP, "a soup has no key", self.mistakes)
        named = tree.value["soup"]
        listed = named.value if isinstance(named.value, list) else [named]
        found = []
        for one in listed:
            if one.text is None:
                self.mistakes.add(one, f"soup: expected the name of a model, or a list of names, got {one.kind}")
                return None
            if one.text not in self.models:
                self.mistakes.add(one, f"there is no model '{one.text}'{suggest(one.text, self.models)}")
                return None
            found.append(self.model(one.text, above))
        of = self._all(found)
        if of is not None and "over" in tree.value:
            models, over = of, self._over(tree.value["over"], above)
            varied = over and self._try(
                tree.value["over"], lambda: [made for one in models for made in grid(one, over)]
            )
            of = varied or None
        given: dict[str, Any] = {"of": None if of is None else tuple(of)}
        if "watch" in tree.value:
            given["watch"] = self._watch(tree.value["watch"], above)
        return None if None in given.values() else self._made(Soup, tree, given, ("soup", "over"))

    # -- tuning, folds, seeds ----------------------------------------------------------------------

    def tuned(self, tree: Tree, above: Above) -> Tuned | None:
        """Read what stands under `tune`."""
        if not self._mapping(tree, "tune", "{of: …, over: {…}, on: {split: train}} or {candidates: […], on: …}"):
            return None
        unknown_keys(tree, TUNE, "tune has no key", self.mistakes)
        if ("candidates" in tree.value) == ("of" in tree.value) or "on" not in tree.value:
            self.mistakes.add(tree, "tune: needs 'on', and either 'candidates' or 'of' with 'over'")
            return None
        on_tree = tree.value["on"]
        if not self._mapping(on_tree, "on", "{split: train}"):
            return None
        unknown_keys(on_tree, JUDGED, "on has no key", self.mistakes)
        on = self._judged(on_tree)
        key = "candidates" if "candidates" in tree.value else "of"
        listed = tree.value[key].value
        trees = listed if key == "candidates" and isinstance(listed, list) else [tree.value[key]]
        of = self._all(self._pipeline(one, above) for one in trees)
        if on is None or of is None:
            return None
        more = {}
        if "measure" in tree.value:
            more["measure"] = tree.value["measure"].value
            if not isinstance(more["measure"], str):
                self.mistakes.add(tree.value["measure"], f"a measure is text such as nDCG@10, got {more['measure']!r}")
                return None
        over = None
        if "over" in tree.value:
            over = self._over(tree.value["over"], above)
            if over is None:
                return None
            if key == "of" and over:  # here, so that a mistake has its place
                varied = self._try(tree.value["over"], lambda: grid(of[0], over))
                return None if varied is None else self._try(tree, lambda: tune(varied, on=on, **more))
        return self._try(tree, lambda: tune(of[0] if key == "of" else of, over, on=on, **more))

    def _over(self, tree: Tree, above: Above) -> dict[str, Any] | None:
        """Read what is varied, {path: values}; where models are, texts may name them."""
        if not self._mapping(tree, "over", "{stage.option: [values]}"):
            return None
        found: dict[str, Any] = {}
        for path, listed in tree.value.items():
            found[path] = listed.plain
            if isinstance(listed.value, list) and _varies_models(path):
                models = self._all(self.model_asked(one, above) for one in listed.value)
                if models is None:
                    return None
                found[path] = models
        return found

    def folds(self, tree: Tree | None) -> Folds | None:
        """Read `folds`: a number, or {k: …, seed: …}."""
        if tree is None or tree.value is None:
            return None
        if not isinstance(tree.value, dict):
            return self._try(tree, lambda: Folds(convert_field(Folds, "k", tree.typed(int))))
        unknown_keys(tree, FOLDS, "folds have no key", self.mistakes)
        if "k" not in tree.value:
            self.mistakes.add(tree, "folds: 'k', how many, is missing; expected {k: 5, seed: 0}")
            return None
        return self._made(Folds, tree, {}, ())

    def seeds(self, tree: Tree | None) -> tuple[int, ...]:
        """Read `seeds`: a list of numbers, or one."""
        if tree is None or tree.value is None:
            return (1,)
        listed = tree.typed(list[int]) if isinstance(tree.value, list) else [tree.typed(int)]
        return self._try(tree, lambda: parse_seeds(_whole(listed))) or (1,)

    # -- what all have in common -------------------------------------------------------------------

    def _made(self, kind: type[T], tree: Tree, given: Mapping[str, Any], apart: Sequence[str]) -> T | None:
        """Make a value of a mapping: `given` are read already, keys in `apart` belong elsewhere."""
        names = {one.name for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
        values, ok = dict(given), True
        for key, below in tree.value.items():
            if key in given or key in apart or key not in names:
                continue
            try:
                values[key] = convert_field(kind, key, below.typed(get_field_type(kind, key)))
            except ConfigError as error:
                said = str(error)
                self.mistakes.add(below, said if said.startswith(f"{key}: ") else f"{key}: {said}")
                ok = False
        return self._try(tree, lambda: kind(**values)) if ok else None

    def _try(self, tree: Tree, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ConfigError as error:
            self.mistakes.add(tree, str(error))
            return None

    def _all(self, found: Any) -> list[Any] | None:
        made = list(found)
        return None if None in made else made

    def _mapping(self, tree: Tree, what: str, expected: str) -> bool:
        if not isinstance(tree.value, dict):
            self.mistakes.add(tree, f"{what}: expected {expected}, got {tree.kind}")
            return False
        return True


def _whole(listed: Sequence[Any]) -> list[Any]:
    """Return numbers that are written as text, or as 1e1, as whole numbers; what is none stays for the message."""
    found = []
    for one in listed:
        try:
            found.append(convert_value(int, one))
        except ConfigError:
            found.append(one)
    return found


def _varies_models(path: str) -> bool:
    """Tell whether what a path leads to is a model, as far as its names say."""
    stage, _, option = path.rpartition(".")
    if option != "model":
        return option == "base"
    try:
        return find_stage(stage).model_kind is not None
    except ConfigError:
        return False
