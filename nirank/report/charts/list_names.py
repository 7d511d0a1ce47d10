"""Short names of lists and computations: the system's where it is a system's own, else the stage's without options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from nirank.report.charts.theme import cut_name

_LONGEST = 26  # characters of a label that stays whole
_OWNERS = 2  # systems in a name, at most


def name_lists(labels: Mapping[str, str], owners: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a name for each key.

    labels  of the stages, with their options
    owners  systems whose own list, or last computation, it is; keys without any have their label

    A label that is too long loses its options, unless another one would be called the same.
    """
    short = {key: _drop_options(label) for key, label in labels.items()}
    counts = Counter(short.values())
    names = {}
    for key, label in labels.items():
        systems = owners.get(key, ())
        if systems:
            more = f" and {len(systems) - _OWNERS} more" if len(systems) > _OWNERS else ""
            names[key] = ", ".join(systems[:_OWNERS]) + more
        else:
            names[key] = label if len(label) <= _LONGEST or counts[short[key]] > 1 else short[key]
    return {key: cut_name(name, 60) for key, name in names.items()}


def _drop_options(label: str) -> str:
    head, bracket, _ = label.partition("(")
    return head if bracket and label.endswith(")") else label
