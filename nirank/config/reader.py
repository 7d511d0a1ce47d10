"""Configurations: YAML into collections, systems and measures. The same algebra as in Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.algebra.application import fold, rewrite, within
from nirank.algebra.pipeline import Pipeline, require_system
from nirank.algebra.registry import find_stage, load_stages
from nirank.base.amounts import parse_size
from nirank.base.values import convert_field, get_field_type, suggest_choice
from nirank.config.collections import CollectionReader, path_of, unknown_keys
from nirank.config.models import ModelReader
from nirank.config.yaml_tree import Mistakes, Tree, parse_yaml, read_yaml
from nirank.errors import ConfigError, suggest
from nirank.evaluation.comparisons import Significance
from nirank.experiment.folds import Folds

_KEYS = (
    *("collections", "systems", "measures", "store", "device", "max_memory", "significance"),
    *("models", "data", "seeds", "folds"),
)
_WRONG = object()  # stands for a value that was refused
_SIGNIFICANCE = ("baseline", "test", "correction", "alpha", "resamples", "seed")
TUNE = "tune"
APPLIED = {"within": ("scope", "of"), "rewrite": ("by", "of"), "fold": ("view", "of", "keep", "top", "side")}


@dataclass(frozen=True)
class Config:
    """A configuration, parsed.

    collections  arguments of `load`, one mapping a collection, with `source`
    systems      pipelines by name; references to other systems are replaced by what they name
    resolved     the whole file after variables and overrides, plain values, for the manifest
    """

    path: Path
    collections: Sequence[Mapping[str, Any]]
    systems: Mapping[str, Pipeline]
    measures: Sequence[str]
    store: str | None
    device: str
    max_memory: str | None
    significance: Significance
    seeds: Sequence[int]
    folds: Folds | None
    resolved: Mapping[str, Any]


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration and check it whole.

    overrides  'dotted.key=value' each, the value as YAML
    Paths in it are relative to the file's folder, or to the working directory if only there
    such a path exists. Raises ConfigError with all mistakes, each with line and excerpt.
    """
    path = Path(path)
    tree, mistakes = read_yaml(path)
    if not isinstance(tree.value, dict):
        raise ConfigError(f"{path}: expected a mapping with collections, systems and measures, got {tree.kind}")
    for one in overrides:
        tree = _override(tree, one, mistakes)
    return _Reader(path, tree, mistakes).read()


def _override(tree: Tree, text: str, mistakes: Mistakes) -> Tree:
    dotted, sign, raw = text.partition("=")
    if not sign or not dotted:
        raise ConfigError(f"--set {text}: expected key=value, such as systems.BM25.bm25.k1=1.2")
    value = parse_yaml(raw, f"--set {text}", mistakes)

    def put(here: Tree, steps: Sequence[str]) -> Tree:
        if not steps:
            return dataclasses.replace(value, line=here.line, column=here.column)
        step, rest = steps[0], steps[1:]
        if isinstance(here.value, list) and step.isdigit() and int(step) < len(here.value):
            items = list(here.value)
            items[int(step)] = put(items[int(step)], rest)
            return dataclasses.replace(here, value=items)
        if isinstance(here.value, str) and rest == [] and here is not tree:  # `bm25` becomes `{bm25: {…}}`
            here = Tree({here.value: Tree({}, here.line, here.column, {})}, here.line, here.column, {})
        if here.value is None:
            here = dataclasses.replace(here, value={})
        if not isinstance(here.value, dict):
            raise ConfigError(f"--set {text}: there is no '{step}' in {here.kind}")
        if rest and step not in here.value:
            if isinstance(here.value, dict) and len(rest) >= 1 and not here.value:
                below = Tree({}, here.line, here.column, {})
            else:
                raise ConfigError(f"--set {text}: there is no key '{step}'{suggest(step, here.value)}")
        else:
            below = here.value.get(step, Tree(None, here.line, here.column, {}))
        if rest and isinstance(below.value, str) and rest[0] == below.value:
            below = Tree({below.value: Tree({}, below.line, below.column, {})}, below.line, below.column, {})
        return dataclasses.replace(here, value={**here.value, step: put(below, rest)})

    return put(tree, dotted.split("."))


class _Reader:
    """Reads one file; mistakes are collected and told together."""

    def __init__(self, path: Path, tree: Tree, mistakes: Mistakes) -> None:
        self.path, self.tree, self.mistakes = path, tree, mistakes
        self.named: dict[str, Tree] = {}
        self.built: dict[str, Pipeline | None] = {}
        data, models = (self._section(key) for key in ("data", "models"))
        self.models = ModelReader(path.parent, data, models, self._pipeline, mistakes)

    def read(self) -> Config:
        top: dict[str, Tree] = self.tree.value
        unknown_keys(self.tree, _KEYS, "a configuration has no key", self.mistakes)
        for key in ("collections", "systems", "measures"):
            if key not in top:
                self.mistakes.add((0, 0), f"has no '{key}'; expected collections, systems and measures")
        reader = CollectionReader(self.path.parent, self.mistakes, self._measure)
        collections = [reader.read(one) for one in self._list("collections")]
        systems = self._systems()
        self.models.read_all()
        measures = [name for one in self._list("measures") if (name := self._measure(one)) is not None]
        store, device, max_memory = self._store(), self._text("device"), self._size("max_memory")
        significance = self._significance(list(systems))
        folds, seeds = self.models.folds(top.get("folds")), self.models.seeds(top.get("seeds"))
        if not any(one.measures_given for one in collections if one) and "measures" in top and not measures:
            self.mistakes.add(top["measures"], "no measures; expected a list such as [nDCG@10, R@100]")
        self.mistakes.raise_if_any()
        return Config(
            self.path,
            [one.arguments for one in collections if one],
            systems,
            measures,
            store,
            device or "auto",
            max_memory,
            significance,
            seeds,
            folds,
            self.tree.plain,
        )

    def _section(self, key: str) -> Mapping[str, Tree]:
        """Return the entries of a section of names."""
        tree = self.tree.value.get(key)
        if tree is None or tree.value is None:
            return {}
        if not isinstance(tree.value, dict):
            self.mistakes.add(tree, f"{key}: expected a mapping of names, got {tree.kind}")
            return {}
        return dict(tree.value)

    def _list(self, key: str) -> list[Tree]:
        one = self.tree.value.get(key)
        if one is None:
            return []
        if isinstance(one.value, (str, dict)):
            return [one]
        if not isinstance(one.value, list) or not one.value:
            self.mistakes.add(one, f"{key}: expected a list with at least one entry, got {one.kind}")
            return []
        return list(one.value)

    def _text(self, key: str) -> str | None:
        one: Tree | None = self.tree.value.get(key)
        if one is None or one.value is None:
            return None
        if one.text is None:
            self.mistakes.add(one, f"{key}: expected text, got {one.kind}")
        return one.text

    def _store(self) -> str | None:
        named = self._text("store")
        try:
            return None if named is None else str(path_of(named, self.path.parent))
        except ConfigError as error:
            self.mistakes.add(self.tree.value["store"], f"store: {error}")
            return None

    def _size(self, key: str) -> str | None:
        one = self.tree.value.get(key)
        if one is None or one.value is None:
            return None
        try:
            parse_size(str(one.value))
        except ConfigError as error:
            self.mistakes.add(one, f"{key}: {error}")
        return str(one.value)

    def _significance(self, systems: Sequence[str]) -> Significance:
        tree = self.tree.value.get("significance")
        if tree is None:
            return Significance()
        if isinstance(tree.value, str):
            given: dict[str, Any] = {"baseline": tree.value}
        elif isinstance(tree.value, dict):
            unknown_keys(tree, _SIGNIFICANCE, "significance has no key", self.mistakes)
            given = {key: tree.value[key] for key in _SIGNIFICANCE if key in tree.value}
            given = {key: self._fitting(one, Significance, key, "significance") for key, one in given.items()}
            if _WRONG in given.values():
                return Significance()
        else:
            self.mistakes.add(tree, f"significance: expected {{baseline: …, test: …}} or a baseline, got {tree.kind}")
            return Significance()
        found = Significance(**given)
        try:
            found.check(systems)
        except ConfigError as error:
            self.mistakes.add(tree, f"significance: {error}")
        return found

    def _fitting(self, tree: Tree, kind: type[Any], key: str, section: str) -> Any:
        """Return a value as a data class's field has it; `_WRONG`, noting a mistake, where it cannot be."""
        try:
            return convert_field(kind, key, tree.typed(get_field_type(kind, key)))
        except ConfigError as error:
            self.mistakes.add(tree, f"{section}: {key}: {error}")
            return _WRONG

    def _measure(self, tree: Tree) -> str | None:
        from nirank.evaluation.measures import parse

        if not isinstance(tree.value, str):
            self.mistakes.add(tree, f"a measure is text such as nDCG@10, got {tree.kind}")
            return None
        try:
            parse(tree.value)
        except ConfigError as error:
            self.mistakes.add(tree, str(error))
        return tree.value

    # -- systems -----------------------------------------------------------------------------------

    def _systems(self) -> dict[str, Pipeline]:
        tree = self.tree.value.get("systems")
        if tree is None:
            return {}
        if not isinstance(tree.value, dict) or not tree.value:
            self.mistakes.add(tree, f"systems: expected a mapping of names to pipelines, got {tree.kind}")
            return {}
        self.named = tree.value
        self.keys = tree.keys
        known = load_stages()
        for name in self.named:
            if name in known or name in APPLIED or name == TUNE:
                self.mistakes.add(tree.keys[name], f"system '{name}' has the name of a stage; give it another")
        for name in self.named:
            self._system(name, ())
        return {name: one for name, one in self.built.items() if one is not None}

    def _system(self, name: str, above: tuple[str, ...]) -> Pipeline | None:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            self.mistakes.add(self.keys[name], f"systems refer to each other in a circle: {circle}")
            return None
        if name not in self.built:
            tree = self.named[name]
            made = self._pipeline(tree, (*above, name))
            self.built[name] = made
            if made is not None:
                try:
                    require_system(name, made)
                except ConfigError as error:
                    self.mistakes.add(tree, str(error))
        return self.built[name]

    def _pipeline(self, tree: Tree, above: tuple[str, ...]) -> Pipeline | None:
        if tree.text in self.named:
            return self._system(str(tree.text), above)
        if isinstance(tree.value, str):
            return self._stage(tree.value, Tree({}, tree.line, tree.column, {}), tree, above)
        if isinstance(tree.value, list):
            steps = [self._pipeline(one, above) for one in tree.value]
            if not steps:
                self.mistakes.add(tree, "an empty list is no pipeline")
            made = [one for one in steps if one is not None]
            if not steps or len(made) < len(steps):
                return None
            return self._try(tree, lambda: _chain(made))
        if isinstance(tree.value, dict) and len(tree.value) == 1:
            ((name, below),) = tree.value.items()
            if name in APPLIED:
                return self._applied(name, below, above)
            if name == TUNE:
                return self.models.tuned(below, above)
            if name in self.named:
                self.mistakes.add(tree, f"'{name}' is a system and takes no options; write its name alone")
                return None
            return self._parametrised(name, below, tree, above)
        self.mistakes.add(
            tree,
            f"a pipeline is a name, a list, or a mapping with one stage such as {{bm25: {{k1: 0.9}}}}, got {tree.kind}"
            + (f" with {len(tree.value)} keys" if isinstance(tree.value, dict) else ""),
        )
        return None

    def _applied(self, name: str, tree: Tree, above: tuple[str, ...]) -> Pipeline | None:
        known = APPLIED[name]
        if not isinstance(tree.value, dict):
            self.mistakes.add(tree, f"{name}: expected {{{', '.join(f'{key}: …' for key in known)}}}, got {tree.kind}")
            return None
        unknown_keys(tree, known, f"{name} has no key", self.mistakes)
        missing = [key for key in known[:2] if key not in tree.value]
        if missing:
            self.mistakes.add(tree, f"{name}: '{missing[0]}' is missing")
            return None
        first, second = (self._pipeline(tree.value[key], above) for key in known[:2])
        if first is None or second is None:
            return None
        if name == "within":
            return self._try(tree, lambda: within(first, second))
        if name == "rewrite":
            return self._try(tree, lambda: rewrite(first, second))
        more: Any = {key: tree.value[key].plain for key in known[2:] if key in tree.value}
        return self._try(tree, lambda: fold(first, second, **more))

    def _parametrised(self, name: str, below: Tree, tree: Tree, above: tuple[str, ...]) -> Pipeline | None:
        """Build a stage with options; under a stage of several inputs `of`, or a bare list, are its inputs."""
        place = Tree(name, *tree.keys.get(name, (tree.line, tree.column)), {})
        kind = self._kind(name, place)
        if kind is None:
            return None
        inputs: list[Tree] = []
        if getattr(kind, "lists", (1, 1))[1] != 1:
            if isinstance(below.value, list):
                inputs, below = below.value, Tree({}, below.line, below.column, {})
            elif isinstance(below.value, dict) and "of" in below.value:
                of = below.value["of"]
                inputs = of.value if isinstance(of.value, list) else [of]
                below = dataclasses.replace(below, value={key: one for key, one in below.value.items() if key != "of"})
        stage = self._stage(name, below, place, above)
        made = [self._pipeline(one, above) for one in inputs]
        if stage is None or not inputs:
            return stage
        of_all = [one for one in made if one is not None]
        if len(of_all) < len(made):
            return None
        return self._try(place, lambda: stage.of(*of_all))  # type: ignore[attr-defined]

    def _kind(self, name: str, place: Tree) -> type[Any] | None:
        try:
            return find_stage(name)
        except ConfigError:
            known = [*self.named, *load_stages(), *APPLIED, TUNE]
            self.mistakes.add(
                place, f"there is no system or stage '{name}'{suggest(name, known)}\nstages: {', '.join(load_stages())}"
            )
            return None

    def _stage(self, name: str, options: Tree, place: Tree, above: tuple[str, ...]) -> Pipeline | None:
        kind = self._kind(name, place)
        if kind is None:
            return None
        fields = [one.name for one in kind.list_options()]
        if not isinstance(options.value, dict):
            if options.value is None:
                options = Tree({}, options.line, options.column, {})
            elif not fields:
                self.mistakes.add(options, f"stage '{name}' has no options")
                return None
            else:
                options = Tree({fields[0]: options}, options.line, options.column, {})
        listed = f"options of {name}: {', '.join(fields) or 'none'}     (more: nirank stages {name})"
        unknown = [key for key in options.value if key not in fields]
        for key in unknown:
            place_of_key = options.keys.get(key, (options.line, options.column))
            self.mistakes.add(place_of_key, f"stage '{name}' has no option '{key}'{suggest(key, fields)}\n{listed}")
        if unknown:
            return None
        return self._validated(kind, options, place, listed, above)

    def _validated(
        self, kind: type[Any], options: Tree, place: Tree, listed: str, above: tuple[str, ...]
    ) -> Pipeline | None:
        from pydantic import TypeAdapter, ValidationError

        plain = {key: one.typed(get_field_type(kind, key)) for key, one in options.value.items()}
        for one in dataclasses.fields(kind):
            if one.name == "path" and isinstance(plain.get("path"), str) and plain["path"]:
                try:
                    plain["path"] = str(path_of(plain["path"], self.path.parent))
                except ConfigError as error:
                    self.mistakes.add(options.value["path"], str(error))
                    return None
            if one.name == "model" and kind.model_kind is not None and isinstance(plain.get("model"), str):
                plain["model"] = self.models.model_asked(options.value["model"], above)
                if plain["model"] is None:
                    return None
        try:
            made: Pipeline = TypeAdapter(kind).validate_python(plain)
        except ValidationError as error:
            for wrong in error.errors():
                where = options.at(wrong["loc"]) if wrong["loc"] else place
                message = wrong["msg"].removeprefix("Value error, ")
                if wrong["type"] == "missing":
                    where, message = place, f"stage '{kind.name}' needs '{wrong['loc'][0]}'\n{listed}"
                elif wrong["loc"]:
                    message = (
                        f"{kind.name}: {wrong['loc'][0]}: {message[0].lower()}{message[1:]}, got {wrong['input']!r}"
                        f"{suggest_choice(wrong)}"
                    )
                self.mistakes.add(where, message)
            return None
        except ConfigError as error:
            self.mistakes.add(place, str(error))
            return None
        return made

    def _try(self, tree: Tree, build: Any) -> Pipeline | None:
        try:
            made: Pipeline = build()
        except ConfigError as error:
            self.mistakes.add(tree, str(error))
            return None
        return made


def _chain(steps: Sequence[Pipeline]) -> Pipeline:
    made = steps[0]
    for one in steps[1:]:
        made = made >> one
    return made
