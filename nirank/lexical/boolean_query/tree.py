"""What a Boolean query is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["and", "or", "not", "adj"]


@dataclass(frozen=True)
class Term:
    """Words that stand together: one, or a phrase.

    words   as written, with marks of truncation ($ * ? #)
    quoted  whether they stood between quotes
    fields  what they are searched in, in lower case, such as 'ti' and 'ab'; () where nothing is said
    """

    words: tuple[str, ...]
    quoted: bool = False
    fields: tuple[str, ...] = ()

    @property
    def is_phrase(self) -> bool:
        """Tell whether there are several words."""
        return len(self.words) > 1


@dataclass(frozen=True)
class Heading:
    """A subject heading (MeSH).

    name        as written: 'Tomography, X-Ray Computed'
    exploded    whether narrower headings are searched too
    qualifiers  subheadings: 'di', 'methods'
    """

    name: str
    exploded: bool = False
    qualifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """An operator and what it joins, two parts or more; of 'not' the first less all others.

    distance  of 'adj': how many words apart at most; None: next to each other
    """

    operator: Operator
    parts: tuple[Part, ...]
    distance: int | None = None


Part = Term | Heading | Operation


@dataclass(frozen=True)
class BooleanQuery:
    """A query as it was understood.

    root    None: there is nothing
    counts  operators, terms and headings by kind, and what was not understood
    """

    root: Part | None
    counts: Mapping[str, int] = field(default_factory=dict)


def walk_parts(root: Part | None, *, excluded: bool = True) -> Iterator[Part]:
    """Yield the parts of a tree in the order in which they stand, each once, however often lines name it.

    excluded  whether what NOT takes away is yielded too
    """
    waiting = [] if root is None else [root]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, Operation):
            inner = part.parts if excluded or part.operator != "not" else part.parts[:1]
            waiting += reversed(inner)
