"""Rules of rules: any of several, all of them at once, or one that is asked now and then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.stopping.rule import Asks, Evidence, Labels, Promise, StoppingRule, mark_end, require_count

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


@dataclass(frozen=True)
class EveryRule(StoppingRule):
    """Ask a rule after every n documents only: a test that is looked at often stops some reviews by luck.

    It promises what the rule does.
    """

    rule: StoppingRule
    n: int = 100

    name: ClassVar = "every"

    def __post_init__(self) -> None:
        if not isinstance(self.rule, StoppingRule):
            raise ConfigError(f"stopping rule 'every': expected a rule, got {self.rule!r}")
        super().__post_init__()
        require_count(self, "n")

    @property
    def promise(self) -> Promise | None:
        return self.rule.promise

    @property
    def asks(self) -> Asks:
        return self.rule.asks

    @property
    def title(self) -> str:
        return f"{self.rule.title} every {self.n}"

    def list_sample(self, labels: Labels, size: int) -> NDArray[np.int64]:
        return self.rule.list_sample(labels, size)

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        asked = np.arange(1, len(labels) + 1) % self.n == 0
        return mark_end(self.rule.mark_stops(labels, size) & asked, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        n_left = self.n - len(labels) % self.n
        if n_left < self.n:
            said = f"{self.rule.title} is asked after every {self.n} documents, {n_left} more from here"
            return Evidence(False, said)
        evidence = self.rule._judge(labels, size)
        return Evidence(evidence.stops, evidence.sentence, evidence.value)
