"""Watch: held-out queries, or coded texts, by which a training is stopped, or the models of a soup are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nirank.algebra.judged import Judged
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline, check_system
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, View
from nirank.errors import ConfigError
from nirank.training.training_data import require_sources

Inputs = tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Watch:
    """What a training is stopped by, or a soup chosen by: candidate lists of held-out queries, re-ranked by the model.

    queries   held out of training
    of        the pipeline whose lists are re-ranked
    measure   of the re-ranked lists
    every     so many steps; None: once an epoch
    patience  stop after so many evaluations in a row without gain; None: never. The best weights seen are the model.
    """

    queries: Judged
    of: Pipeline
    measure: str = "nDCG@10"
    every: int | None = None
    patience: int | None = None
    doc_text: View = TITLE_AND_TEXT
    query_text: View = TITLE_AND_TEXT

    def __post_init__(self) -> None:
        from nirank.evaluation.measures import parse_measure

        fit_fields(self, "watch")
        check_system("watch", self.of)
        parse_measure(self.measure)
        _check_counts(self)

    def inputs(self, sides: Sides) -> Inputs:
        """Return what is watched as inputs of a node."""
        sources = require_sources(sides)
        judged = sources.open_judged(self.queries, "tuned")
        assert judged.judgements is not None, "checked where judged queries are opened"
        lists = sources.compile_pipeline(self.of, judged)
        nodes = (judged.queries, judged.docs, judged.judgements, lists)
        return tuple(zip(("watched_queries", "watched_docs", "watched_judgements", "watched"), nodes, strict=True))

    def params(self) -> dict[str, Any]:
        """Return what the choice of the best weights depends on, beside the lists."""
        options: dict[str, Any] = {"measure": self.measure, "every": self.every, "patience": self.patience}
        views = {"doc_text": self.doc_text, "query_text": self.query_text}
        options |= {name: view for name, view in views.items() if view != TITLE_AND_TEXT}
        return {name: value for name, value in options.items() if value is not None}

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class WatchCodes:
    """What a training on codes is stopped by: micro-F1 on a share of the documents, which are not trained on.

    held_out  share of the documents, chosen by hash of id
    every     so many steps; None: once an epoch
    patience  stop after so many evaluations in a row without gain; None: never. The best weights seen are the model.
    """

    held_out: float = 0.1
    every: int | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "watch")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"watch: held_out is a share of the documents, above 0 and below 1, got {self.held_out}")
        _check_counts(self)

    def inputs(self, sides: Sides) -> Inputs:
        """Return nothing: what is held out is among the training texts."""
        del sides
        return ()

    def params(self) -> dict[str, Any]:
        """Return what the choice of the best weights depends on."""
        options = {"held_out": self.held_out, "every": self.every, "patience": self.patience}
        return {name: value for name, value in options.items() if value is not None}

    def __repr__(self) -> str:
        return to_expression(self)


def _check_counts(watch: Watch | WatchCodes) -> None:
    for name in ("every", "patience"):
        value = getattr(watch, name)
        if value is not None and value < 1:
            raise ConfigError(f"watch: {name} must be 1 or more, got {value}")
