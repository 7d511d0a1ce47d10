"""The words of a Boolean query, for a ranker that reads no operators."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

from nirank.lexical.boolean_query.tree import Heading, Part, Term, walk_parts

Kind = Literal["terms", "phrases", "mesh"]

_MARKS = re.compile(r"[$*#?]\d*")


def list_words(root: Part | None, keep: Collection[Kind]) -> list[str]:
    """Return what a query asks for, each once whatever its case, in the order in which it stands.

    keep  of it: single words, phrases, subject headings

    What NOT takes away is left out, and so are marks of truncation. 'Tomography, X-Ray Computed' is given as such, and
    what stands in the same words as a phrase and as a heading is given once.
    """
    found: dict[str, str] = {}
    for kind, text in _list_leaves(root):
        plain = _MARKS.sub("", text).strip()
        if kind in keep and plain:
            found.setdefault(plain.casefold(), plain)
    return list(found.values())


def _list_leaves(root: Part | None) -> Iterator[tuple[Kind, str]]:
    for part in walk_parts(root, excluded=False):
        if isinstance(part, Heading):
            yield "mesh", part.name
        elif isinstance(part, Term):
            yield "phrases" if part.is_phrase else "terms", " ".join(part.words)
