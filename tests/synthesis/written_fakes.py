"""A generator that writes the first words of a document, and plans that run without an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.collections.collection import Collection
from nirank.experiment.leaves import Leaves
from nirank.experiment.training_sources import RunSources, TrainingCollections
from nirank.plan.execute import Runner
from nirank.plan.reporter import Reporter
from nirank.store import open_store
from nirank.synthesis.few_shot import FewShot
from nirank.synthesis.generator import Generator, Writing
from nirank.training.training_data import TrainingData


@dataclass(frozen=True)
class FirstWordsGenerator(Generator):
    """Writes words of a document: query number i begins at word i. Its log-probability is -i - 1."""

    per_doc: int = 1
    words: int = 2
    suffix: str = ""

    @property
    def title(self) -> str:
        return f"first {self.words} words"

    def describe_identity(self) -> Mapping[str, Any]:
        return {"words": self.words, "per_doc": self.per_doc, "suffix": self.suffix}

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        for text in docs:
            words = text.split()
            yield [
                Writing(" ".join(words[at : at + self.words]) + self.suffix, -at - 1.0, self.words)
                for at in range(self.per_doc)
            ]


@dataclass(frozen=True)
class ShownExamples(FirstWordsGenerator):
    """Writes the query of the first example, whatever the document."""

    examples: FewShot = field(default_factory=FewShot)

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        return self.examples.plan_inputs(sides)

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        ((_, query), *_) = self.examples.read_pairs(inputs)
        yield from ([Writing(f"{query} {query}")] for _ in docs)


@dataclass
class Bench:
    """Compiles and runs training data for one collection."""

    collection: Collection
    place: Path

    def __post_init__(self) -> None:
        self.store, self.leaves = open_store(self.place / "store"), Leaves("cpu")
        collections = TrainingCollections((self.collection,), self.store, self.leaves)
        self.sources = RunSources(collections, self.collection)
        self.runner = Runner(self.store, self.leaves.values, Reporter(), "cpu")

    def compile(self, data: TrainingData) -> Node:
        from dataclasses import replace

        return data.compile_node(replace(self.leaves.make_sides(self.collection), training_sources=self.sources))

    def run(self, node: Node) -> Any:
        return self.runner.get_value(node)
