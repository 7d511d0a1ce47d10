"""Matching rules as a configuration or a file of their own has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nirank.blocking.rule_forms import read_rule
from nirank.blocking.rules import Alike, DatesNear, Equal, Near, Rule, Weighted
from nirank.config.mistakes import Mistakes
from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import SCALAR, Words, make_section, mark_form
from nirank.config.yaml_parser import parse_yaml, read_yaml_text
from nirank.config.yaml_tree import Tree

_OPTIONS = {
    name: make_section(kind, Words(name, f"{name} has no option", "{column: …}"))
    for name, kind in (("equal", Equal), ("near", Near), ("alike", Alike), ("dates_near", DatesNear))
}
_WEIGHTED = make_section(
    Weighted, Words("weighted", "weighted has no option", "{rules: …}"), rules=(mark_form("rule", least=0), ...)
)


def read_rule_file(path: Path) -> Rule:
    """Read a matching rule from a YAML file, or several, all of which must hold."""
    text = read_yaml_text(path)
    mistakes = Mistakes(str(path), text)
    value = parse_yaml(text, str(path), mistakes).plain
    mistakes.raise_if_any()
    return read_rule({"all": value} if isinstance(value, list) else value, str(path))


def _read_mapping(tree: Tree, file: OpenFile) -> Mapping[str, Any] | None:
    """Return a rule as plain values; what is wrong inside, its owner says."""
    if not isinstance(tree.value, dict):
        file.mistakes.add(tree, f"rule: expected a mapping such as {{equal: phone}}, got {tree.kind}")
        return None
    rule: Mapping[str, Any] = tree.plain
    return rule


def _list_alternatives() -> list[Any]:
    """Return what a rule may be, for the JSON schema: a mapping with one key."""
    several = {"type": "array", "items": {"form": "rule"}}
    properties: dict[str, Any] = {**_OPTIONS, "equal": {"anyOf": [SCALAR, _OPTIONS["equal"]]}, "weighted": _WEIGHTED}
    properties |= {"all": several, "any": several, "not": {"form": "rule"}}
    mapping = {"type": "object", "properties": properties, "additionalProperties": False}
    return [mapping | {"minProperties": 1, "maxProperties": 1}]


FORMS = {"rule": Form(_read_mapping, _list_alternatives)}
