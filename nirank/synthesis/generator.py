"""Generators: values that write queries for documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts


@dataclass(frozen=True)
class Writing:
    """One query as a generator wrote it.

    logprob  mean log-probability of its tokens; None where the generator has none
    tokens   how many; 0 where none are counted
    reason   why there is no query, such as 'malformed answer'; '' where there is one
    """

    text: str
    logprob: float | None = None
    tokens: int = 0
    reason: str = ""


class Generator:
    """What writes queries; subclasses are frozen data classes, and everything that changes their output is a field.

    per_doc  how many queries a document gets
    """

    per_doc: int

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    def describe_identity(self) -> Mapping[str, Any]:
        """Return what its output depends on beside documents and inputs: the model's content, prompt, decoding."""
        raise NotImplementedError

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        """Return (role, node) of what it reads beside documents: an index, training queries for examples."""
        del sides
        return ()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return how much main memory writing needs at the least."""
        del sizes
        return MemoryNeed()

    def read_docs(self, docs: Texts, rows: NDArray[np.int64], view: TextView) -> Sequence[str]:
        """Return the documents in some rows as the generator reads them."""
        return list(docs.read(view, rows))

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        """Yield the queries of each document, in order; what was written before for the same text is looked up.

        docs    as `read_docs` gives them
        inputs  what `plan_inputs` asked for, opened, by role
        """
        raise NotImplementedError
