"""Matching rules as they are written in YAML and JSON: mappings with one key, the rule's name.

all:
- any: [{equal: phone}, {alike: {column: name, at_least: 0.8, by: jaccard}}]
- near: {column: price, within: 0.1, relative: true}
- not: {equal: brand}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any as Anything

from nirank.base.values import convert_field
from nirank.blocking.rules import Alike, All, Any, DatesNear, Equal, Function, Near, Not, Rule, Weighted
from nirank.errors import ConfigError, suggest

_RULES: Mapping[str, type[Rule]] = {
    "equal": Equal,
    "near": Near,
    "alike": Alike,
    "dates_near": DatesNear,
    "all": All,
    "any": Any,
    "not": Not,
    "weighted": Weighted,
}
_NAMES = {kind: name for name, kind in _RULES.items()}


def read_rule(value: Anything, place: str = "rules") -> Rule:
    """Return the rule that a mapping describes.

    place  begins messages: where the mapping stands
    Raises ConfigError for what is no rule, with the nearest name.
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ConfigError(f"{place}: expected a rule such as {{equal: phone}}, got {value!r}")
    ((name, options),) = value.items()
    kind = _RULES.get(name)
    if kind is None:
        raise ConfigError(
            f"{place}: there is no rule '{name}'; expected one of {', '.join(_RULES)}{suggest(str(name), _RULES)}"
        )
    place = f"{place}: {name}"
    if kind is All or kind is Any:
        return kind(_read_rules(options, place))
    if kind is Not:
        return Not(read_rule(options, place))
    if kind is Equal and isinstance(options, str):
        return Equal(options)
    return _read_options(kind, options, place)


def _read_options(kind: type[Rule], options: Anything, place: str) -> Rule:
    """Make a rule of its options; raise ConfigError for one that lacks, is unknown or has a wrong type."""
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(options, Mapping):
        raise ConfigError(f"{place}: expected a mapping with {', '.join(known)}, got {options!r}")
    for option in options:
        if option not in known:
            expected = f"{', '.join(known)}{suggest(str(option), known)}"
            raise ConfigError(f"{place}: there is no option '{option}'; expected {expected}")
    for option, field in known.items():
        if option not in options and field.default is MISSING:
            raise ConfigError(f"{place}: '{option}' is missing")
    values: dict[str, Anything] = {}
    for option, value in options.items():
        if option == "rules":
            values[option] = _read_rules(value, place)
            continue
        try:
            values[option] = convert_field(kind, option, tuple(value) if isinstance(value, list) else value)
        except ConfigError as error:
            raise ConfigError(f"{place}: {option}: {error}") from None
    return kind(**values)


def _read_rules(value: Anything, place: str) -> tuple[Rule, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{place}: expected a list of rules, got {value!r}")
    return tuple(read_rule(part, place) for part in value)


def write_rule(rule: Rule) -> dict[str, Anything]:
    """Return a rule as a mapping; of a function its name and version, which `read_rule` cannot turn back."""
    if isinstance(rule, Function):
        return {"function": {"name": rule.name, "version": rule.version}}
    name = _NAMES[type(rule)]
    if isinstance(rule, (All, Any)):
        return {name: [write_rule(part) for part in rule.rules]}
    if isinstance(rule, Not):
        return {name: write_rule(rule.rule)}
    values = {field.name: getattr(rule, field.name) for field in fields(rule)}  # type: ignore[arg-type]
    if isinstance(rule, Weighted):
        values |= {"rules": [write_rule(part) for part in rule.rules], "weights": list(rule.weights)}
    return {name: values}


def list_equal_columns(rule: Rule) -> tuple[str, ...]:
    """Return the columns that a rule compares for equality, each once, in the rule's order."""
    return tuple(dict.fromkeys(_walk_equal(rule)))


def _walk_equal(rule: Rule) -> Iterator[str]:
    if isinstance(rule, Equal):
        yield rule.column
    elif isinstance(rule, Not):
        yield from _walk_equal(rule.rule)
    elif isinstance(rule, (All, Any, Weighted)):
        for part in rule.rules:
            yield from _walk_equal(part)
