"""A user's own function as a stage, with a declared identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, Scorer, Stage, option, stage
from nirank.collections.text_view import TextView
from nirank.errors import ConfigError, StageError, suggest
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking

ScoreTexts = Callable[[list[str], list[str]], Any]
CombineLists = Callable[[Sequence[Ranking]], Ranking]
Kind = Literal["scorer", "combiner"]

_VIEW = TextView(("title", "text"))
_CHUNK = 4096  # pairs whose texts are in memory at a time


def apply(
    function: Any,
    *,
    name: str = "",
    version: int,
    kind: Kind = "scorer",
    depth: int = 100,
    lists: tuple[int, int | None] = (1, None),
) -> AppliedScorer | AppliedCombiner:
    """Make a stage of a function. Name and version are its identity: raise the version when the function changes.

    function  scorer: (query texts, document texts), two equally long lists of title and text, to
              as many scores, each independent of the others. combiner: (rankings) to a Ranking
              over the same queries and documents
    name      the function's own unless given; a lambda has none
    version   1 or more
    depth     of a scorer: how many documents a query are scored; the tail keeps its order
    lists     of a combiner: least and most (None: any number) lists
    """
    if isinstance(function, Stage) or (isinstance(function, type) and issubclass(function, Stage)):
        raise ConfigError(f"apply: {function!r} is a stage already; expected a function")
    if not callable(function):
        raise ConfigError(f"apply: expected a function, got {function!r}")
    name = name or getattr(function, "__name__", "")
    if not name or name == "<lambda>":
        raise ConfigError("apply: the function has no name of its own; give it one: apply(function, name=…, version=…)")
    if kind == "scorer":
        return AppliedScorer(function=function, name=name, version=version, depth=depth)
    if kind == "combiner":
        return AppliedCombiner(function=function, name=name, version=version, lists=lists)
    near = suggest(str(kind), get_args(Kind))
    raise ConfigError(f"apply: kind is one of {', '.join(get_args(Kind))}, got {kind!r}{near}")


@stage
class AppliedScorer(Scorer):
    """Scores pairs with a user's function; made by `apply`."""

    function: ScoreTexts = field(compare=False, kw_only=True, metadata={"identity": False})
    name: str = option(kw_only=True)  # type: ignore[misc]
    version: int = option(kw_only=True)  # type: ignore[misc]

    def check(self) -> None:
        _check_version(self.name, self.version)

    def describe_identity(self) -> dict[str, Any]:
        return {"stage": "apply", "version": 1, "kind": "scorer", "options": self.identity_options}

    def list_models(self) -> tuple[str, ...]:
        return (f"what {self.name} uses",)

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        if ctx.queries is None or ctx.docs is None:
            raise StageError(f"{self.name}: expected the texts of both sides")
        scores = []
        for start in range(0, len(pairs), _CHUNK):
            part = slice(start, start + _CHUNK)
            queries = list(ctx.queries.read(_VIEW, pairs.query_rows[part]))
            docs = list(ctx.docs.read(_VIEW, pairs.rows[part]))
            scores.append(self._score_texts(queries, docs))
        return np.concatenate(scores) if scores else np.empty(0)

    def _score_texts(self, queries: list[str], docs: list[str]) -> NDArray[np.floating]:
        scores = np.asarray(self.function(queries, docs))
        if scores.shape != (len(queries),) or scores.dtype.kind not in "fiu":
            raise StageError(
                f"{self.name}: the function gave values of shape {scores.shape} and type {scores.dtype}"
                f" for {len(queries)} pairs; expected as many numbers"
            )
        return scores if scores.dtype.kind == "f" else scores.astype(np.float64)

    def __repr__(self) -> str:
        depth = "" if self.depth == 100 else f", depth={self.depth}"
        return f"apply({_name_function(self.function)}, name={self.name!r}, version={self.version}{depth})"


@stage
class AppliedCombiner(Combiner):
    """Combines lists with a user's function; made by `apply`."""

    function: CombineLists = field(compare=False, kw_only=True, metadata={"identity": False})
    name: str = option(kw_only=True)  # type: ignore[misc]
    version: int = option(kw_only=True)  # type: ignore[misc]
    lists: tuple[int, int | None] = option(default=(1, None), kw_only=True)  # type: ignore[misc]

    def check(self) -> None:
        _check_version(self.name, self.version)
        if len(self.lists) != 2 or self.lists[0] < 1 or (self.lists[1] is not None and self.lists[1] < self.lists[0]):
            raise ConfigError(f"{self.name}: lists are the least and the most, 1 or more, got {self.lists!r}")

    def describe_identity(self) -> dict[str, Any]:
        return {"stage": "apply", "version": 1, "kind": "combiner", "options": self.identity_options}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = self.function(lists)
        if not isinstance(ranking, Ranking):
            raise StageError(f"{self.name}: the function gave a {type(ranking).__name__}; expected a Ranking")
        return ranking

    def __repr__(self) -> str:
        lists = "" if self.lists == (1, None) else f", lists={self.lists}"
        arguments = f"{_name_function(self.function)}, name={self.name!r}, version={self.version}"
        return f"apply({arguments}, kind='combiner'{lists})"


def _check_version(name: str, version: Any) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ConfigError(f"{name}: version must be a whole number, 1 or more, got {version!r}")


def _name_function(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
