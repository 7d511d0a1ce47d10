"""Which records are worth comparing: those that share a DOI, a PMID, or rare words of their titles side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nirank.blocking.join import join
from nirank.blocking.keys import RecordKeys
from nirank.blocking.purging import purge_buckets
from nirank.blocking.words import join_word_shingles
from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.screening.comparable_records import ComparableRecord
from nirank.screening.duplicate_rule import By

_MOST = 100  # records that share a word pair; "in the" tells nothing
_RATIO = 0.5  # of a title's word pairs, the rarest: two that are nearly equal share nearly all


def pair_by_numbers(records: Sequence[ComparableRecord]) -> Iterator[tuple[int, int, By]]:
    """Yield records of one DOI or PMID, each with the one before it by title, so that n of them make n - 1 pairs."""
    for by in ("doi", "pmid"):
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for row, record in enumerate(records):
            number = record.doi if by == "doi" else record.pmid
            if number:
                groups[number].append(row)
        for rows in groups.values():
            rows.sort(key=lambda row: (records[row].letters, row))
            for left, right in pairwise(rows):
                yield min(left, right), max(left, right), "doi" if by == "doi" else "pmid"


def pair_by_titles(records: Sequence[ComparableRecord]) -> NDArray[np.int64]:
    """Return (n_pairs, 2) rows of records, the lower first, whose titles are equal or share rare pairs of words.

    cost  no more than `_MOST` comparisons for every word pair that is kept, however many records there are
    """
    keys = RecordKeys.from_words(_list_title_keys(record) for record in records)
    keys, _, _ = purge_buckets(keys, keys, same_side=True, smoothing=None, ratio=_RATIO, most=_MOST)
    ids = Ids.of(str(row) for row in range(len(records)))
    pairs = join(keys, keys, Scope(ids, ids, own_rows=np.arange(len(records))))
    both = np.column_stack((pairs.query_rows, pairs.rows.astype(np.int64)))
    neighbours = np.sort(np.array(list(_pair_equal_titles(records)), np.int64).reshape(-1, 2), axis=1)
    return np.unique(np.concatenate((both[both[:, 0] < both[:, 1]], neighbours)), axis=0)


def _list_title_keys(record: ComparableRecord) -> Iterator[str]:
    yield from join_word_shingles(record.title, 2)
    if record.title:
        yield record.letters


def _pair_equal_titles(records: Sequence[ComparableRecord]) -> Iterator[tuple[int, int]]:
    """Yield each record with the next one by authors and year, however many have their title."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        if record.title:
            groups[record.letters].append(row)
    for rows in groups.values():
        if len(rows) > 1:
            rows.sort(key=lambda row: (sorted(records[row].first_author), records[row].year or 0, row))
            yield from pairwise(rows)
