"""MinHash: signatures whose components agree with the probability of the sets' Jaccard similarity.

Broder, Compression and Complexity of Sequences 1997. Component j is the least of h_j over a set, with 64-bit hashes
h_j(x) = mix(x ⊕ seed_j); of records that share the least element, not only its hash.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.blocking.keys import GOLDEN, MIX_1, MIX_2, Keys, RecordKeys, combine_columns, mix_keys

_BLOCK = 65_536  # records signed at a time


@compile_loop
def _sign(offsets, words, seeds, signatures):  # type: ignore[no-untyped-def]
    """Fill (n, m) signatures with the least hash of each record's words; the greatest integer where it has none."""
    for record in range(len(offsets) - 1):
        for at in range(offsets[record], offsets[record + 1]):
            for j in range(len(seeds)):
                mixed = (words[at] ^ seeds[j]) + GOLDEN
                mixed = (mixed ^ (mixed >> np.uint64(30))) * MIX_1
                mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX_2
                mixed = mixed ^ (mixed >> np.uint64(31))
                if mixed < signatures[record, j]:
                    signatures[record, j] = mixed


def draw_seeds(components: int, seed: int) -> Keys:
    """Return the seeds of so many hash functions; those of a longer signature begin with them."""
    return mix_keys(mix_keys(np.arange(components, dtype=np.uint64)) ^ mix_keys(np.array([seed], np.uint64)))


def sign_records(words: RecordKeys, seeds: Keys) -> NDArray[np.uint64]:
    """Return the MinHash signatures of sets of words, (n, len(seeds)) uint64."""
    signatures = np.full((len(words), len(seeds)), np.iinfo(np.uint64).max, np.uint64)
    _sign(words.offsets, words.keys, seeds, signatures)
    return signatures


def hash_words(words: RecordKeys, tables: int, functions: int, seed: int) -> RecordKeys:
    """Return the keys of each record in `tables` bands of `functions` components; a record without words has none."""
    seeds = draw_seeds(tables * functions, seed)
    parts: list[Keys] = []
    for start in range(0, len(words), _BLOCK):
        stop = min(start + _BLOCK, len(words))
        first, last = words.offsets[start], words.offsets[stop]
        block = RecordKeys(words.offsets[start : stop + 1] - first, words.keys[first:last])
        signatures = sign_records(block, seeds).reshape(-1, functions).view(np.int64)
        parts.append(combine_columns(signatures).reshape(stop - start, tables))
    buckets = np.concatenate(parts) if parts else np.empty((0, tables), np.uint64)
    keys = RecordKeys.from_tables(buckets, np.arange(tables))
    return keys.select(np.repeat(words.counts > 0, keys.counts))
