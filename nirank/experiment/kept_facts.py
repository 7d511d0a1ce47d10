"""What a store keeps of texts beside them, so that it is worked out once: dates, and ranges of rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from nirank.algebra.node import Node, Store
from nirank.collections.dates import VERSION as DATES_VERSION
from nirank.collections.dates import Dates, read_dates
from nirank.collections.row_ranges import VERSION as RANGES_VERSION
from nirank.collections.row_ranges import RowRanges
from nirank.collections.texts import Texts

log = logging.getLogger("nirank")

KEPT_FROM = 20_000  # texts; the dates of fewer are read faster than found


class _Facts(Protocol):
    def save(self, folder: Path) -> None: ...


F = TypeVar("F", bound=_Facts)


def load_dates(store: Store, texts: Texts, key: str) -> Dates:
    """Read the dates of many texts once: their metadata are not decoded again for every run."""
    if len(texts) < KEPT_FROM:
        return read_dates(texts, key)
    node = _make_node("nirank.collections.dates:read_dates", DATES_VERSION, {"key": key}, texts, f"dates of '{key}'")
    return _find_or_compute(store, node, lambda: read_dates(texts, key), Dates.open)


def cut_into_ranges(texts: Texts, size: int, store: Store) -> tuple[Texts, ...]:
    """Return the ranges of so many rows that texts have; none where one would hold them all."""
    if len(texts) <= size:
        return ()
    node = _make_node(
        "nirank.collections.row_ranges:RowRanges.compute",
        RANGES_VERSION,
        {"size": size},
        texts,
        f"ranges of {size:,} rows",
    )
    return _find_or_compute(store, node, lambda: RowRanges.compute(texts, size), RowRanges.open).take_from(texts)


def _make_node(task: str, version: int, params: Mapping[str, Any], texts: Texts, label: str) -> Node:
    return Node(task, version, params, (("texts", Node.leaf("texts", texts.digest, "texts")),), label=label)


def _find_or_compute(store: Store, node: Node, compute: Callable[[], F], open_facts: Callable[[Path], F]) -> F:
    stored = store.find(node)
    if stored is not None and store.verify(stored):
        return open_facts(stored.folder)
    facts = compute()
    with store.lock(node, log.info):
        if store.find(node) is None:
            with store.commit(node, {"inputs": []}) as folder:
                facts.save(folder)
    return facts
