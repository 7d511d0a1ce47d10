"""The blocks that equal values of a column make, counted before anything is compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nirank.blocking.join import count_buckets
from nirank.blocking.keys import RecordKeys
from nirank.blocking.words import split_tokens


@dataclass(frozen=True)
class ValueBlocks:
    """Records that share a value of a column.

    blocks   values that make at least one pair
    pairs    that all blocks make; in one table each once
    largest  (value, records), the largest first
    """

    column: str
    blocks: int
    pairs: int
    largest: Sequence[tuple[str, int]]


def count_value_blocks(
    column: str, queries: Iterable[str], docs: Iterable[str], *, same_side: bool, n_largest: int = 3
) -> ValueBlocks:
    """Count the blocks of a column's values, which are equal as the rule `equal` compares them.

    queries, docs  the column's texts on both sides; of one table `queries` is not read
    """
    doc_values = [" ".join(split_tokens(text)) for text in docs]
    query_values = doc_values if same_side else [" ".join(split_tokens(text)) for text in queries]
    doc_keys, query_keys = (
        RecordKeys.from_words([value] if value else [] for value in values) for values in (doc_values, query_values)
    )
    buckets = count_buckets(query_keys, doc_keys, same_side=same_side)
    order = np.argsort(-buckets.sizes, kind="stable")[:n_largest]
    examples = {key: doc_values[row] for key, row in _find_examples(doc_keys, set(buckets.keys[order].tolist()))}
    largest = [(examples[int(buckets.keys[at])], int(buckets.sizes[at])) for at in order]
    return ValueBlocks(column, len(buckets.keys), int(buckets.comparisons.sum()), largest)


def _find_examples(records: RecordKeys, wanted: set[int]) -> Iterable[tuple[int, int]]:
    """Yield (key, a record that has it) for each wanted key."""
    at = np.flatnonzero(np.isin(records.keys, np.array(sorted(wanted), np.uint64)))
    yield from zip(records.keys[at].tolist(), records.record_rows[at].tolist(), strict=True)
