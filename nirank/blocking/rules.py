"""Matching rules: predicates over the attributes of two records, with an answer for what is not known.

A rule is a frozen value. It answers match, non-match or unknown: an attribute that a record lacks makes a comparison
unknown, and `all`, `any` and `not` go by Kleene's logic, so that what is unknown decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.blocking.words import split_tokens
from nirank.collections.date_forms import parse_date
from nirank.errors import ConfigError

Record = Mapping[str, str]
Answer = bool | None  # match, non-match, unknown
Likeness = Literal["levenshtein", "jaro_winkler", "jaccard", "overlap"]

MATCH, NON_MATCH, UNKNOWN = 1, 0, -1
_NUMBER = re.compile(r"[-+]?\d[\d ,]*(?:\.\d+)?|[-+]?\.\d+")


class Rule:
    """A predicate over two records; symmetric unless a function of the user's is not."""

    def decide(self, left: Record, right: Record) -> Answer:
        """Return True for a match, False for a non-match, None where the records do not tell."""
        raise NotImplementedError

    def columns(self) -> tuple[str, ...]:
        """Return the columns that the rule reads; of a user's function nobody knows them."""
        return ()


@dataclass(frozen=True)
class Equal(Rule):
    """The column's values are equal in lower case, with single blanks and without punctuation."""

    column: str

    def decide(self, left: Record, right: Record) -> Answer:
        left_tokens, right_tokens = (split_tokens(record.get(self.column) or "") for record in (left, right))
        return left_tokens == right_tokens if left_tokens and right_tokens else None

    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class Near(Rule):
    """The column's numbers differ by at most `within`, or by that share of the greater one.

    A number is the first one in the text; commas between digits are left out. Text without one is unknown.
    """

    column: str
    within: float
    relative: bool = False

    def __post_init__(self) -> None:
        if not self.within >= 0:
            raise ConfigError(f"near: {self.column}: within must be 0 or more, got {self.within!r}")

    def decide(self, left: Record, right: Record) -> Answer:
        left_number, right_number = (read_number(record.get(self.column) or "") for record in (left, right))
        if left_number is None or right_number is None:
            return None
        scale = max(abs(left_number), abs(right_number)) if self.relative else 1.0
        return abs(left_number - right_number) <= self.within * scale

    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class Alike(Rule):
    """The column's texts are alike to at least some degree, from 0 to 1.

    by  levenshtein (1 - edits / greater length), jaro_winkler, jaccard (shared tokens over all), or overlap (shared
        tokens over those of the text with fewer)
    """

    column: str
    at_least: float
    by: Likeness = "levenshtein"

    def __post_init__(self) -> None:
        if not 0 <= self.at_least <= 1:
            raise ConfigError(f"alike: {self.column}: at_least must be from 0 to 1, got {self.at_least!r}")
        if self.by not in get_args(Likeness):
            raise ConfigError(f"alike: {self.column}: by is one of {', '.join(get_args(Likeness))}, got {self.by!r}")

    def decide(self, left: Record, right: Record) -> Answer:
        left_tokens, right_tokens = (split_tokens(record.get(self.column) or "") for record in (left, right))
        return (
            compare_tokens(left_tokens, right_tokens, self.by) >= self.at_least
            if left_tokens and right_tokens
            else None
        )

    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class DatesNear(Rule):
    """The column's dates can be at most so many days apart; a month or a year can be any of its days."""

    column: str
    days: int

    def __post_init__(self) -> None:
        if self.days < 0:
            raise ConfigError(f"dates_near: {self.column}: days must be 0 or more, got {self.days!r}")

    def decide(self, left: Record, right: Record) -> Answer:
        left_days, right_days = (parse_date(record.get(self.column) or "") for record in (left, right))
        if left_days is None or right_days is None:
            return None
        return max(left_days[0] - right_days[1], right_days[0] - left_days[1], 0) <= self.days

    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True)
class All(Rule):
    """Every rule matches; one that does not decides."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_rules("all", self.rules)

    def decide(self, left: Record, right: Record) -> Answer:
        answers = [rule.decide(left, right) for rule in self.rules]
        return False if False in answers else None if None in answers else True

    def columns(self) -> tuple[str, ...]:
        return _join_columns(self.rules)


@dataclass(frozen=True)
class Any(Rule):
    """Some rule matches; one that does decides."""

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        _check_rules("any", self.rules)

    def decide(self, left: Record, right: Record) -> Answer:
        answers = [rule.decide(left, right) for rule in self.rules]
        return True if True in answers else None if None in answers else False

    def columns(self) -> tuple[str, ...]:
        return _join_columns(self.rules)


@dataclass(frozen=True)
class Not(Rule):
    """The rule does not match."""

    rule: Rule

    def decide(self, left: Record, right: Record) -> Answer:
        answer = self.rule.decide(left, right)
        return None if answer is None else not answer

    def columns(self) -> tuple[str, ...]:
        return self.rule.columns()


@dataclass(frozen=True)
class Weighted(Rule):
    """The weights of the rules that match, over those of the rules that know, decide.

    match      share from which it is a match
    non_match  share up to which it is a non-match; what lies between is unknown. None: everything below `match`
    """

    rules: tuple[Rule, ...]
    weights: tuple[float, ...]
    match: float
    non_match: float | None = None

    def __post_init__(self) -> None:
        _check_rules("weighted", self.rules)
        if len(self.weights) != len(self.rules) or min(self.weights) < 0 or not any(self.weights):
            raise ConfigError(f"weighted: expected a weight for each of {len(self.rules)} rules, got {self.weights}")
        if not 0 < self.match <= 1 or (self.non_match is not None and not 0 <= self.non_match < self.match):
            raise ConfigError("weighted: expected 0 ≤ non_match < match ≤ 1")

    def decide(self, left: Record, right: Record) -> Answer:
        answers = [rule.decide(left, right) for rule in self.rules]
        known = sum(weight for weight, answer in zip(self.weights, answers, strict=True) if answer is not None)
        if not known:
            return None
        share = sum(weight for weight, answer in zip(self.weights, answers, strict=True) if answer) / known
        if share >= self.match:
            return True
        return False if self.non_match is None or share <= self.non_match else None

    def columns(self) -> tuple[str, ...]:
        return _join_columns(self.rules)


@dataclass(frozen=True)
class Function(Rule):
    """A rule of the user's: a function of two records, known by the name and version that its user gives it."""

    function: Callable[[Record, Record], Answer] = field(compare=False, repr=False)
    name: str
    version: int

    def decide(self, left: Record, right: Record) -> Answer:
        answer = self.function(left, right)
        if answer is not None and not isinstance(answer, (bool, np.bool_)):
            raise ConfigError(f"rule '{self.name}' gave {answer!r}; expected True, False, or None for unknown")
        return None if answer is None else bool(answer)


def read_number(text: str) -> float | None:
    """Return the first number in a text, None where there is none: `$1,299.00` is 1299."""
    number = _NUMBER.search(text)
    return float(re.sub(r"[ ,]", "", number[0])) if number else None


def compare_tokens(left: Sequence[str], right: Sequence[str], by: Likeness) -> float:
    """Return how alike two texts are, from 0 to 1, given their tokens."""
    if by in ("levenshtein", "jaro_winkler"):
        from rapidfuzz.distance import JaroWinkler, Levenshtein

        measure = Levenshtein if by == "levenshtein" else JaroWinkler
        return float(measure.normalized_similarity(" ".join(left), " ".join(right)))
    shared = len(set(left) & set(right))
    of = len(set(left) | set(right)) if by == "jaccard" else min(len(set(left)), len(set(right)))
    return shared / of if of else 0.0


def apply_rule(rule: Rule, left: Sequence[Record], right: Sequence[Record]) -> NDArray[np.int8]:
    """Return MATCH, NON_MATCH or UNKNOWN for each pair of records, (n,) int8."""
    codes = {True: MATCH, False: NON_MATCH, None: UNKNOWN}
    answers = (
        codes[rule.decide(left_record, right_record)] for left_record, right_record in zip(left, right, strict=True)
    )
    return np.fromiter(answers, np.int8, len(left))


def _check_rules(name: str, rules: Sequence[Rule]) -> None:
    if not rules or not all(isinstance(rule, Rule) for rule in rules):
        raise ConfigError(f"{name}: expected a list with at least one rule, got {rules!r}")


def _join_columns(rules: Sequence[Rule]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for rule in rules for column in rule.columns()))
