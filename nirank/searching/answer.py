"""What a system answers: documents, where they came from, and what every stage did."""

from __future__ import annotations

from dataclasses import dataclass

from nirank.results.query_detail import DocumentDetail, StageList


@dataclass(frozen=True)
class QueryTerm:
    """A term of the query as the index has it.

    documents  that have it
    idf        ln(1 + (N - df + 0.5) / (df + 0.5)), the greatest of the index's fields; 0: no document has it
    """

    term: str
    documents: int
    idf: float


@dataclass(frozen=True)
class Passage:
    """A passage that a document's place rests on.

    fold  the stage that folded it
    """

    fold: str
    text: str
    score: float


@dataclass(frozen=True)
class StageTrace:
    """What one computation did for the query.

    stage           its short name, as in `Answer.stages`; `label`: as a plan calls it
    candidates_in   pairs that it read, None: it searched all documents, or reads none
    candidates_out  that it gave, None: it gives no list
    ms              how long it took, without loading
    text            that it made of the query; None: it makes none
    terms           of the query, where it matched terms of an index
    """

    stage: str
    label: str
    candidates_in: int | None
    candidates_out: int | None
    ms: float
    text: str | None = None
    terms: tuple[QueryTerm, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The first documents of a system for a query, best first; all but `trace` has an entry a document.

    found     how many documents the whole list has
    matches   the terms of the query that each document has, where a stage matched terms
    passages  that each document's place rests on, where a stage folded some
    stages    where each document stood in every list on the way, the system's own the last
    trace     every computation that the query needed
    ms        of all of it, without loading_ms: loading models and indexes, which happens once
    """

    collection: str
    system: str
    query: str
    found: int
    documents: tuple[DocumentDetail, ...]
    scores: tuple[float, ...]
    matches: tuple[tuple[str, ...], ...]
    passages: tuple[tuple[Passage, ...], ...]
    stages: tuple[StageList, ...]
    trace: tuple[StageTrace, ...]
    ms: float
    loading_ms: float

    def describe_move(self, at: int) -> str:
        """Say how a document moved: the ranks that it had, such as 'bm25 3 → 1'; '' where there is one list only."""
        ranks = [(stage.stage, stage.ranks[at]) for stage in self.stages[:-1]]
        if not ranks:
            return ""
        way = ", ".join(f"{stage} {'–' if rank is None else rank}" for stage, rank in ranks)
        return f"{way} → {at + 1}"
