"""What a row says of training, tuning and the queries that were written for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SeenRecords:
    """How many evaluated matches there are, and how many have one, or both, of their records in training pairs."""

    matches: int
    one: int
    both: int


@dataclass(frozen=True)
class TrainingQueries:
    """Queries, or a file or fields of documents, that a system was trained or tuned on.

    what               its title
    queries, relevant_pairs  how many; None: it has no judgements
    overlap            how many are evaluated too; `dropped`: those were left out
    evaluated_matches  of pairs of records
    trained_too        of queries that something was tuned on: how many the same models were trained on
    written, kept      of queries that the plan wrote, without any label: how many, and how many filters kept; None: it
                       wrote none. An overlap is of words alone then
    """

    what: str
    overlap: int
    dropped: bool
    collection: str | None = None
    split: str | None = None
    queries: int | None = None
    relevant_pairs: int | None = None
    evaluated_matches: SeenRecords | None = None
    trained_too: int | None = None
    written: int | None = None
    kept: int | None = None

    @property
    def leaks(self) -> bool:
        """Tell whether queries or pairs are among them that are evaluated; written ones knew nothing of those."""
        return self.overlap > 0 and not self.dropped and self.written is None


@dataclass(frozen=True)
class QuerySieve:
    """What cleaning, or a filter, left of the queries that it was given.

    dropped, kept  the first few, as (document id, query)
    """

    what: str
    entered: int
    left: int
    dropped: tuple[tuple[str, str], ...] = ()
    kept: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DocMap:
    """Documents in the plane: points in thousandths of a square, as 'x,y x,y', downwards and to the right.

    docs      a sample of all; those of one cluster are in one group, and clusters take the groups in turn
    without   that were chosen, and of whose queries none was kept; `chosen`: the others that were chosen
    queries   evaluated ones, where the run has their vectors
    variance  the share of the vectors' variance that the plane shows
    """

    docs: tuple[str, ...]
    without: str
    chosen: str
    queries: str
    variance: float


@dataclass(frozen=True)
class WrittenQueries:
    """Queries that the plan wrote to train on, and what became of them.

    address     of their table, which has every query
    selection   how documents were chosen; `documents`: how many
    generator   what the queries depend on beside the documents: a model, a prompt, decoding
    evaluated   of those that are kept, how many have the words of a query that is evaluated; `dropped`: they are not
                kept
    clusters    of the documents; `covered`: in how many there are documents with kept queries; `covered_at_random`: in
                how many as many documents drawn at random would lie, on average
    tokens, seconds  of writing: tokens that the generator counted, seconds as if none had been remembered
    """

    what: str
    address: str
    selection: str
    generator: Mapping[str, Any]
    documents: int
    written: int
    kept: int
    evaluated: int
    dropped: bool
    sieves: tuple[QuerySieve, ...]
    clusters: int
    covered: int
    covered_at_random: float | None
    tokens: int
    seconds: float
    map: DocMap | None = None


@dataclass(frozen=True)
class Candidate:
    """A pipeline that could have been chosen, its value, and that of the measure which has a bound."""

    pipeline: str
    value: float
    bounded: float | None = None


@dataclass(frozen=True)
class Choice:
    """What tuning chose, or which weights were learned: a place in `candidates`, by a measure on some queries.

    subject_to  the bound that was to be kept, such as 'PC >= 0.95'
    kept        whether the chosen one keeps it; if not, none does, and it comes nearest
    weights     of the lists of a learned sum, with a sum of 1, and `deviations`, those of their normalised scores over
                the documents that were compared; None: nothing was learned
    """

    chosen: int
    pipeline: str
    measure: str
    candidates: tuple[Candidate, ...]
    queries: int
    subject_to: str | None = None
    kept: bool | None = None
    weights: tuple[float, ...] | None = None
    deviations: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Training:
    """How a model was trained.

    loss         (step, loss), means over stretches of the curve
    evaluations  (step, value of `measure`) on the queries that watched the training
    examples_by_reason  how many examples there are, and how many each filter removed
    """

    model: str
    kind: str
    base: str
    identity: Mapping[str, Any]
    recipe: Mapping[str, Any]
    precision: str
    max_length: int | None
    query_prompt: str
    doc_prompt: str
    seed: int
    examples: int
    steps: int
    epochs: float
    best_step: int | None
    stopped_early: bool
    trainable_parameters: int
    seconds: float
    counts: Mapping[str, int]
    examples_by_reason: Mapping[str, int]
    measure: str | None
    loss: tuple[tuple[float, float], ...]
    evaluations: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ModelSoup:
    """How the weights of trained models were averaged into one."""

    model: str
    how: str
    ingredients: tuple[str, ...]
    log: tuple[Any, ...]
