"""The keys of a configuration as Markdown, from the schema that configurations are checked against."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from docstring_text import list_meanings
from reference_tables import escape_markdown, write_table

import nirank
from nirank.config.schema import build_schema

_STAGES = "pipeline"  # whose keys are the stages, which have a page
_LATER = "Placeholder"  # stands for a value inside nirank, and in no configuration
_PYTHON = {  # where a key's meaning is written down: the class that the section makes
    "code_options": "Codes",
    "collection": "load",
    "copy_options": "Copies",
    "diagnostics": "Diagnostics",
    "few_shot": "FewShot",
    "folds": "Folds",
    "hashed_ngrams": "HashedNGrams",
    "interaction_recipe": "InteractionRecipe",
    "judged": "Judged",
    "Lora": "Lora",
    "recipe": "Recipe",
    "selection": "Selection",
    "synthetic": "SyntheticQueries",
    "watch": "Watch",
}
_SCALARS = {
    ("number", "string"): "number",
    ("integer", "string"): "whole number",
    ("boolean", "number", "string"): "text",
    ("boolean", "null", "number", "string"): "text",
    ("null", "number", "string"): "text",
    ("string",): "text",
    ("object", "string"): "text or mapping",
}


def write_configuration() -> str:
    """Return the keys of a whole configuration, then a section for each part that has a name."""
    schema = build_schema()
    parts = [*_describe_objects(schema, _find_meanings("Experiment"))]
    for name, definition in sorted(schema["$defs"].items(), key=lambda item: item[0].lower()):
        if name == _LATER:
            continue
        python = f" In Python: {{py:class}}`nirank.{_PYTHON[name]}`." if name in _PYTHON else ""
        if name == _STAGES:
            kinds = "`{stage: options}` with one of the [stages](stages.md)"
            tables = list(_describe_objects(_leave_stages_out(definition), {}))
            summary = f"a stage's or a system's name; a list of pipelines, each behind the one before; {kinds}; or:"
        else:
            tables = list(_describe_objects(definition, _find_meanings(_PYTHON.get(name, ""))))
            summary = describe_type(definition)
        parts += [f"## {name}", f"{summary[0].upper()}{summary[1:]}.{python}".replace(":.", ":"), *tables]
    return "\n\n".join(parts)


def describe_type(schema: dict[str, Any]) -> str:
    """Return what may stand somewhere, in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name == _LATER:
            return "nothing"
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "array" in kinds:
        if "prefixItems" in schema:
            return "[" + ", ".join(describe_type(item) for item in schema["prefixItems"]) + "]"
        return f"list of {describe_type(schema['items'])}" if isinstance(schema.get("items"), dict) else "list"
    if "object" in kinds:
        if schema.get("properties"):
            return "mapping"
        values = schema.get("additionalProperties")
        return f"names: {describe_type(values)}" if isinstance(values, dict) else "mapping"
    if "boolean" in kinds and isinstance(schema.get("default"), bool):
        return "true \\| false"
    if kinds and kinds != ["null"]:
        return _SCALARS.get(tuple(sorted(kinds)), "text")
    options = [
        describe_type(option) for option in schema.get("anyOf", []) if "not" not in option or "anyOf" not in option
    ]
    options += [
        describe_type({"anyOf": option["anyOf"]})
        for option in schema.get("anyOf", [])
        if "not" in option and "anyOf" in option
    ]
    return ", or ".join(dict.fromkeys(option for option in options if option != "nothing")) or "nothing"


def _describe_objects(schema: dict[str, Any], meanings: dict[str, str]) -> Iterator[str]:
    """Yield a table for each mapping with known keys that a schema allows, the inner ones behind it."""
    options = [option for option in (schema, *schema.get("anyOf", [])) if option.get("properties")]
    for position, option in enumerate(options):
        properties = option["properties"]
        told = any(key in meanings for key in properties)
        rows = [_describe_key(key, value, option, meanings if told else None) for key, value in properties.items()]
        table = write_table(("key", "value", "if not given", *(["meaning"] if told else [])), rows)
        yield table if position == 0 else f"Or:\n\n{table}"
        for key, value in properties.items():
            for table in _describe_objects(value, {}):
                yield f"`{key}`:\n\n{table}"


def _describe_key(
    key: str, value: dict[str, Any], option: dict[str, Any], meanings: dict[str, str] | None
) -> list[str]:
    default = next(
        (part["default"] for part in (value, *value.get("anyOf", [])) if part.get("default") is not None), None
    )
    if key in option.get("required", ()):
        given = "must be given"
    else:
        given = "" if default is None or default in ([], "") else f"`{_write_default(default)}`"
    row = [f"`{key}`", describe_type(value), given]
    return row if meanings is None else [*row, escape_markdown(meanings.get(key, ""))]


def _write_default(value: Any) -> str:
    return json.dumps(value).replace('"', "") if isinstance(value, (list, bool)) else str(value)


def _find_meanings(name: str) -> dict[str, str]:
    return list_meanings(inspect.getdoc(getattr(nirank, name)) or "") if name else {}


def _leave_stages_out(definition: dict[str, Any]) -> dict[str, Any]:
    from nirank.algebra.registry import load_stages

    stages = load_stages()
    mappings = [option for option in definition["anyOf"] if option.get("properties")]
    return {
        "anyOf": [
            option | {"properties": {key: value for key, value in option["properties"].items() if key not in stages}}
            for option in mappings
        ]
    }
