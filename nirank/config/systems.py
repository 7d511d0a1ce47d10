"""The section `systems` of a configuration: pipelines, the same algebra as in Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from operator import rshift
from typing import Any

from nirank.algebra.application import Fold, Rewrite, Within, fold, rewrite, within
from nirank.algebra.pipeline import Pipeline, check_system
from nirank.algebra.registry import find_stage, load_stages
from nirank.config.open_file import Form, OpenFile
from nirank.config.paths import FilePath
from nirank.config.sections import SCALAR, Section, Words, make_section, mark_form, read_value
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError, suggest


def _make_composite_section(kind: type[Any], name: str, first: str) -> type[Section]:
    """Return the section of what applies one pipeline to another."""
    words = Words(name, f"{name} has no key", f"{{{first}: …, of: …}}", f"{name}: '{{key}}' is missing")
    pipelines = {first: mark_form("pipeline"), "of": mark_form("pipeline")}
    return make_section(kind, words, **pipelines)


_COMPOSITES: Mapping[str, tuple[Callable[..., Pipeline], type[Section]]] = {
    "within": (within, _make_composite_section(Within, "within", "scope")),
    "rewrite": (rewrite, _make_composite_section(Rewrite, "rewrite", "by")),
    "fold": (fold, _make_composite_section(Fold, "fold", "view")),
}
_DECIDED = ("tune", "learned_sum")  # by judged queries


def _read_systems(tree: Tree, file: OpenFile) -> dict[str, Pipeline] | None:
    """Read all systems by name; references to other systems are replaced by what they name."""
    if not isinstance(tree.value, dict) or not tree.value:
        file.mistakes.add(tree, f"systems: expected a mapping of names to pipelines, got {tree.kind}")
        return None
    known = {*load_stages(), *_COMPOSITES, *_DECIDED}
    for name in known & set(tree.value):
        file.mistakes.add(tree.find_key(name), f"system '{name}' has the name of a stage; give it another")
    pipelines = {name: file.read_named("systems", name, _read_pipeline) for name in tree.value}
    for name, pipeline in pipelines.items():
        if pipeline is not None:
            with file.note_errors(tree.value[name]):
                check_system(name, pipeline)
    return {name: pipeline for name, pipeline in pipelines.items() if pipeline is not None}


def _read_pipeline(tree: Tree, file: OpenFile) -> Pipeline | None:
    """Read a pipeline: the name of a system or stage, a list of pipelines, or a mapping with one stage."""
    pipeline: Pipeline | None
    systems = file.list_names("systems")
    if tree.text in systems:
        pipeline = file.read_named("systems", str(tree.text), _read_pipeline)
        return pipeline
    if isinstance(tree.value, str):
        return _read_stage(tree.value, tree.replace({}), tree, file)
    if isinstance(tree.value, list):
        return _read_chain(tree, file)
    if not isinstance(tree.value, dict) or len(tree.value) != 1:
        keys = f" with {len(tree.value)} keys" if isinstance(tree.value, dict) else ""
        example = "a pipeline is a name, a list, or a mapping with one stage such as {bm25: {k1: 0.9}}"
        file.mistakes.add(tree, f"{example}, got {tree.kind}{keys}")
        return None
    ((name, options),) = tree.value.items()
    if name in _COMPOSITES:
        make, section = _COMPOSITES[name]
        return read_value(section, make, options, file)
    if name in _DECIDED:
        pipeline = file.read(name, options)
        return pipeline
    if name in systems:
        file.mistakes.add(tree, f"'{name}' is a system and takes no options; write its name alone")
        return None
    line, column = tree.find_key(name)
    return _read_stage(name, options, Tree(name, line, column, {}), file)


def _read_chain(tree: Tree, file: OpenFile) -> Pipeline | None:
    """Read a list of pipelines, each behind the one before."""
    if not tree.value:
        file.mistakes.add(tree, "an empty list is no pipeline")
        return None
    pipelines = [_read_pipeline(entry, file) for entry in tree.value]
    if None not in pipelines:
        with file.note_errors(tree):
            return reduce(rshift, pipelines)
    return None


def _read_stage(name: str, options: Tree, place: Tree, file: OpenFile) -> Pipeline | None:
    """Read a stage with its options; under a stage of several lists, `of` or a bare list are its inputs."""
    try:
        kind: Any = find_stage(name)
    except ConfigError:
        known = [*file.list_names("systems"), *load_stages(), *_COMPOSITES, *_DECIDED]
        near = suggest(name, known)
        file.mistakes.add(place, f"there is no system or stage '{name}'{near}\nstages: {', '.join(load_stages())}")
        return None

    def join_lists(*, of: Sequence[Pipeline] = (), **values: Any) -> Pipeline:
        stage = kind(**values)
        pipeline: Pipeline = stage.of(*of) if of else stage
        return pipeline

    mapping = options if isinstance(options.value, dict) else _name_options(options, kind)
    if mapping is None:
        file.mistakes.add(options, f"stage '{name}' has no options")
        return None
    make = join_lists if _takes_lists(kind) else kind
    return read_value(_make_stage_section(kind), make, mapping, file, place)


def _name_options(options: Tree, kind: type[Any]) -> Tree | None:
    """Return options with their names, where the first or the inputs are written alone; None where there are none."""
    if options.value is None:
        return options.replace({})
    if _takes_lists(kind) and isinstance(options.value, list):
        return options.replace({"of": options})
    first = next(iter(kind.list_options()), None)
    return None if first is None else options.replace({first.name: options})


def _takes_lists(kind: type[Any]) -> bool:
    """Tell whether a stage takes several lists."""
    return bool(getattr(kind, "lists", (1, 1))[1] != 1)


@cache
def _make_stage_section(kind: Any) -> type[Section]:
    """Return the section of a stage's options."""
    options = {option.name: option for option in kind.list_options()}
    keys: dict[str, Any] = {}
    if "path" in options:
        keys["path"] = FilePath if options["path"].default is dataclasses.MISSING else FilePath | None
    if "model" in options and kind.model_kind is not None:
        keys["model"] = mark_form("model")
    if "queries" in options:
        keys["queries"] = mark_form("synthetic")
    if "on" in options:
        keys["on"] = (mark_form("judged"), ...)
    if "rule" in options:
        keys["rule"] = (mark_form("rule"), ...)
    if _takes_lists(kind):
        keys["of"] = mark_form("pipeline", least=0)
    listing = f"options of {kind.name}: {', '.join(options) or 'none'}     (more: nirank stages {kind.name})"
    missing = f"stage '{kind.name}' needs '{{key}}'\n{listing}"
    return make_section(kind, Words(kind.name, f"stage '{kind.name}' has no option", "", missing, listing), **keys)


def _list_pipeline_forms() -> list[Any]:
    """Return what a pipeline may be: a name, a list, or a mapping with one key."""
    properties: dict[str, Any] = {name: section for name, (_, section) in _COMPOSITES.items()}
    properties |= {name: {"form": name} for name in _DECIDED}
    kinds: Mapping[str, Any] = load_stages()
    for name, kind in kinds.items():
        properties[name] = {"anyOf": [_make_stage_section(kind), _describe_short_form(kind)]}
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    listed = {"type": "array", "items": {"form": "pipeline"}, "minItems": 1}
    return [SCALAR, listed, mapping | {"minProperties": 1, "maxProperties": 1}]


def _describe_short_form(kind: Any) -> dict[str, Any]:
    """Return what may stand in place of a stage's options: its inputs, its first option alone, or nothing."""
    options = kind.list_options()
    required = [option.name for option in options if option.default is dataclasses.MISSING]
    choices: list[Any] = [] if required else [{"type": "null"}]
    if _takes_lists(kind) and not required:
        choices.append({"type": "array", "items": {"form": "pipeline"}})
    elif options and required in ([], [options[0].name]):
        schema = _make_stage_section(kind).model_json_schema()
        choices.append({"$defs": schema.get("$defs", {}), **schema["properties"][options[0].name]})
    return {"not": {"type": "object"}, "anyOf": choices} if choices else {"not": {}}


FORMS = {
    "systems": Form(
        _read_systems,
        lambda: [{"type": "object", "additionalProperties": {"form": "pipeline"}, "minProperties": 1}],
    ),
    "pipeline": Form(_read_pipeline, _list_pipeline_forms),
}
