"""The algebra: how stages chain, join and apply to other texts. Values only; nothing here computes.

Four composites carry it all:

    a >> b                 Then     one after the other; associative, so it is kept flat
    rrf(a, b), a + b, …    Join     a combiner over several pipelines
    within(scope, a)       Within   a, restricted to what a scope allows
    rewrite(map, a)        Rewrite  a, reading rewritten queries
    fold(view, a)          Fold     a, over parts of documents, folded back to documents

`>>` chains, the last three *apply*: behind them the declared query and the whole documents
are back. A composition that cannot work is refused here, when it is built.

Laws, for all a, b, c and numbers w: `(a >> b) >> c` equals `a >> (b >> c)`; `(a + b) + c` equals
`a + (b + c)`; `w * (a + b)` equals `w * a + w * b`; and `eval(repr(a))` equals a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any, Literal, get_args

from nirank.algebra.registry import find_stage
from nirank.errors import ConfigError

Flow = Literal["nothing", "ranking", "pairs", "texts", "scope"]

RANKED: frozenset[Flow] = frozenset({"ranking"})
RANKED_OR_NOT: frozenset[Flow] = frozenset({"ranking", "pairs"})
STARTS: frozenset[Flow] = frozenset({"nothing"})
TEXTS: frozenset[Flow] = frozenset({"texts"})
FLOW_WORDS: dict[Flow, str] = {
    "nothing": "nothing",
    "ranking": "a ranking",
    "pairs": "unranked pairs",
    "texts": "texts",
    "scope": "a scope",
}
_APPLICATIONS: dict[Flow, str] = {"texts": "rewrite(map, a) or fold(view, a)", "scope": "within(scope, a)"}


class Pipeline:
    """Anything that can stand in a pipeline: a stage, or stages composed.

    takes  what may flow in: 'nothing' (it can start a pipeline), 'ranking', 'pairs', 'texts'
    gives  what flows out
    """

    __array_ufunc__ = None  # `np.float64(2) * a` is our product, not numpy's

    @property
    def takes(self) -> frozenset[Flow]:
        raise TypeError(f"{type(self).__name__} does not say what it takes")

    @property
    def gives(self) -> Flow:
        raise TypeError(f"{type(self).__name__} does not say what it gives")

    def __rshift__(self, other: Pipeline) -> Pipeline:
        """`a >> b`: a, then b."""
        return Then((self, as_pipeline(other, ">>")))

    def __mod__(self, k: int) -> Pipeline:
        """`a % k`: keep each query's first k documents, nothing else."""
        return Then((self, find_stage("cut")(k)))

    def __add__(self, other: Pipeline) -> Pipeline:
        """`a + b`: the weighted sum, each list min-max normalised; `w * a + v * b` weighs them."""
        return _add_up((*self._sum_terms(), *as_pipeline(other, "+")._sum_terms()))

    def __rmul__(self, weight: float) -> Pipeline:
        """`w * a`: a term of a weighted sum; w times such a sum weighs all its terms."""
        if isinstance(weight, bool) or not isinstance(weight, Real):
            raise ConfigError(f"*: expected a number times a pipeline, got {weight!r}")
        return _add_up(tuple((float(weight) * inner, term) for inner, term in self._sum_terms()))

    __mul__ = __rmul__

    def __or__(self, other: Pipeline) -> Pipeline:
        """`a | b`: the pairs that either has, without scores."""
        return find_stage("union")().of(self, as_pipeline(other, "|"))  # type: ignore[no-any-return]

    def __and__(self, other: Pipeline) -> Pipeline:
        """`a & b`: the pairs that both have, without scores."""
        return find_stage("intersection")().of(self, as_pipeline(other, "&"))  # type: ignore[no-any-return]

    def __rrshift__(self, other: Any) -> Pipeline:
        return as_pipeline(other, ">>") >> self

    def __radd__(self, other: Any) -> Pipeline:
        return as_pipeline(other, "+") + self

    def __ror__(self, other: Any) -> Pipeline:
        return as_pipeline(other, "|") | self

    def __rand__(self, other: Any) -> Pipeline:
        return as_pipeline(other, "&") & self

    def _sum_terms(self) -> tuple[tuple[float, Pipeline], ...]:
        """Return the weighted terms of a sum that operators made; anything else is one term of weight 1."""
        return ((1.0, self),)

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        """Return the pipelines below this one in a drawing, each with its label; a stage has none."""
        return ()

    @property
    def title(self) -> str:
        """One line for drawings."""
        return repr(self)

    def draw(self) -> str:
        """Return the pipeline as a text tree."""
        return "\n".join(_draw(self))


@dataclass(frozen=True, repr=False)
class Then(Pipeline):
    """Steps one after the other."""

    steps: tuple[Pipeline, ...]

    def __post_init__(self) -> None:
        parts = [as_pipeline(step, ">>") for step in self.steps]
        steps = tuple(step for part in parts for step in (part.steps if isinstance(part, Then) else (part,)))
        object.__setattr__(self, "steps", steps)
        if len(steps) < 2:
            raise ConfigError(f">>: expected two steps or more, got {len(steps)}")
        for step in steps:
            require_one_list(step)
        for left, right in pairwise(steps):
            if left.gives not in right.takes:
                raise ConfigError(
                    f"{right!r} cannot follow {left!r}: {describe_expected(right)}, got {FLOW_WORDS[left.gives]}"
                    f"{suggest_application(left, right)}"
                )

    @property
    def takes(self) -> frozenset[Flow]:
        return self.steps[0].takes

    @property
    def gives(self) -> Flow:
        return self.steps[-1].gives

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.steps))

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("" if i == 0 else ">> ", step) for i, step in enumerate(self.steps))

    @property
    def title(self) -> str:
        return "then"


def check_system(name: str, value: Any) -> None:
    """Raise ConfigError unless a value is a pipeline that can stand alone as a system."""
    pipeline = as_pipeline(value, f"system '{name}'")
    if pipeline.gives not in RANKED_OR_NOT:
        flow = FLOW_WORDS[pipeline.gives]
        raise ConfigError(f"system '{name}': expected a pipeline that finds documents, got {flow}")
    require_one_list(pipeline)
    require_start(f"system '{name}'", pipeline)


def as_pipeline(value: Any, where: str) -> Pipeline:
    """Return the value if it is a pipeline; raise ConfigError otherwise, with what to write instead."""
    if isinstance(value, Pipeline):
        return value
    if isinstance(value, type) and issubclass(value, Pipeline):
        raise ConfigError(f"{where}: got the class {value.__name__}; make a value of it: {value.__name__}()")
    if callable(value):
        raise ConfigError(f"{where}: got a function; wrap it: apply(function, name=…, version=…)")
    raise ConfigError(f"{where}: expected a pipeline, got {value!r}")


def require_one_list(pipeline: Pipeline) -> None:
    """Refuse a combiner of several lists that stands alone or in a chain, where only one list flows."""
    least, most = getattr(pipeline, "lists", (1, 1))
    if least > 1:
        raise ConfigError(f"{pipeline!r}: combines {count_lists(least, most)}; give them with .of(a, b)")


def require_start(where: str, pipeline: Pipeline) -> None:
    """Refuse a pipeline that cannot stand first."""
    if "nothing" not in pipeline.takes:
        raise ConfigError(f"{where}: {pipeline!r} needs a list in front; start it with a retriever such as bm25")


def describe_expected(pipeline: Pipeline) -> str:
    """Return what may flow into a pipeline, in words."""
    words = [FLOW_WORDS[flow] for flow in get_args(Flow) if flow in pipeline.takes - STARTS]
    return f"expected {' or '.join(words)}" if words else "it can only stand first"


def suggest_application(left: Pipeline, right: Pipeline) -> str:
    """Return how texts and scopes are meant to be used, where they stand in a chain."""
    application = _APPLICATIONS.get(left.gives) or _APPLICATIONS.get(right.gives)
    return f"; it is applied: {application}" if application else ""


def count_lists(least: int, most: int | None) -> str:
    """Return a number of lists in words."""
    if most is None:
        return f"{least} lists or more"
    return f"{least} to {most} lists" if most != least else f"{least} list{'s' if least > 1 else ''}"


def _add_up(terms: Sequence[tuple[float, Pipeline]]) -> Pipeline:
    weights, pipelines = zip(*terms, strict=True)
    stage = find_stage("weighted_sum")(weights=None if set(weights) == {1.0} else weights)
    return stage.of(*pipelines)  # type: ignore[no-any-return]


def _draw(pipeline: Pipeline) -> list[str]:
    lines = [pipeline.title]
    branches = pipeline.label_branches()
    for i, (label, branch) in enumerate(branches):
        last = i == len(branches) - 1
        first, *rest = _draw(branch)
        lines.append(f"{'└── ' if last else '├── '}{label}{first}")
        lines.extend(f"{'    ' if last else '│   '}{line}" for line in rest)
    return lines
