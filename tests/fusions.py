"""The stages that fuse lists, found: the laws of all stages hold for a new one without naming it in a test."""

from __future__ import annotations

from nirank.algebra.registry import load_stages
from nirank.algebra.stage import Combiner


def load_fusions() -> dict[str, type[Combiner]]:
    """Return the combiners of two lists or more that give a ranking, by name; all their options have defaults."""
    return {
        name: kind
        for name, kind in load_stages().items()
        if issubclass(kind, Combiner) and kind.lists[0] > 1 and kind.gives == "ranking"
    }
