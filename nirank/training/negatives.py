"""Where negatives come from: what a pipeline finds, and what is judged not relevant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nirank.algebra.pipeline import Pipeline, check_system
from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.errors import ConfigError


@dataclass(frozen=True)
class LabelledNegatives:
    """Explicit negatives: what is judged for a query and has grade 0 or less, such as known non-matches of records.

    n           at most so many an example, chosen by hash; None: all
    candidates  what the collection lists for a query and nobody labelled is judged not relevant too, as in screening

    What `Mined` never takes is no negative here either. Beside them, mined ones are others.
    """

    n: int | None = None
    candidates: bool = False

    def __post_init__(self) -> None:
        fit_fields(self, "negatives")
        if self.n is not None and self.n < 1:
            raise ConfigError(f"negatives: n must be 1 or more, got {self.n}")

    def params(self) -> dict[str, Any]:
        """Return what the negatives depend on."""
        return {"labelled": True, **find_changed_fields(self)}

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Mined:
    """Hard negatives: what a pipeline finds for a query and is not known to be relevant.

    of        the pipeline that finds them
    ranks     from which rank to which, both included, from 1
    n         at most so many an example
    choose    the 'top' ones, or 'random' ones among the ranks
    margin    only those whose score is at least so far below the positive's
    relative  only those whose score is at most this share of the positive's (0.95: TopK-PercPos of Moreira et al.,
              arXiv 2407.15831)

    Judged positives of the query, documents with the text of one, the query's own text and blank ones are never
    negatives; of records, nor is what matches through a shared partner: a match of a match. Margins ask for the
    positive's score in the same list; where it is not there they remove nothing.
    """

    of: Pipeline
    ranks: tuple[int, int] = (1, 100)
    n: int = 1
    choose: Literal["top", "random"] = "top"
    margin: float | None = None
    relative: float | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "negatives")
        check_system("negatives", self.of)
        if len(self.ranks) != 2 or not 1 <= self.ranks[0] <= self.ranks[1]:
            raise ConfigError(f"negatives: ranks are two numbers from 1, the lesser first, got {list(self.ranks)}")
        if self.n < 1:
            raise ConfigError(f"negatives: n must be 1 or more, got {self.n}")
        if self.choose not in ("top", "random"):
            raise ConfigError(f"negatives: choose is top or random, got {self.choose!r}")
        if self.of.gives != "ranking":
            raise ConfigError("negatives: ranks are asked for, and the pipeline gives unranked pairs")
        if self.relative is not None and not 0 < self.relative <= 1:
            raise ConfigError(f"negatives: relative must lie in (0, 1], got {self.relative}")

    def params(self) -> dict[str, Any]:
        """Return what the negatives depend on, beside the list."""
        return {
            name: list(value) if name == "ranks" else value
            for name, value in find_changed_fields(self).items()
            if name != "of"
        }

    def __repr__(self) -> str:
        return to_expression(self)


Negatives = LabelledNegatives | Mined
