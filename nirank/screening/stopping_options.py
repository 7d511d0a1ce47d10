"""Stopping rules as they are named on a command line."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from nirank.errors import ConfigError
from nirank.stopping.rule import StoppingRule
from nirank.stopping.rules import parse_stopping_rule


def choose_rules(texts: Sequence[str], *, for_people: bool) -> dict[str, StoppingRule]:
    """Return rules by their titles.

    texts       names, or YAML with options: `{consecutive: 100}`
    for_people  whether the review goes on now: rules that know the truth, or a sample drawn before, are refused then
    """
    rules = []
    for text in texts:
        try:
            rules.append(parse_stopping_rule(yaml.safe_load(text)))
        except yaml.YAMLError:
            raise ConfigError(
                f"--stop: {text!r} is no YAML; expected a name, or such as '{{consecutive: 100}}'"
            ) from None
        except ConfigError as error:
            raise ConfigError(f"--stop: {' '.join(str(error).split())}") from None
    for rule in rules:
        if for_people and rule.asks != "labels":
            needs = "all labels, which only a simulation has" if rule.asks == "truth" else "a sample drawn beforehand"
            raise ConfigError(f"--stop: rule '{rule.title}' asks for {needs}; it can be used with --simulate")
    return {rule.title: rule for rule in rules}
