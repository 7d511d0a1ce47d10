"""What a review is begun with, as a user says it, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nirank.errors import ConfigError
from nirank.records.record import BibliographicRecord
from nirank.screening.known_labels import collect_labels, combine_labels, read_label_file
from nirank.screening.policies import DEFAULT_POLICY, check_policy, put_last
from nirank.screening.project import ReviewPlan
from nirank.screening.question_ranking import RecordRanking, find_blank, rank_by_question

if TYPE_CHECKING:
    from nirank.plan.reporter import Reporter


@dataclass(frozen=True)
class ReviewOptions:
    """Options as they were given; None for those that were not.

    Raises ConfigError for a blank question, a model without a question, and a policy that does not exist.
    """

    question: str | None = None
    labels: Path | None = None
    model: str | None = None
    policy: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        check_policy(self.chosen_policy)
        if self.question is not None and not self.question.strip():
            raise ConfigError("--question: is blank; expected what the review asks, in a sentence or its main words")
        if self.model is not None and self.question is None:
            raise ConfigError("--model: compares records with a question; give --question too")

    @property
    def asked(self) -> str:
        """The question, "" for none."""
        return (self.question or "").strip()

    @property
    def chosen_policy(self) -> str:
        """The policy, or the default."""
        return self.policy or DEFAULT_POLICY

    @property
    def chosen_seed(self) -> int:
        """The seed, or the default."""
        return self.seed or 0

    def read_labels(self, records: Sequence[BibliographicRecord]) -> dict[int, int]:
        """Return labels by row: those that records carry, and those of the file of labels."""
        beside = {} if self.labels is None else read_label_file(self.labels, records)
        return combine_labels(collect_labels(records), beside)

    def require_basis(self, labels: Mapping[int, int]) -> None:
        """Raise ConfigError where neither a question nor labels say what is looked for."""
        if not self.asked and not labels:
            raise ConfigError(
                "there is nothing to rank by: the records carry no decisions; give --question TEXT, or --labels FILE"
            )

    def rank_first(self, records: Sequence[BibliographicRecord], reporter: Reporter | None = None) -> RecordRanking:
        """Return the order of the beginning: the question's, or the file's, records without text last in either."""
        if self.asked:
            return rank_by_question(records, self.asked, self.model or "", reporter)
        order = put_last(np.arange(len(records)), find_blank(records))
        return RecordRanking(order, np.zeros(len(records)))

    def describe_first(self) -> str:
        """Return how the beginning is ordered, in words."""
        if not self.asked:
            return "the file's order"
        return f"BM25 and vectors of {self.model}, fused by reciprocal ranks" if self.model else "BM25 of the question"

    def make_plan(self, records: Sequence[BibliographicRecord], reporter: Reporter | None = None) -> ReviewPlan:
        """Return what a project is begun with."""
        labels = self.read_labels(records)
        self.require_basis(labels)
        order = self.rank_first(records, reporter).order.tolist()
        return ReviewPlan(self.asked, self.model or "", self.chosen_policy, self.chosen_seed, order, labels)

    def check_plan(self, plan: ReviewPlan, place: Path) -> None:
        """Raise ConfigError where options say something else than what a review was begun with."""
        if self.labels is not None:
            raise ConfigError(f"{place}: --labels are read when a review begins; leave it out to go on")
        kept = {"question": plan.question, "model": plan.model, "policy": plan.policy, "seed": plan.seed}
        for name, value in kept.items():
            given = getattr(self, name)
            if given is not None and (given.strip() if isinstance(given, str) else given) != value:
                raise ConfigError(
                    f"{place}: the review was begun with --{name} {value!r}, not {given!r}; leave it out to go on, or"
                    " name another folder"
                )
