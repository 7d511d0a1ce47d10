"""Rules of rules: stop where any of several says so, or where all of them do at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.stopping.rule import Asks, Evidence, Labels, Promise, StoppingRule

_ORDER: tuple[Asks, ...] = ("labels", "sample", "truth")


@dataclass(frozen=True)
class _Combined(StoppingRule):
    rules: tuple[StoppingRule, ...]

    def __post_init__(self) -> None:
        rules = tuple(self.rules) if isinstance(self.rules, Iterable) else ()
        if len(rules) < 2 or not all(isinstance(rule, StoppingRule) for rule in rules):
            raise ConfigError(f"stopping rule '{self.name}': expected two or more rules, got {self.rules!r}")
        object.__setattr__(self, "rules", rules)

    @property
    def asks(self) -> Asks:
        return max((rule.asks for rule in self.rules), key=_ORDER.index)

    @property
    def title(self) -> str:
        return f"{self.name}({', '.join(rule.title for rule in self.rules)})"

    def list_sample(self, labels: Labels, size: int) -> NDArray[np.int64]:
        return np.unique(np.concatenate([rule.list_sample(labels, size) for rule in self.rules])).astype(np.int64)

    def _weigh_rules(self, labels: Labels, size: int) -> tuple[list[bool], str]:
        """Return which rules would stop, and their names."""
        stops = [rule.weigh(labels, size).stops for rule in self.rules]
        said = [
            f"{rule.title} says {'stop' if stop else 'go on'}" for rule, stop in zip(self.rules, stops, strict=True)
        ]
        return stops, ", ".join(said)


@dataclass(frozen=True)
class AnyRule(_Combined):
    """Stop where the first of several rules says so.

    It promises the least recall of them, with what is left of the confidence when their doubts are added.
    """

    name: ClassVar = "any"

    @property
    def promise(self) -> Promise | None:
        promises = [rule.promise for rule in self.rules]
        known = [promise for promise in promises if promise is not None]
        confidence = 1 - sum(1 - promise.confidence for promise in known)
        if len(known) < len(promises) or confidence <= 0:
            return None
        return Promise(min(promise.recall for promise in known), confidence)

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        return reduce(np.logical_or, [rule.mark_stops(labels, size) for rule in self.rules])

    def _judge(self, labels: Labels, size: int) -> Evidence:
        stops, sentence = self._weigh_rules(labels, size)
        return Evidence(any(stops), sentence)


@dataclass(frozen=True)
class AllRules(_Combined):
    """Stop where several rules say so at once. It promises what the rule with the highest recall does."""

    name: ClassVar = "all"

    @property
    def promise(self) -> Promise | None:
        known = [rule.promise for rule in self.rules if rule.promise is not None]
        return max(known, key=lambda promise: (promise.recall, promise.confidence), default=None)

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        return reduce(np.logical_and, [rule.mark_stops(labels, size) for rule in self.rules])

    def _judge(self, labels: Labels, size: int) -> Evidence:
        stops, sentence = self._weigh_rules(labels, size)
        return Evidence(all(stops), sentence)
