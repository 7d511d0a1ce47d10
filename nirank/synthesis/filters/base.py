"""Filter: a value that drops written queries, each with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.values import find_changed_fields
from nirank.collections.texts import Texts
from nirank.synthesis.query_table import QueryTable

Inputs = tuple[tuple[str, Node], ...]


@dataclass(frozen=True, eq=False)
class KeptQueries:
    """The queries that nothing has dropped yet, in the order of their table; what a filter looks at.

    rows   (n,) int64, their rows in the table
    texts  (n,) the queries
    docs   (n,) int64, the document that each is written for
    """

    rows: NDArray[np.int64]
    texts: Sequence[str]
    docs: NDArray[np.int64]
    logprobs: NDArray[np.float32]

    @classmethod
    def of(cls, table: QueryTable) -> KeptQueries:
        """Return the queries of a table that are kept."""
        rows = np.flatnonzero(table.kept).astype(np.int64)
        texts = [table.queries[row] for row in rows.tolist()]
        return cls(rows, texts, np.asarray(table.docs)[rows], np.asarray(table.logprobs)[rows])

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a filter says of the queries that it looked at.

    keep    (n,) bool
    scores  (n,) float32, what it measured; NaN where it measured nothing; None: it measures nothing
    """

    keep: NDArray[np.bool_]
    scores: NDArray[np.float32] | None = None


class Filter:
    """What decides which written queries are kept; subclasses are frozen data classes.

    name  as YAML, scores and reasons have it
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    def describe_identity(self) -> Mapping[str, Any]:
        """Return what the outcome depends on beside the queries and inputs; what an input says already is left out."""
        return find_changed_fields(self)

    def plan_inputs(self, queries: Sides, written: Node) -> Inputs:
        """Return (role, node) of what it reads beside the table and the documents.

        queries  sides whose queries are those that are still kept, and whose documents are the collection's
        written  the node of their table
        """
        del queries, written
        return ()

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        """Say which queries are kept.

        inputs  what `plan_inputs` asked for, opened, by role
        """
        raise NotImplementedError
