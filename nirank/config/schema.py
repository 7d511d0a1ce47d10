"""The JSON schema of configurations, made of the models that read them."""

from __future__ import annotations

from typing import Any

from nirank.config.reader import FORMS, Config
from nirank.config.sections import Section

# A number may be written as text; what looks like a number is text where text is wanted.
_NUMBER = (
    r"^\s*[-+]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)([eE][-+]?[0-9]+)?\s*$|^\s*[-+]?([iI][nN][fF].*|[nN][aA][nN])\s*$"
)
# What pydantic takes for yes and no, in any case; as numbers, 0 and 1.
_YES_OR_NO = r"^([01]|[yYnNtTfF]|[oO][nN]|[oO][fF][fF]|[yY][eE][sS]|[nN][oO]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE])$"
_WIDER: dict[str, dict[str, Any]] = {
    "string": {"type": ["string", "number", "boolean", "null"]},
    "number": {"type": ["number", "string"], "pattern": _NUMBER},
    "integer": {"type": ["integer", "string"], "pattern": _NUMBER},
    "boolean": {"type": ["string", "integer", "boolean"], "pattern": _YES_OR_NO, "minimum": 0, "maximum": 1},
}


def build_schema() -> dict[str, Any]:
    """Return the schema: JSON Schema, draft 2020-12."""
    definitions: dict[str, Any] = {}
    top = _expand(Config.model_json_schema(), definitions)
    for key in Config.may_be_empty:
        top["properties"][key] = {"anyOf": [top["properties"][key], {"type": "null"}]}
    for name, form in FORMS.items():
        definitions[name] = _expand({"anyOf": form.list_alternatives()}, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nirank configuration",
        **top,
        "$defs": definitions,
    }


def _expand(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a JSON schema with sections and forms replaced by their schemas, and types widened to what YAML allows.

    definitions  gets what pydantic defines beside a schema
    """
    if isinstance(schema, type) and issubclass(schema, Section):
        return _expand(schema.model_json_schema(), definitions)
    if isinstance(schema, list):
        return [_expand(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("form"), str):
        return {"$ref": f"#/$defs/{schema['form']}"}
    for name, definition in schema.get("$defs", {}).items():
        definitions[name] = _expand(definition, definitions)
    kept = {key: value for key, value in schema.items() if key != "$defs" and not _is_noise(key, value)}
    expanded = {key: _expand(value, definitions) for key, value in kept.items()}
    kind = expanded.get("type")
    return expanded | _WIDER.get(kind, {}) if isinstance(kind, str) else expanded


def _is_noise(key: str, value: Any) -> bool:
    """Tell whether a part of a schema says nothing: a title that repeats the key, or None as a default."""
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
