"""What stopping rules say of a review as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nirank.feedback.policy import Labels
from nirank.stopping.rule import StoppingRule


@dataclass(frozen=True)
class RuleAnswer:
    """What one rule says, in words for a reviewer."""

    name: str
    stops: bool
    sentence: str


def weigh_rules(rules: Mapping[str, StoppingRule], labels: Labels, size: int) -> Sequence[RuleAnswer]:
    """Ask every rule.

    labels  in the order of judging, without what was known before; maybe and skipped are no labels
    size    how many records there are to judge in all, without what was known before
    """
    answers = []
    for name, rule in rules.items():
        evidence = rule.weigh(labels, size)
        answers.append(RuleAnswer(name, evidence.stops, evidence.sentence))
    return answers
