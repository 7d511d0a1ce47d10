"""Sides: what a pipeline is applied to, and where training finds other queries."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.collections.texts import Texts

Use = Literal["trained", "tuned"]

DEPTH = 1000  # of retrieval, unless a stage or the collection says otherwise


@dataclass(frozen=True)
class WrittenData:
    """Queries that the plan writes itself, for what a row says of them.

    table      the computation that gives the queries, kept and dropped
    docs       the documents that they are written for
    evaluated  the evaluated queries, which some may happen to equal; `drops_evaluated`: those are left out
    trains     whether a model is trained on them; if not, they are appended to documents
    """

    title: str
    table: Node
    docs: Node
    evaluated: tuple[Node, ...] = ()
    drops_evaluated: bool = False
    trains: bool = True


class TrainingSources(Protocol):
    """What a plan can be asked for when models are trained in it."""

    def open_judged(self, judged: Judged, use: Use, grade: int | None = None) -> Sides:
        """Return judged queries as sides of their own, and let the row say what they were used for."""
        ...

    def compile_pipeline(self, pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
        """Return the node that computes a pipeline on two sides."""
        ...

    def open_collection(self, source: str | None) -> Sides:
        """Return all queries and documents of a collection; None: the one that the system runs on."""
        ...

    def get_texts(self, node: Node) -> Texts:
        """Return the texts that a leaf stands for."""
        ...

    def find_overlap(
        self, queries: Iterable[str], what: str, on_overlap: OnOverlap, key: Hashable, docs: Node | None = None
    ) -> frozenset[str]:
        """Return the training queries, normalised, that must be left out since they are evaluated; raise for 'refuse'.

        what  names the training set
        key   stands for the queries: with one that was there before, they are not read again
        docs  the documents that it is of, where it is of a collection's
        """
        ...

    def find_evaluated_documents(
        self, docs: Node, what: str, on_overlap: OnOverlap, splits: Sequence[str]
    ) -> tuple[int, ...]:
        """Return the documents, by row, that must be left out since they are evaluated queries; raise for 'refuse'.

        what    names the training set
        splits  whose queries' documents are left out beside these, whatever `on_overlap` says
        """
        ...

    def list_evaluated_queries(self) -> tuple[Node, ...]:
        """Return the queries that the experiment evaluates, of each collection; records of tables are none."""
        ...

    def list_evaluated_candidates(self) -> tuple[tuple[Node, Node], ...]:
        """Return documents and candidates of the queries that are evaluated here, where the collection lists any."""
        ...

    def note_written(self, data: WrittenData) -> None:
        """Let the row say that a system is trained on queries that the plan writes, or searches documents with them."""
        ...


@dataclass(frozen=True)
class Sides:
    """What a pipeline is applied to, as nodes: nothing is read yet.

    scope       all must hold
    full_depth  whether retrievers give all documents: the collection lists candidates, or lists are read to their end
    collection  and split: names, for file names that contain {collection}; never identity
    device      for models, on which `precision: auto` depends
    date        metadata key of the dates, where the collection names one
    known       judgements of documents that each query has had before, for stages that read judgements
    unit        what is judged: documents for a 'query', or a 'pair' of records
    one_table   whether the queries are records of the documents' table, so that a pair counts once
    both_ask    whether a system is asked from both sides; what is compiled on these sides alone is asked by the queries
    whole       the documents of which `docs` is one range of rows, while a retriever is planned range by range; None:
                `docs` are all
    training_sources   where other judged queries, for training, are found; None: nothing can be trained here
    """

    queries: Node
    docs: Node
    scope: tuple[Node, ...] = ()
    collection: str = ""
    split: str | None = None
    judgements: Node | None = None
    known: Node | None = None
    full_depth: bool = False
    device: str = "auto"
    date: str | None = None
    unit: Literal["query", "pair"] = "query"
    one_table: bool = False
    both_ask: bool = False
    whole: Node | None = None
    training_sources: TrainingSources | None = field(default=None, compare=False, repr=False)

    def resolve_depth(self, k: int | None) -> int | None:
        """Return how deep a retriever with option `k` searches here; None: all documents."""
        return k if k is not None else None if self.full_depth else DEPTH
