"""Rules that count: how many were read, how many of the last were irrelevant, how full the last batches were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.stopping.rule import Evidence, Labels, StoppingRule, mark_end, require_count


@dataclass(frozen=True)
class Consecutive(StoppingRule):
    """Stop once more than n documents are read and the last n are all irrelevant, as ASReview counts.

    The count starts anew with every relevant document; documents known before the review do not count.
    """

    n: int = 50

    name: ClassVar = "consecutive"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self, "n")

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        read = np.arange(1, len(labels) + 1)
        last = np.maximum.accumulate(np.where(labels > 0, read, 0))
        return mark_end((read > self.n) & (read - last >= self.n), size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        relevant = np.flatnonzero(labels)
        run = len(labels) - (int(relevant[-1]) + 1 if len(relevant) else 0)
        sentence = f"the last {run:,} documents were irrelevant, and the rule asks for {self.n:,} in a row"
        return Evidence(len(labels) > self.n and run >= self.n, sentence, float(run))


@dataclass(frozen=True)
class BatchPrecision(StoppingRule):
    """Stop once in each of the last `slack` batches of `batch` documents at most `relevant` were relevant."""

    batch: int = 200
    relevant: int = 5
    slack: int = 1

    name: ClassVar = "batch_precision"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self, "batch", "slack")
        if not 0 <= self.relevant < self.batch:
            raise ConfigError(
                f"stopping rule 'batch_precision': relevant must be less than batch ({self.batch}); got {self.relevant}"
            )

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        poor = self._count_batches(labels) <= self.relevant
        stops = np.zeros(len(labels), np.bool_)
        for end in range(self.slack, len(poor) + 1):
            stops[end * self.batch - 1] = poor[end - self.slack : end].all()
        return mark_end(stops, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        last = self._count_batches(labels)[-self.slack :]
        stops = len(labels) % self.batch == 0 and len(last) == self.slack and bool((last <= self.relevant).all())
        counted = ", ".join(map(str, last)) or "none yet"
        sentence = (
            f"relevant in the last whole batches of {self.batch:,}: {counted}; "
            f"the rule asks for at most {self.relevant:,} in {self.slack:,} of them"
        )
        return Evidence(stops, sentence, float(last[-1]) if len(last) else None)

    def _count_batches(self, labels: Labels) -> NDArray[np.int64]:
        whole = len(labels) // self.batch * self.batch
        counts: NDArray[np.int64] = labels[:whole].reshape(-1, self.batch).sum(1, dtype=np.int64)
        return counts


@dataclass(frozen=True)
class Fixed(StoppingRule):
    """Stop after so many documents."""

    documents: int

    name: ClassVar = "fixed"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self, "documents")

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        return mark_end(np.arange(1, len(labels) + 1) >= self.documents, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        return Evidence(len(labels) >= self.documents, f"the rule asks for {self.documents:,} documents")


@dataclass(frozen=True)
class Half(StoppingRule):
    """Stop after half of the documents."""

    name: ClassVar = "half"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        return mark_end(2 * np.arange(1, len(labels) + 1) >= size, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        return Evidence(2 * len(labels) >= size, f"the rule asks for half of the documents, {-(-size // 2):,}")


@dataclass(frozen=True)
class Rule2399(StoppingRule):
    """Stop after 1.2 r + 2399 documents, r of them relevant (Total Recall track, TREC 2015)."""

    name: ClassVar = "2399"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        return mark_end(np.arange(1, len(labels) + 1) >= 1.2 * np.cumsum(labels, dtype=np.int64) + 2399, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        wanted = 1.2 * int(labels.sum()) + 2399
        return Evidence(len(labels) >= wanted, f"the rule asks for {int(np.ceil(wanted)):,} documents")
