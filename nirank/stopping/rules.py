"""Which stopping rules exist, and a rule from what a configuration says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.stopping.combined import AllRules, AnyRule, EveryRule
from nirank.stopping.counts import BatchPrecision, Consecutive, Fixed, Half, Rule2399
from nirank.stopping.hypergeometric import Hypergeometric
from nirank.stopping.knee import Budget, Knee
from nirank.stopping.oracle import Oracle
from nirank.stopping.rates import Poisson, Quant
from nirank.stopping.rule import StoppingRule
from nirank.stopping.target import Target

_KINDS: tuple[type[StoppingRule], ...] = (
    *(Knee, Budget, Consecutive, BatchPrecision, Hypergeometric, Poisson, Quant, Target, Half, Fixed, Rule2399),
    *(Oracle, AnyRule, AllRules, EveryRule),
)
STOPPING_RULES: Mapping[str, type[StoppingRule]] = {kind.name: kind for kind in _KINDS}


def find_stopping_rule(name: str) -> type[StoppingRule]:
    """Return the rule of that name; raise ConfigError with the nearest spelling."""
    if name not in STOPPING_RULES:
        raise ConfigError(
            f"there is no stopping rule '{name}'{suggest(name, STOPPING_RULES)}\nrules: {', '.join(STOPPING_RULES)}"
        )
    return STOPPING_RULES[name]


def parse_stopping_rule(given: Any) -> StoppingRule:
    """Return a rule: a name, or a mapping of one name to its options, its first option, or for any and all to rules.

    As in `knee`, `{consecutive: 100}`, `{hypergeometric: {target: 0.9}}`, `{any: [knee, {fixed: 500}]}`,
    `{every: {rule: hypergeometric, n: 100}}`.
    """
    if isinstance(given, StoppingRule):
        return given
    if isinstance(given, (str, int)) and not isinstance(given, bool):
        given = {str(given): None}
    if not isinstance(given, Mapping) or len(given) != 1:
        raise ConfigError(
            f"a stopping rule is a name or a mapping with one, such as {{consecutive: 50}}; got {given!r}"
        )
    ((name, options),) = given.items()
    kind = find_stopping_rule(str(name))
    fields = [field for field in dataclasses.fields(kind) if field.init]
    if issubclass(kind, (AnyRule, AllRules)):
        rules = options if isinstance(options, (list, tuple)) else [options]
        return kind(tuple(map(parse_stopping_rule, rules)))
    if options is None:
        options = {}
    elif not isinstance(options, Mapping):
        if not fields:
            raise ConfigError(f"stopping rule '{name}' has no options; got {options!r}")
        options = {fields[0].name: options}
    names = [field.name for field in fields]
    if unknown := next((option for option in options if option not in names), None):
        listing = f"options: {', '.join(names) or 'none'}"
        raise ConfigError(f"stopping rule '{name}' has no option '{unknown}'; {listing}{suggest(unknown, names)}")
    missing = [field.name for field in fields if field.default is dataclasses.MISSING and field.name not in options]
    if missing:
        raise ConfigError(f"stopping rule '{name}' needs '{missing[0]}', such as {{{name}: 500}}")
    if "rule" in names:
        options = {**options, "rule": parse_stopping_rule(options["rule"])}
    return kind(**options)
