"""Training data: what every kind of it is, and what all of them ask an experiment for."""

from __future__ import annotations

from pathlib import Path

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides, TrainingSources
from nirank.errors import ConfigError

TASKS = "nirank.training.tasks"
Inputs = tuple[tuple[str, Node], ...]


class TrainingData:
    """A training set; a frozen value."""

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    def compile_node(self, sides: Sides) -> Node:
        """Return the computation that gives the `Examples`, for a system on these sides."""
        raise NotImplementedError


def require_sources(sides: Sides) -> TrainingSources:
    """Return what training asks for data."""
    if sides.training_sources is None:
        raise ConfigError("a model can only be trained by an experiment, which knows what is evaluated")
    return sides.training_sources


def shorten_source(source: str) -> str:
    """Return the end of a path, which says enough to people."""
    return "/".join(Path(source).parts[-2:]) if "/" in source else source
