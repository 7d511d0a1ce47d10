"""The JSON schema of configurations, with every stage's options."""

from __future__ import annotations

from typing import Any, get_args

from nirank.config import APPLIED
from nirank.config_collections import COLLECTION_KEYS
from nirank.evaluation.comparisons import Significance
from nirank.pipeline import Keep
from nirank.registry import stages

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
    forms: list[Any] = [{"type": "string"}, {"type": "array", "items": pipeline}]
    for name, keys in APPLIED.items():
        properties = {key: _APPLIED.get(key, pipeline) for key in keys}
        forms.append(_only(name, {"type": "object", "properties": properties, "additionalProperties": False}))
    for name, kind in stages().items():
        options = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
        definitions |= options.pop("$defs", {})
        if getattr(kind, "lists", (1, 1))[1] != 1:
            options.setdefault("properties", {})["of"] = {"type": "array", "items": pipeline}
            options = {"anyOf": [{"type": "array", "items": pipeline}, options]}
        else:
            options = {"anyOf": [options, {"type": ["string", "number"]}]}
        forms.append(_only(name, options))
    collection = {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {key: {} for key in COLLECTION_KEYS},
                "anyOf": [{"required": ["path"]}, {"required": ["docs", "queries"]}],
                "additionalProperties": False,
            },
        ]
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nirank configuration",
        "type": "object",
        "properties": {
            "collections": {"type": "array", "items": collection, "minItems": 1},
            "systems": {"type": "object", "additionalProperties": pipeline, "minProperties": 1},
            "measures": {"type": "array", "items": {"type": "string"}},
            "store": {"type": "string"},
            "device": {"type": "string"},
            "max_memory": {"type": ["string", "integer"]},
            "significance": {"anyOf": [{"type": "string"}, TypeAdapter(Significance).json_schema()]},
        },
        "required": ["collections", "systems", "measures"],
        "additionalProperties": False,
        "$defs": {**definitions, "pipeline": {"anyOf": forms}},
    }


def _only(name: str, value: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {name: value}, "required": [name], "additionalProperties": False}
