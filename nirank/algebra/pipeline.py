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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, get_args

from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.algebra.stage import Combiner

Flow = Literal["nothing", "ranking", "pairs", "texts", "scope"]
Keep = Literal["max", "first", "mean", "sum"]

RANKED: frozenset[Flow] = frozenset({"ranking"})
RANKED_OR_NOT: frozenset[Flow] = frozenset({"ranking", "pairs"})
STARTS: frozenset[Flow] = frozenset({"nothing"})
TEXTS: frozenset[Flow] = frozenset({"texts"})
_WORDS = {"nothing": "nothing", "ranking": "a ranking", "pairs": "unranked pairs", "texts": "texts", "scope": "a scope"}
_APPLY = {"texts": "rewrite(map, a) or fold(view, a)", "scope": "within(scope, a)"}


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
        return Then((self, _pipeline(other, ">>")))

    def __mod__(self, k: int) -> Pipeline:
        """`a % k`: keep each query's first k documents, nothing else."""
        return Then((self, _stage("cut")(k)))

    def __add__(self, other: Pipeline) -> Pipeline:
        """`a + b`: the weighted sum, each list min-max normalised; `w * a + v * b` weighs them."""
        left, right = _terms(self), _terms(_pipeline(other, "+"))
        return _sum((*left, *right))

    def __rmul__(self, weight: float) -> Pipeline:
        """`w * a`: a term of a weighted sum; w times such a sum weighs all its terms."""
        if isinstance(weight, bool) or not isinstance(weight, Real):
            raise ConfigError(f"*: expected a number times a pipeline, got {weight!r}")
        return _sum(tuple((float(weight) * one, term) for one, term in _terms(self)))

    __mul__ = __rmul__

    def __or__(self, other: Pipeline) -> Pipeline:
        """`a | b`: the pairs that either has, without scores."""
        return _stage("union")().of(self, _pipeline(other, "|"))  # type: ignore[no-any-return]

    def __and__(self, other: Pipeline) -> Pipeline:
        """`a & b`: the pairs that both have, without scores."""
        return _stage("intersection")().of(self, _pipeline(other, "&"))  # type: ignore[no-any-return]

    def __rrshift__(self, other: Any) -> Pipeline:
        return _pipeline(other, ">>") >> self

    def __radd__(self, other: Any) -> Pipeline:
        return _pipeline(other, "+") + self

    def __ror__(self, other: Any) -> Pipeline:
        return _pipeline(other, "|") | self

    def __rand__(self, other: Any) -> Pipeline:
        return _pipeline(other, "&") & self

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        """Return what this is made of, each with its role; a stage is made of nothing."""
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
        flat = tuple(step for one in self.steps for step in _steps(_pipeline(one, ">>")))
        object.__setattr__(self, "steps", flat)
        if len(flat) < 2:
            raise ConfigError(f">>: expected two steps or more, got {len(flat)}")
        for step in flat:
            _check_lists(step)
        for left, right in pairwise(flat):
            if left.gives not in right.takes:
                raise ConfigError(
                    f"{right!r} cannot follow {left!r}: {_expected(right)}, got {_WORDS[left.gives]}"
                    f"{_hint(left, right)}"
                )

    @property
    def takes(self) -> frozenset[Flow]:
        return self.steps[0].takes

    @property
    def gives(self) -> Flow:
        return self.steps[-1].gives

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.steps))

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("" if i == 0 else ">> ", step) for i, step in enumerate(self.steps))

    @property
    def title(self) -> str:
        return "then"


@dataclass(frozen=True, repr=False)
class Join(Pipeline):
    """A combiner over several pipelines; what flows in goes to each of them."""

    stage: Combiner
    inputs: tuple[Pipeline, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(_pipeline(one, repr(self.stage)) for one in self.inputs))
        least, most = self.stage.lists
        if len(self.inputs) < least or (most is not None and len(self.inputs) > most):
            raise ConfigError(f"{self.stage!r}: expected {_how_many(least, most)}, got {len(self.inputs)}")
        for one in self.inputs:
            _check_lists(one)
            if one.gives not in self.stage.takes:
                got = f"got {_WORDS[one.gives]} from {one!r}{_hint(one, self.stage)}"
                raise ConfigError(f"{self.stage!r}: {_expected(self.stage)}, {got}")
        if not self.takes:
            raise ConfigError(f"{self!r}: some of its inputs must stand first, others need a list in front")
        self.stage.check_inputs(len(self.inputs))

    @property
    def takes(self) -> frozenset[Flow]:
        return frozenset.intersection(*(one.takes for one in self.inputs))

    @property
    def gives(self) -> Flow:
        return self.stage.gives

    def __repr__(self) -> str:
        return f"{self.stage!r}.of({', '.join(map(repr, self.inputs))})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("", one) for one in self.inputs)

    @property
    def title(self) -> str:
        return repr(self.stage)


class _Applied(Pipeline):
    """What is applied to a pipeline takes and gives what that pipeline does."""

    of: Pipeline

    @property
    def takes(self) -> frozenset[Flow]:
        return self.of.takes

    @property
    def gives(self) -> Flow:
        return self.of.gives


@dataclass(frozen=True, repr=False)
class Within(_Applied):
    """A pipeline restricted to what a scope stage, or another pipeline's pairs, allow."""

    scope: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        if self.scope.gives not in {"scope", "ranking", "pairs"}:
            raise ConfigError(
                f"within: expected a scope, or a pipeline that finds documents, got {_WORDS[self.scope.gives]}"
                f" from {self.scope!r}"
            )
        _check_lists(self.scope)
        if "nothing" not in self.scope.takes:
            raise ConfigError(f"within: {self.scope!r} needs a list in front; start it with a retriever such as bm25")
        _check_lists_out("within", self.of)

    def __repr__(self) -> str:
        return f"within({self.scope!r}, {self.of!r})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("scope: ", self.scope), ("", self.of))

    @property
    def title(self) -> str:
        return "within"


@dataclass(frozen=True, repr=False)
class Rewrite(_Applied):
    """A pipeline that reads rewritten queries."""

    by: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        _check_map("rewrite", "a map of queries", self.by)
        _check_lists_out("rewrite", self.of)

    def __repr__(self) -> str:
        return f"rewrite({self.by!r}, {self.of!r})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("by: ", self.by), ("", self.of))

    @property
    def title(self) -> str:
        return "rewrite"


@dataclass(frozen=True, repr=False)
class Fold(_Applied):
    """A pipeline over parts of documents or queries, whose scores are folded into one a document."""

    view: Pipeline
    of: Pipeline
    keep: Keep = "max"
    top: int | None = None
    side: Literal["docs", "queries"] = "docs"

    def __post_init__(self) -> None:
        _check_map("fold", "a view of documents" if self.side == "docs" else "a view of queries", self.view)
        _check_lists(self.of)
        reader = next((one for one in _stages(self.of) if "judgements" in getattr(one, "reads", ())), None)
        if reader is not None:
            raise ConfigError(
                f"fold: {reader!r} reads judgements, which speak of whole documents and queries; expected it behind the"
                " fold"
            )
        if self.of.gives != "ranking":
            raise ConfigError(f"fold: expected a ranking of parts, got {_WORDS[self.of.gives]} from {self.of!r}")
        if self.keep not in get_args(Keep):
            raise ConfigError(f"fold: keep is one of {', '.join(get_args(Keep))}, got {self.keep!r}")
        if self.side not in ("docs", "queries"):
            raise ConfigError(f"fold: side is docs or queries, got {self.side!r}")
        if self.top is not None:
            if isinstance(self.top, bool) or not isinstance(self.top, int) or self.top < 1:
                raise ConfigError(f"fold: top must be a whole number of parts, 1 or more, got {self.top!r}")
            if self.keep not in ("mean", "sum"):
                raise ConfigError(f"fold: top is for keep mean or sum, got keep {self.keep}")

    def __repr__(self) -> str:
        keep = "" if self.keep == "max" else f", keep={self.keep!r}"
        top = "" if self.top is None else f", top={self.top}"
        side = "" if self.side == "docs" else f", side={self.side!r}"
        return f"fold({self.view!r}, {self.of!r}{keep}{top}{side})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("view: ", self.view), ("", self.of))

    @property
    def title(self) -> str:
        keep = self.keep if self.top is None else f"{self.keep} of top {self.top}"
        return f"fold keep={keep}" if self.side == "docs" else f"fold queries keep={keep}"


def _stages(one: Pipeline) -> Iterator[Any]:
    """Yield a pipeline, the stages that it applies, and those of what it is made of."""
    yield one
    if (stage := getattr(one, "stage", None)) is not None:
        yield stage
    for _, below in one.children():
        yield from _stages(below)


def within(scope: Pipeline, of: Pipeline) -> Within:
    """Restrict a pipeline to what `scope` allows: a scope stage, or the pairs that a pipeline finds."""
    return Within(_pipeline(scope, "within"), _pipeline(of, "within"))


def rewrite(by: Pipeline, of: Pipeline) -> Rewrite:
    """Let a pipeline read the queries that `by` makes; behind it the declared queries are back."""
    return Rewrite(_pipeline(by, "rewrite"), _pipeline(of, "rewrite"))


def fold(
    view: Pipeline,
    of: Pipeline,
    keep: Keep = "max",
    *,
    top: int | None = None,
    side: Literal["docs", "queries"] = "docs",
) -> Fold:
    """Let a pipeline work on the parts that `view` makes of documents, or of queries, and fold their scores.

    keep  a document's score: of its best part ('max'), its first part in text order ('first'), or the mean or sum
          over its retrieved parts ('mean', 'sum')
    top   the mean or sum is over at most so many parts, those with the greatest scores
    side  whose parts: the documents', or the queries', each of which then searches by itself
    """
    return Fold(_pipeline(view, "fold"), _pipeline(of, "fold"), keep, top, side)


def require_system(name: str, pipeline: Any) -> Pipeline:
    """Return the pipeline if it can stand alone as a system; raise ConfigError otherwise."""
    made = _pipeline(pipeline, f"system '{name}'")
    if made.gives not in RANKED_OR_NOT:
        raise ConfigError(f"system '{name}': expected a pipeline that finds documents, got {_WORDS[made.gives]}")
    _check_lists(made)
    if "nothing" not in made.takes:
        raise ConfigError(f"system '{name}': {made!r} needs a list in front; start it with a retriever such as bm25")
    return made


def _pipeline(value: Any, where: str) -> Pipeline:
    if isinstance(value, Pipeline):
        return value
    if isinstance(value, type) and issubclass(value, Pipeline):
        raise ConfigError(f"{where}: got the class {value.__name__}; make a value of it: {value.__name__}()")
    if callable(value):
        raise ConfigError(f"{where}: got a function; wrap it: apply(function, name=…, version=…)")
    raise ConfigError(f"{where}: expected a pipeline, got {value!r}")


def _stage(name: str) -> type[Any]:
    from nirank.algebra.registry import find

    return find(name)


def _steps(one: Pipeline) -> tuple[Pipeline, ...]:
    return one.steps if isinstance(one, Then) else (one,)


def _terms(one: Pipeline) -> tuple[tuple[float, Pipeline], ...]:
    """Return the weighted terms of a sum that operators made; anything else is one term of weight 1.

    A sum with another normalisation stays one term: only so is `+` associative.
    """
    kind = _stage("weighted_sum")
    if isinstance(one, Join) and isinstance(one.stage, kind) and replace(one.stage, weights=None) == kind():
        weights = one.stage.weights or (1.0,) * len(one.inputs)
        return tuple(zip(weights, one.inputs, strict=True))
    return ((1.0, one),)


def _sum(terms: tuple[tuple[float, Pipeline], ...]) -> Pipeline:
    weights, inputs = zip(*terms, strict=True)
    stage = _stage("weighted_sum")(weights=None if set(weights) == {1.0} else weights)
    return stage.of(*inputs)  # type: ignore[no-any-return]


def _expected(right: Pipeline) -> str:
    wanted = [_WORDS[flow] for flow in ("ranking", "pairs", "texts", "scope") if flow in right.takes]
    return f"expected {' or '.join(wanted)}" if wanted else "it can only stand first"


def _hint(left: Pipeline, right: Pipeline) -> str:
    """Return how texts and scopes are meant to be used, where they stand in a chain."""
    meant = _APPLY.get(left.gives) or _APPLY.get(right.gives)
    return f"; it is applied: {meant}" if meant else ""


def _how_many(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} lists or more"
    return f"{least} to {most} lists" if most != least else f"{least} list{'s' if least > 1 else ''}"


def _check_lists(one: Pipeline) -> None:
    """Refuse a combiner of several lists that stands alone or in a chain, where only one list flows."""
    least, most = getattr(one, "lists", (1, 1))
    if least > 1:
        raise ConfigError(f"{one!r}: combines {_how_many(least, most)}; give them with .of(a, b)")


def _check_lists_out(where: str, one: Pipeline) -> None:
    if one.gives not in RANKED_OR_NOT:
        raise ConfigError(f"{where}: expected a pipeline that finds documents, got {_WORDS[one.gives]} from {one!r}")
    _check_lists(one)


def _check_map(where: str, wanted: str, one: Pipeline) -> None:
    if one.gives != "texts":
        raise ConfigError(f"{where}: expected {wanted} (texts to texts), got {_WORDS[one.gives]} from {one!r}")
    if "nothing" not in one.takes:
        raise ConfigError(f"{where}: {one!r} needs a list in front; start it with a retriever such as bm25")


def _draw(one: Pipeline) -> list[str]:
    lines = [one.title]
    below = one.children()
    for i, (role, child) in enumerate(below):
        last = i == len(below) - 1
        first, *rest = _draw(child)
        lines.append(f"{'└── ' if last else '├── '}{role}{first}")
        lines.extend(f"{'    ' if last else '│   '}{line}" for line in rest)
    return lines
