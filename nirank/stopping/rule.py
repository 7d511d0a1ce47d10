"""What a stopping rule is given, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.base.values import find_changed_fields, fit_fields
from nirank.errors import ConfigError

Labels = NDArray[np.int8]
Asks = Literal["labels", "sample", "truth"]


@dataclass(frozen=True)
class Promise:
    """What a rule claims where it stops: at least this recall, in this share of reviews."""

    recall: float
    confidence: float

    def __str__(self) -> str:
        found = f"at least {100 * self.recall:.4g}% of the relevant documents found"
        return f"{found}, with {100 * self.confidence:.4g}% confidence"


@dataclass(frozen=True)
class Evidence:
    """What a rule says of a review as it stands.

    stops     whether reading may end
    sentence  why, in words for a reviewer: what was counted, and what can be claimed, or that nothing can
    value     the rule's own figure (a p-value, a ratio), None where it has none
    """

    stops: bool
    sentence: str
    value: float | None = None


@dataclass(frozen=True)
class StoppingRule(ABC):
    """A frozen value with options.

    name     in a configuration
    promise  None for rules that claim no recall
    asks     what the rule must know: the labels so far; those of a random sample besides, drawn before the review
             began; or the truth, all labels: such a rule says what could be reached, and cannot be used
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        fit_fields(self, f"stopping rule '{self.name}'")

    @property
    def promise(self) -> Promise | None:
        """What the rule claims."""
        return None

    @property
    def asks(self) -> Asks:
        """What the rule must know."""
        return "labels"

    @property
    def title(self) -> str:
        """The rule as tables show it: its name, and the options that differ from their defaults."""
        changed = ", ".join(f"{name}={value}" for name, value in find_changed_fields(self).items())
        return f"{self.name}({changed})" if changed else self.name

    def weigh(self, labels: Labels, size: int) -> Evidence:
        """Return what the rule says after the documents judged so far.

        labels  in the order of judging, priors left out: 1 relevant, 0 not, (s,)
        size    how many documents there are to judge in all, priors left out
        """
        labels = check_labels(labels, size)
        if len(labels) == size:
            return Evidence(True, f"All {size:,} documents are read: nothing is left to find.")
        evidence = self._judge(labels, size)
        n_found, n_read = int(labels.sum()), len(labels)
        so_far = f"{n_read:,} of {size:,} read, {n_found:,} relevant"
        if not evidence.stops:
            return Evidence(False, f"Go on ({so_far}): {evidence.sentence}.", evidence.value)
        claim = "This rule claims no recall" if self.promise is None else f"It claims {self.promise}"
        saved = f"{size - n_read:,} ({1 - n_read / size:.0%}) would stay unread"
        return Evidence(True, f"Reading may end ({so_far}; {saved}): {evidence.sentence}. {claim}.", evidence.value)

    def find_stop(self, labels: Labels, size: int) -> int | None:
        """Return after how many of the labels a review ends first, None where the rule never ends it.

        The same as asking `weigh` after every document, but in one pass; what is left unread is not asked for.
        """
        stops = self.mark_stops(check_labels(labels, size), size)
        return int(stops.argmax()) + 1 if stops.any() else None

    @abstractmethod
    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        """Tell after which of the labels reading may end, (s,); after the last of all documents it may."""

    def list_sample(self, labels: Labels, size: int) -> NDArray[np.int64]:
        """Return which documents, as positions in the order of judging, were read besides as a random sample."""
        return np.empty(0, np.int64)

    @abstractmethod
    def _judge(self, labels: Labels, size: int) -> Evidence:
        """Return the rule's own sentence, without a full stop, where something is left to read."""


def check_labels(labels: Labels, size: int) -> Labels:
    """Return labels as an array; raise ConfigError for more of them than there are documents."""
    labels = np.asarray(labels, np.int8)
    if len(labels) > size:
        raise ConfigError(f"{len(labels):,} labels of {size:,} documents; expected one of each at most")
    return labels


def mark_end(stops: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    """Return stops with one where everything is read."""
    if len(stops) == size and size:
        stops[-1] = True
    return stops


def require_share(rule: StoppingRule, *names: str) -> None:
    """Raise ConfigError for options that are no share between 0 and 1."""
    for option in names:
        value = getattr(rule, option)
        if not 0 < value < 1:
            raise ConfigError(
                f"stopping rule '{rule.name}': {option} must lie between 0 and 1, such as 0.95; got {value}"
            )


def require_count(rule: StoppingRule, *names: str) -> None:
    """Raise ConfigError for options that are no whole number of at least 1."""
    for option in names:
        value = getattr(rule, option)
        if value < 1:
            raise ConfigError(f"stopping rule '{rule.name}': {option} must be 1 or more; got {value}")
