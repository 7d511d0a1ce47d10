"""Given data as leaves of a plan: the two sides of a collection, its scopes and its judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nirank.algebra.node import Node, NodeKind
from nirank.algebra.sides import Sides
from nirank.base.identity import digest
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.evaluation.measures import parse_measure


class Leaves:
    """The given data of a plan.

    values    by address
    device    for models
    measures  of collections that have none of their own; a screening measure reads lists to their end
    to_end    whether something else does
    """

    def __init__(self, device: str = "auto", measures: Sequence[str] = (), *, to_end: bool = False) -> None:
        self.values: dict[str, Any] = {}
        self.device, self.measures, self.to_end = device, measures, to_end

    def add(self, leaf: Node, value: Any) -> Node:
        """Keep what a leaf stands for, and return the leaf."""
        self.values[leaf.address] = value
        return leaf

    def make_sides(self, collection: Collection) -> Sides:
        """Return a collection as leaves."""
        queries, docs = collection.queries, collection.docs
        name = f"{collection.name}/{collection.split}" if collection.split else collection.name
        tables = (queries.digest, docs.digest)  # whose rows scopes and judgements name

        def add(kind: NodeKind, label: str, value: Any) -> Node:
            return self.add(Node.leaf(kind, digest({kind: [value.digest, *tables]}), f"{name} {label}"), value)

        qrels = next(iter(collection.qrels.values()), None)
        known = next((judged for judged in collection.known_qrels.values() if len(judged)), None)
        return Sides(
            self.add(Node.leaf("texts", queries.digest, f"{name} queries"), queries),
            self._add_documents(docs, f"{collection.name} documents"),
            scope=tuple(add("scope", label, scope) for label, scope in collection.build_scopes().items()),
            collection=collection.name,
            split=collection.split,
            judgements=None if qrels is None else add("judgements", "judgements", qrels),
            known=None if known is None else add("judgements", "known judgements", known),
            full_depth=collection.candidates is not None,
            device=self.device,
            date=collection.date,
            unit=collection.unit,
            one_table=is_one_table(collection),
            both_ask=collection.both_ask,
        )

    def _add_documents(self, docs: Texts, label: str) -> Node:
        """Return documents as a leaf, their ranges of rows as leaves of their own."""
        ranges, first = [], 0
        for part in docs.ranges:
            last = first + len(part)
            ranges.append(self.add(Node.leaf("texts", part.digest, f"rows {first + 1:,} to {last:,} of {label}"), part))
            first = last
        return self.add(Node.leaf("texts", docs.digest, label, tuple(ranges)), docs)

    def make_ranked_sides(self, collection: Collection) -> Sides:
        """Return a collection whose lists are evaluated: to their end where something reads that far."""
        sides = self.make_sides(collection)
        screening = any(parse_measure(name).screening for name in collection.measures or self.measures)
        return replace(sides, full_depth=sides.full_depth or screening or self.to_end)


def is_one_table(collection: Collection) -> bool:
    """Tell whether the queries are records of the documents' table, so that a pair counts once, whatever its order.

    Two tables of records may be copies of each other, and then a record's match is the one with its own id: only
    where own documents are taken out are equal sides one table.
    """
    if collection.unit == "pair" or collection.self_match == "keep":
        return collection.relation == "self"
    return collection.relation == "self" or collection.queries.digest == collection.docs.digest
