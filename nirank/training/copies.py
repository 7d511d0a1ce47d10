"""Copies: training pairs without any label, a record and a corrupted copy of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, get_args

import numpy as np

from nirank.algebra.judged import OnOverlap, hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts, hash_text
from nirank.errors import ConfigError
from nirank.training.augmentation import OPERATORS, Operator, corrupt
from nirank.training.example_files import Example
from nirank.training.training_data import TASKS, TrainingData, require_sources, shorten_source

_SIDES = {"docs": ("docs",), "queries": ("queries",), "both": ("docs", "queries")}


@dataclass(frozen=True)
class Copies(TrainingData):
    """Each record with corrupted copies of it: a copy asks, and the record is what it should find.

    of         'docs', 'queries', or 'both' sides
    operators  each copy has one, drawn among those that change the record, see `augmentation`
    n          copies of each record
    text       what is read of records; the operators change values, never what marks them
    source     a folder or id; None: the collection that the system runs on
    sample     at most so many records of a side, chosen by hash of id
    seed       of the operators and where they strike
    """

    of: Literal["docs", "queries", "both"] = "docs"
    operators: tuple[Operator, ...] = OPERATORS
    n: int = 1
    text: View = TITLE_AND_TEXT
    source: str | None = None
    sample: int | None = None
    seed: int = 0
    on_overlap: OnOverlap = "refuse"

    def __post_init__(self) -> None:
        fit_fields(self, "copies")
        if self.of not in _SIDES:
            raise ConfigError(f"copies: of is docs, queries or both, got {self.of!r}")
        unknown = [name for name in self.operators if name not in OPERATORS]
        if unknown or not self.operators or len(set(self.operators)) < len(self.operators):
            names = ", ".join(get_args(Operator))
            raise ConfigError(f"copies: operators are some of {names}, each once, got {list(self.operators)}")
        for name in ("n", "sample"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"copies: {name} must be 1 or more, got {value}")

    @property
    def title(self) -> str:
        records = "records of both sides" if self.of == "both" else self.of
        return f"copies of {records}" + ("" if self.source is None else f" of {shorten_source(self.source)}")

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        collection = sources.open_collection(self.source)
        view = TextView(self.text)
        nodes = [getattr(collection, side) for side in _SIDES[self.of]]
        overlap: set[str] = set()
        for node in nodes:
            texts = sources.get_texts(node)
            texts.text_fields.select_fields(view, f"training set {self.title}: text {view}")
            key = (node.address, str(self.text))
            overlap |= sources.find_overlap(texts.read(view), self.title, self.on_overlap, key, collection.docs)
        options: dict[str, Any] = {"sample": self.sample, "without": sorted(overlap) or None}
        params = {name: value for name, value in options.items() if value is not None}
        if self.text != TITLE_AND_TEXT:
            params["text"] = self.text
        return Node(
            f"{TASKS}:copy_records",
            1,
            {**params, "operators": list(self.operators), "n": self.n, "seed": self.seed},
            tuple(("texts", node) for node in nodes),
            offline=True,
            label=f"examples of {self.title}",
        )

    def __repr__(self) -> str:
        return to_expression(self)


def copy_records(texts: Texts, view: TextView, params: Mapping[str, Any], counts: dict[str, int]) -> Iterator[Example]:
    """Yield the copies of records; what has none, since it is blank or no operator changes it, is counted.

    params  'operators', 'n', 'seed' and 'sample', as `Copies` has them
    """
    rows = np.arange(len(texts))
    if (sample := params.get("sample")) is not None and sample < len(texts):
        order = sorted(range(len(texts)), key=lambda row: hash_with_salt(texts.ids[row], "sample"))
        rows = np.sort(np.array(order[:sample], np.int64))
    names = texts.find_fields(view)
    columns = [texts.read(TextView(name), rows) for name in names]
    counts["records"] = counts.get("records", 0) + len(rows)
    for row, *values in zip(rows.tolist(), *columns, strict=True):
        (record,) = view.join([[value] for value in values], names)
        for number in range(params["n"]):
            random = Random(hash_with_salt(f"{number} {texts.ids[row]}", f"copies {params['seed']}"))
            copy = _copy_record(values, names, view, params["operators"], random)
            if copy is None:
                counts["removed: nothing to corrupt"] = counts.get("removed: nothing to corrupt", 0) + 1
                continue
            yield Example(copy, record, query_id=texts.ids[row], positive_id=texts.ids[row])


def _copy_record(
    values: Sequence[str], names: Sequence[str], view: TextView, operators: Sequence[Operator], random: Random
) -> str | None:
    """Return what is read of a record after one of the operators; None where none of them changes what is read."""
    (record,) = view.join([[value] for value in values], names)
    for operator in random.sample(list(operators), len(operators)):
        changed = corrupt(values, operator, random)
        if changed is not None:
            (copy,) = view.join([[value] for value in changed], names)
            if hash_text(copy) not in (0, hash_text(record)):
                return copy
    return None
