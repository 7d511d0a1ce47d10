"""A matching rule as a stage: candidate pairs go through a predicate over the attributes of their records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.pipeline import RANKED_OR_NOT
from nirank.algebra.stage import Combiner, Read, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.rule_answers import BLOCK, answer_pairs
from nirank.blocking.rule_forms import read_rule, write_rule
from nirank.blocking.rules import MATCH, NON_MATCH, UNKNOWN, Answer, Function, Record, Rule
from nirank.collections.text_view import TextView
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking

Keep = Literal["match", "possible"]
_A_PAIR = 32  # bytes: its query, its answer, whether it is kept
_A_RECORD = 4000  # bytes of both records of a pair


@stage
class Rules(Combiner):
    """Keep candidate pairs by a matching rule: `MinHash() >> Rules({"any": [{"equal": "phone"}, …]})`.

    The rule answers match, non-match or unknown for each pair; how often is counted. A column that a record lacks makes
    a comparison unknown. In Python the rule may be an object of `nirank.blocking.rules`, or see `rule_function`.
    """

    rule: Mapping[str, Any] = option(help="a mapping with one rule: equal, near, alike, dates_near, all, any, not, …")
    keep: Keep = option(default="possible", help="match: matches alone; possible: all but non-matches")

    name = "rules"
    pairwise = True
    gives = "pairs"
    takes = RANKED_OR_NOT

    def __post_init__(self) -> None:
        if isinstance(self.rule, Rule):
            if isinstance(self.rule, Function):
                raise ConfigError("rules: a function is a stage by rule_function(function, name=…, version=…)")
            object.__setattr__(self, "rule", write_rule(self.rule))
        super().__post_init__()

    def check(self) -> None:
        read_rule(self.rule, self.name)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the answers take, and the records of a block of pairs."""
        return MemoryNeed(_A_PAIR * sizes.listed_pairs + BLOCK * _A_RECORD)

    @property
    def identity_options(self) -> dict[str, Any]:
        return super().identity_options | {"rule": write_rule(read_rule(self.rule, self.name))}

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        sides: tuple[Read, Read] = ("queries", "docs")
        for column in read_rule(self.rule, self.name).columns():
            yield from (("rule", side, TextView(column)) for side in sides)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Pairs:
        rule = read_rule(self.rule, self.name)
        return _keep_pairs(rule, self.keep, lists[0], ctx)


@stage
class RuleFunction(Combiner):
    """Keeps candidate pairs by a user's function; made by `rule_function`."""

    function: Callable[[Record, Record], Answer] = field(compare=False, kw_only=True, metadata={"identity": False})
    name: str = option(kw_only=True)  # type: ignore[misc]
    version: int = option(kw_only=True)  # type: ignore[misc]
    keep: Keep = option(default="possible", kw_only=True)

    pairwise = True
    gives = "pairs"
    takes = RANKED_OR_NOT

    def check(self) -> None:
        if isinstance(self.version, bool) or self.version < 1:
            raise ConfigError(f"{self.name}: version must be a whole number, 1 or more, got {self.version!r}")

    def describe_identity(self) -> dict[str, Any]:
        return {"stage": "rule_function", "version": 1, "options": self.identity_options}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Pairs:
        return _keep_pairs(Function(self.function, self.name, self.version), self.keep, lists[0], ctx)

    def __repr__(self) -> str:
        return f"rule_function(name={self.name!r}, version={self.version}, keep={self.keep!r})"


def rule_function(
    function: Callable[[Record, Record], Answer], *, name: str = "", version: int, keep: Keep = "possible"
) -> RuleFunction:
    """Make a stage of a function of two records, mappings of column to text.

    The function returns True for a match, False for a non-match, None where the records do not tell. Name and version
    are its identity: raise the version when the function changes.
    """
    name = name or getattr(function, "__name__", "")
    if not name or name == "<lambda>":
        raise ConfigError("rule_function: the function has no name of its own; give it one: name=…")
    return RuleFunction(function=function, name=name, version=version, keep=keep)


def _keep_pairs(rule: Rule, keep: Keep, pairs: Pairs, ctx: Context) -> Pairs:
    """Return the pairs that a rule lets pass, and count its answers."""
    assert ctx.queries is not None and ctx.docs is not None
    answers = answer_pairs(rule, ctx.queries, ctx.docs, pairs.query_rows, np.asarray(pairs.rows, np.int64))
    for name, answer in (("matches", MATCH), ("non_matches", NON_MATCH), ("unknown", UNKNOWN)):
        ctx.count(f"rule_{name}", int((answers == answer).sum()))
    kept = pairs.select(answers == MATCH if keep == "match" else answers != NON_MATCH)
    return kept.drop_scores() if isinstance(kept, Ranking) else kept
