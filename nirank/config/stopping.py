"""The section `stopping` of a configuration: rules that say when a review may end."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import SCALAR, Section, Words, make_section, mark_form, read_value
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError
from nirank.stopping.combined import AllRules, AnyRule
from nirank.stopping.rule import StoppingRule
from nirank.stopping.rules import STOPPING_RULES, find_stopping_rule

_FORM = "stopping_rule"


def _read_rule(tree: Tree, file: OpenFile) -> StoppingRule | None:
    """Read a rule: its name, or a mapping of it to options, to its first option, or to the rules that it joins."""
    if tree.text is not None:
        return _read_options(tree.text, tree.replace({}), tree, file)
    if not isinstance(tree.value, dict) or len(tree.value) != 1:
        example = "a stopping rule is a name or a mapping with one, such as {consecutive: 50}"
        file.mistakes.add(tree, f"{example}, got {tree.kind}")
        return None
    ((name, options),) = tree.value.items()
    line, column = tree.find_key(name)
    return _read_options(str(name), options, Tree(name, line, column, {}), file)


def _read_options(name: str, options: Tree, place: Tree, file: OpenFile) -> StoppingRule | None:
    try:
        kind = find_stopping_rule(name)
    except ConfigError as error:
        file.mistakes.add(place, str(error))
        return None
    fields = [field.name for field in dataclasses.fields(kind)]
    if options.value is None:
        options = options.replace({})
    elif not isinstance(options.value, dict) or issubclass(kind, (AnyRule, AllRules)):
        if not fields:
            file.mistakes.add(options, f"stopping rule '{name}' has no options")
            return None
        options = options.replace({fields[0]: options})
    return read_value(_make_rule_section(kind), kind, options, file, place)


@cache
def _make_rule_section(kind: type[StoppingRule]) -> type[Section]:
    """Return the section of a rule's options."""
    fields = [field.name for field in dataclasses.fields(kind)]
    listing = f"options: {', '.join(fields) or 'none'}"
    words = Words(
        f"stopping rule '{kind.name}'",
        f"stopping rule '{kind.name}' has no option",
        f"{{{fields[0] if fields else ''}: …}}",
        f"stopping rule '{kind.name}' needs '{{key}}'",
        listing,
    )
    forms = {"rules": mark_form(_FORM, least=1), "rule": (mark_form(_FORM), ...)}
    keys: dict[str, Any] = {name: form for name, form in forms.items() if name in fields}
    return make_section(kind, words, **keys)


def _list_forms() -> list[Any]:
    """Return what a rule may be: a name, or a mapping with one key."""
    properties: dict[str, Any] = {}
    for name, kind in STOPPING_RULES.items():
        section = _make_rule_section(kind)
        first = next(iter(section.model_json_schema().get("properties", {}).values()), {"type": "null"})
        if issubclass(kind, (AnyRule, AllRules)):
            properties[name] = first
        else:
            properties[name] = {"anyOf": [section, first, {"type": "null"}]}
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    return [SCALAR, mapping | {"minProperties": 1, "maxProperties": 1}]


FORMS = {_FORM: Form(_read_rule, _list_forms)}
