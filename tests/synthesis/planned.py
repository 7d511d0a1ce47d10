"""A collection's sides for planning outside of an experiment, and nodes run by themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.collections.collection import Collection
from nirank.experiment.leaves import Leaves
from nirank.experiment.training_sources import RunSources, TrainingCollections
from nirank.plan.execute import Runner
from nirank.plan.reporter import Reporter
from nirank.store import LocalStore


@dataclass
class Planned:
    """What trains on a collection, of which some queries may be evaluated."""

    sides: Sides
    sources: RunSources
    store: LocalStore

    @classmethod
    def of(cls, collection: Collection, folder: Path, evaluated: Collection | None = None) -> Planned:
        store = LocalStore(folder)
        shown = collection if evaluated is None else evaluated
        sources = RunSources(TrainingCollections((shown,), store, Leaves()), collection)
        sides = replace(sources.collections.leaves.make_sides(collection), training_sources=sources)
        return cls(sides, sources, store)

    def run(self, node: Node) -> Any:
        """Return a node's value: of a folder, its path."""
        runner = Runner(self.store, self.sources.collections.leaves.values, Reporter())
        runner.plan([node])
        runner.run(node)
        return runner.get_value(node)

    def describe(self, node: Node) -> Any:
        """Return what is written about a node's artifact."""
        self.run(node)
        stored = self.store.find(node)
        assert stored is not None
        return stored.meta
