"""D6, leak: pairs of which one text names the other document by its number."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from nirank.diagnostics.lists import Part

FindIdentifiers = Callable[[str], Collection[str]]  # the identifiers of what a text cites


@dataclass(frozen=True)
class RelationLeak:
    """Relevant pairs whose texts name each other, and scores with and without such pairs.

    pairs      relevant pairs with a document in the corpus
    forward    of these, pairs whose query names the document; `backward`: whose document names the query
    with_leak  queries with such a pair; `without`: those that have none
    masked     the system's means on all queries where such pairs are not judged
    """

    pairs: int
    forward: int
    backward: int
    either: int
    with_leak: Part
    without: Part
    masked: Part
