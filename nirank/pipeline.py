"""The algebra: how stages chain, join and apply to other texts. Values only; nothing here computes.

Four composites carry it all:

    a >> b                 Then     one after the other; associative, so it is kept flat
    rrf(a, b), a + b, …    Join     a combiner over several pipelines
    within(scope, a)       Within   a, restricted to what a scope allows
    rewrite(map, a)        Rewrite  a, reading rewritten queries
    fold(view, a)          Fold     a, over parts of documents, folded back to documents

`>>` chains, the last three *apply*: behind them the declared query and the whole documents
are back. A composition that cannot work is refused here, when it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.stage import Combiner

Flow = Literal["nothing", "ranking", "pairs", "texts", "scope"]
Keep = Literal["max", "first", "mean"]

RANKED: frozenset[Flow] = frozenset({"ranking"})
RANKED_OR_NOT: frozenset[Flow] = frozenset({"ranking", "pairs"})
STARTS: frozenset[Flow] = frozenset({"nothing"})
TEXTS: frozenset[Flow] = frozenset({"texts"})
_WORDS = {"nothing": "nothing", "ranking": "a ranking", "pairs": "unranked pairs", "texts": "texts", "scope": "a scope"}


class Pipeline:
    """Anything that can stand in a pipeline: a stage, or stages composed.

    takes  what may flow in: 'nothing' (it can start a pipeline), 'ranking', 'pairs', 'texts'
    gives  what flows out
    """

    @property
    def takes(self) -> frozenset[Flow]:
        raise TypeError(f"{type(self).__name__} does not say what it takes")

    @property
    def gives(self) -> Flow:
        raise TypeError(f"{type(self).__name__} does not say what it gives")

    def __rshift__(self, other: Pipeline) -> Pipeline:
        """`a >> b`: a, then b."""
        return Then((*_steps(self), *_steps(_pipeline(other, ">>"))))

    def __mod__(self, k: int) -> Pipeline:
        """`a % k`: keep each query's first k documents, nothing else."""
        return Then((*_steps(self), _stage("cut")(k)))

    def __add__(self, other: Pipeline) -> Pipeline:
        """`a + b`: the weighted sum, each list min-max normalised; `w * a + v * b` weighs them."""
        left, right = _terms(self), _terms(_pipeline(other, "+"))
        if left.stage.normalise != right.stage.normalise:  # type: ignore[attr-defined]
            return _stage("weighted_sum")(weights=(1.0, 1.0)).of(self, other)  # type: ignore[no-any-return]
        weights = (*left.stage.weights, *right.stage.weights)  # type: ignore[attr-defined]
        stage = _stage("weighted_sum")(weights=weights, normalise=left.stage.normalise)  # type: ignore[attr-defined]
        return stage.of(*left.inputs, *right.inputs)  # type: ignore[no-any-return]

    def __rmul__(self, weight: float) -> Pipeline:
        """`w * a`: a term of a weighted sum; w times a sum weighs all its terms."""
        if isinstance(weight, bool) or not isinstance(weight, (int, float)):
            raise ConfigError(f"*: expected a number times a pipeline, got {weight!r}")
        terms = _terms(self)
        weights = tuple(weight * one for one in terms.stage.weights)  # type: ignore[attr-defined]
        stage = _stage("weighted_sum")(weights=weights, normalise=terms.stage.normalise)  # type: ignore[attr-defined]
        return stage.of(*terms.inputs)  # type: ignore[no-any-return]

    __mul__ = __rmul__

    def __or__(self, other: Pipeline) -> Pipeline:
        """`a | b`: the pairs that either has, without scores."""
        return _stage("union")().of(self, _pipeline(other, "|"))  # type: ignore[no-any-return]

    def __and__(self, other: Pipeline) -> Pipeline:
        """`a & b`: the pairs that both have, without scores."""
        return _stage("intersection")().of(self, _pipeline(other, "&"))  # type: ignore[no-any-return]

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
        for left, right in zip(self.steps, self.steps[1:], strict=False):
            if left.gives not in right.takes:
                raise ConfigError(f"{right!r} cannot follow {left!r}: {_expected(right)}, got {_WORDS[left.gives]}")
            _check_lists(right)

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
        least, most = self.stage.lists
        if len(self.inputs) < least or (most is not None and len(self.inputs) > most):
            wanted = f"{least} lists" if most == least else f"{least} lists or more"
            raise ConfigError(f"{self.stage!r}: expected {wanted}, got {len(self.inputs)}")
        for one in self.inputs:
            if one.gives not in self.stage.takes:
                raise ConfigError(f"{self.stage!r}: {_expected(self.stage)}, got {_WORDS[one.gives]} from {one!r}")
        if not self.takes:
            raise ConfigError(f"{self!r}: its inputs have no way to start in common")
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


@dataclass(frozen=True, repr=False)
class Within(Pipeline):
    """A pipeline restricted to what a scope stage, or another pipeline's pairs, allow."""

    scope: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        if self.scope.gives not in {"scope", "ranking", "pairs"} or "nothing" not in self.scope.takes:
            raise ConfigError(
                f"within: expected a scope, or a pipeline that finds pairs by itself, got {_WORDS[self.scope.gives]}"
                f" from {self.scope!r}"
            )
        _check_lists_out("within", self.of)

    @property
    def takes(self) -> frozenset[Flow]:
        return self.of.takes

    @property
    def gives(self) -> Flow:
        return self.of.gives

    def __repr__(self) -> str:
        return f"within({self.scope!r}, {self.of!r})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("scope: ", self.scope), ("", self.of))

    @property
    def title(self) -> str:
        return "within"


@dataclass(frozen=True, repr=False)
class Rewrite(Pipeline):
    """A pipeline that reads rewritten queries."""

    by: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        if self.by.gives != "texts" or "nothing" not in self.by.takes:
            raise ConfigError(
                f"rewrite: expected a map from texts to texts, got {_WORDS[self.by.gives]} from {self.by!r}"
            )
        _check_lists_out("rewrite", self.of)

    @property
    def takes(self) -> frozenset[Flow]:
        return self.of.takes

    @property
    def gives(self) -> Flow:
        return self.of.gives

    def __repr__(self) -> str:
        return f"rewrite({self.by!r}, {self.of!r})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("by: ", self.by), ("", self.of))

    @property
    def title(self) -> str:
        return "rewrite"


@dataclass(frozen=True, repr=False)
class Fold(Pipeline):
    """A pipeline over parts of documents; a document gets the best, first or mean score of its parts."""

    view: Pipeline
    of: Pipeline
    keep: Keep = "max"

    def __post_init__(self) -> None:
        if self.view.gives != "texts" or "nothing" not in self.view.takes:
            raise ConfigError(
                f"fold: expected a view of documents (texts to texts), got {_WORDS[self.view.gives]} from {self.view!r}"
            )
        if self.of.gives != "ranking":
            raise ConfigError(f"fold: expected a ranking of parts, got {_WORDS[self.of.gives]} from {self.of!r}")
        if self.keep not in get_args(Keep):
            raise ConfigError(f"fold: keep is one of {', '.join(get_args(Keep))}, got {self.keep!r}")

    @property
    def takes(self) -> frozenset[Flow]:
        return self.of.takes

    @property
    def gives(self) -> Flow:
        return "ranking"

    def __repr__(self) -> str:
        keep = "" if self.keep == "max" else f", keep={self.keep!r}"
        return f"fold({self.view!r}, {self.of!r}{keep})"

    def children(self) -> Sequence[tuple[str, Pipeline]]:
        return (("view: ", self.view), ("", self.of))

    @property
    def title(self) -> str:
        return f"fold keep={self.keep}"


def within(scope: Pipeline, of: Pipeline) -> Within:
    """Restrict a pipeline to what `scope` allows: a scope stage, or the pairs that a pipeline finds."""
    return Within(_pipeline(scope, "within"), _pipeline(of, "within"))


def rewrite(by: Pipeline, of: Pipeline) -> Rewrite:
    """Let a pipeline read the queries that `by` makes; behind it the declared queries are back."""
    return Rewrite(_pipeline(by, "rewrite"), _pipeline(of, "rewrite"))


def fold(view: Pipeline, of: Pipeline, keep: Keep = "max") -> Fold:
    """Let a pipeline search the parts that `view` makes of documents, and fold parts back to documents.

    keep  a document's score: of its best part ('max'), its first part in text order ('first'),
          or the mean over its retrieved parts ('mean')
    """
    return Fold(_pipeline(view, "fold"), _pipeline(of, "fold"), keep)


def require_system(name: str, pipeline: Any) -> Pipeline:
    """Return the pipeline if it can stand alone as a system; raise ConfigError otherwise."""
    made = _pipeline(pipeline, f"system '{name}'")
    if made.gives not in RANKED_OR_NOT:
        raise ConfigError(f"system '{name}': expected a pipeline that ranks documents, got {_WORDS[made.gives]}")
    if "nothing" not in made.takes:
        raise ConfigError(f"system '{name}': {made!r} needs a list in front; start it with a retriever such as bm25")
    _check_lists(made)
    return made


def _pipeline(value: Any, where: str) -> Pipeline:
    if isinstance(value, Pipeline):
        return value
    if isinstance(value, type) and issubclass(value, Pipeline):
        raise ConfigError(f"{where}: got the class {value.__name__}; make a value of it: {value.__name__}()")
    if isinstance(value, Callable):  # type: ignore[arg-type]
        raise ConfigError(f"{where}: got a function; wrap it: apply(function, name=…, version=…)")
    raise ConfigError(f"{where}: expected a pipeline, got {value!r}")


def _stage(name: str) -> type[Any]:
    from nirank.registry import find

    return find(name)


def _steps(one: Pipeline) -> tuple[Pipeline, ...]:
    return one.steps if isinstance(one, Then) else (one,)


def _terms(one: Pipeline) -> Join:
    """Return a pipeline as a weighted sum; one that is no sum becomes a sum of one term."""
    kind = _stage("weighted_sum")
    if isinstance(one, Join) and isinstance(one.stage, kind):
        return one
    return kind(weights=(1.0,)).of(one)  # type: ignore[no-any-return]


def _expected(right: Pipeline) -> str:
    wanted = [_WORDS[flow] for flow in ("nothing", "ranking", "pairs", "texts", "scope") if flow in right.takes]
    return f"expected {' or '.join(wanted)}"


def _check_lists(one: Pipeline) -> None:
    """Refuse a combiner of several lists that stands in a chain, where only one list flows."""
    least, _ = getattr(one, "lists", (1, 1))
    if least > 1:
        raise ConfigError(f"{one!r}: combines {least} lists or more; give them with .of(a, b)")


def _check_lists_out(where: str, one: Pipeline) -> None:
    if one.gives not in RANKED_OR_NOT:
        raise ConfigError(f"{where}: expected a pipeline that finds documents, got {_WORDS[one.gives]} from {one!r}")
    _check_lists(one)


def _draw(one: Pipeline) -> list[str]:
    lines = [one.title]
    below = one.children()
    for i, (role, child) in enumerate(below):
        last = i == len(below) - 1
        first, *rest = _draw(child)
        lines.append(f"{'└── ' if last else '├── '}{role}{first}")
        lines.extend(f"{'    ' if last else '│   '}{line}" for line in rest)
    return lines
