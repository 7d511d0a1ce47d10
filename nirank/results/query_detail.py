"""One query in detail: every system's list, where its documents came from, what is missing, what the texts say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class StageList:
    """Where the documents of a system's list stood in a list on its way.

    ranks, scores  of each document, None: that list had not got it. A rank of 0: it had it, without order
    """

    stage: str
    ranks: tuple[int | None, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class MissedDocument:
    """A relevant document that is not among the first of a system's list.

    rank       in the system's list; None: it is not in it
    last_in    the last list on the way that had it, and its rank there; None: none had it
    """

    document: str
    grade: int
    rank: int | None
    last_in: str | None
    last_rank: int | None


@dataclass(frozen=True)
class ListDetail:
    """The first documents of one system's list for one query, best first.

    scores  None: candidates without order have none
    """

    documents: tuple[str, ...]
    scores: tuple[float | None, ...]
    stages: tuple[StageList, ...] = ()
    missed: tuple[MissedDocument, ...] = ()


@dataclass(frozen=True)
class QueryDetail:
    """A query, its judgements, and the lists of all systems, by name.

    text    cut where it is very long; `characters`: how long it is
    judged  {document id: grade}
    """

    id: str
    text: str
    characters: int
    date: str | None = None
    judged: Mapping[str, int] = field(default_factory=dict)
    lists: Mapping[str, ListDetail] = field(default_factory=dict)


@dataclass(frozen=True)
class DocumentDetail:
    """What a document says, as far as a reader needs it at first.

    text    cut where it is long; `characters`: how long it is
    """

    id: str
    title: str
    text: str
    characters: int
    date: str | None = None


@dataclass(frozen=True)
class DetailSource:
    """Where the details of a query set come from.

    queries    yields them, of every detailed query in the set's order
    documents  yields what is known of documents, by their ids; nothing of those that nobody knows
    """

    queries: Callable[[], Iterator[QueryDetail]]
    documents: Callable[[Sequence[str]], Iterator[DocumentDetail]]
