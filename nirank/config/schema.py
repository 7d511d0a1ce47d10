"""The JSON schema of configurations, with every stage's options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from nirank.algebra.application import Keep
from nirank.algebra.registry import load_stages
from nirank.config.collections import COLLECTION_KEYS
from nirank.config.models import DATA, FIELDS, FILE, FOLDS, JUDGED, MINED, MIX, SOUP, TRAIN, WATCH
from nirank.config.models import TUNE as TUNE_KEYS
from nirank.config.reader import APPLIED, TUNE
from nirank.evaluation.comparisons import Significance
from nirank.training.recipe import Recipe

_SCALAR = ["string", "number", "boolean"]
_TAKEN = {
    "string": [*_SCALAR, "null"],
    "number": ["number", "string"],
    "integer": ["number", "string"],
    "boolean": _SCALAR,
}
_APPLIED: dict[str, Any] = {
    "keep": {"enum": list(get_args(Keep))},
    "top": {"type": "integer", "minimum": 1},
    "side": {"enum": ["docs", "queries"]},
}


def schema() -> dict[str, Any]:
    """Return the schema: JSON Schema, draft 2020-12."""
    from pydantic import TypeAdapter

    pipeline = {"$ref": "#/$defs/pipeline"}
    definitions: dict[str, Any] = {}
    forms: list[Any] = [{"type": _SCALAR}, {"type": "array", "items": pipeline}]
    for name, keys in APPLIED.items():
        properties = {key: _APPLIED.get(key, pipeline) for key in keys}
        forms.append(_only(name, {"type": "object", "properties": properties, "additionalProperties": False}))
    candidates = {"type": "array", "items": pipeline}
    forms.append(_only(TUNE, _keys(TUNE_KEYS, required=["on"], of=pipeline, candidates=candidates, on=_keys(JUDGED))))
    for name, kind in load_stages().items():
        options = _loose(TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}"))
        definitions |= options.pop("$defs", {})
        short: dict[str, Any] = {"type": [*_SCALAR, "null", "array"]}  # the first option alone, or none
        if getattr(kind, "lists", (1, 1))[1] != 1:
            several = {"type": "array", "items": pipeline}
            options.setdefault("properties", {})["of"] = {"anyOf": [several, pipeline]}
            short = {"anyOf": [several, {"type": [*_SCALAR, "null"]}]}
        forms.append(_only(name, {"anyOf": [options, short]}))
    collection = {
        "anyOf": [
            {"type": _SCALAR},
            {
                "type": "object",
                "properties": {key: {} for key in COLLECTION_KEYS},
                "anyOf": [
                    {"required": ["path"]},
                    {"required": ["docs", "queries"]},
                    {"required": ["left", "right"]},
                    {"required": ["records"]},
                ],
                "additionalProperties": False,
            },
        ]
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nirank configuration",
        "type": "object",
        "properties": {
            "collections": {"anyOf": [{"type": "array", "items": collection, "minItems": 1}, collection]},
            "systems": {"type": "object", "additionalProperties": pipeline, "minProperties": 1},
            "measures": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
            "store": {"type": [*_SCALAR, "null"]},
            "device": {"type": [*_SCALAR, "null"]},
            "models": {"type": ["object", "null"], "additionalProperties": _models(pipeline)},
            "data": {"type": ["object", "null"], "additionalProperties": _data(pipeline)},
            "seeds": {
                "type": ["integer", "string", "array", "null"],
                "items": {"type": ["integer", "string", "number"]},
            },
            "folds": {"anyOf": [{"type": ["number", "string", "null"]}, _keys(FOLDS, required=["k"])]},
            "max_memory": {"type": ["string", "number", "null"]},
            "significance": {"anyOf": [{"type": _SCALAR}, _loose(TypeAdapter(Significance).json_schema())]},
        },
        "required": ["collections", "systems", "measures"],
        "additionalProperties": False,
        "$defs": {**definitions, "pipeline": {"anyOf": forms}},
    }


def _loose(one: Any) -> Any:
    """Return a schema that takes what the parser converts: numbers written as text, and text that looks like others."""
    if isinstance(one, list):
        return [_loose(item) for item in one]
    if not isinstance(one, dict):
        return one
    found = {key: _loose(item) for key, item in one.items()}
    if isinstance(found.get("type"), str):
        found["type"] = _TAKEN.get(found["type"], found["type"])
    return found


def _models(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a trained model or a soup."""
    from pydantic import TypeAdapter

    recipe = _loose(TypeAdapter(Recipe).json_schema()) | {"additionalProperties": False}
    watch = _keys(WATCH, of=pipeline)
    trained = _keys(TRAIN, required=["base", "data"], base={"type": _SCALAR}, recipe=recipe, watch=watch)
    return {"anyOf": [trained, _keys(SOUP, required=["soup"], watch=watch)]}


def _data(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a training set."""
    mined = {"anyOf": [_keys(MINED, required=["of"], of=pipeline), pipeline]}
    kinds = [
        {"type": _SCALAR},
        _keys(DATA, negatives=mined, teacher=pipeline),
        _keys(FILE, required=["file"]),
        _keys(FIELDS, required=["fields"]),
        _keys(MIX, required=["mix"]),
    ]
    return {"anyOf": kinds}


def _keys(names: Sequence[str], required: Sequence[str] = (), **known: Any) -> dict[str, Any]:
    """Return the schema of a mapping with these keys."""
    properties = {name: known.get(name, {}) for name in names}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _only(name: str, value: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}
