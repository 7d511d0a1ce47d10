"""Generators: values that write queries for documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides


@dataclass(frozen=True)
class Writing:
    """One query as a generator wrote it.

    logprob  mean log-probability of its tokens; None where the generator has none
    tokens   how many; 0 where none are counted
    """

    text: str
    logprob: float | None = None
    tokens: int = 0


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

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        """Yield the queries of each document, in order; what was written before for the same text is looked up."""
        raise NotImplementedError
