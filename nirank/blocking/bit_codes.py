"""Bit codes: sides of planes packed in bytes, and the Hamming distance between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size

if TYPE_CHECKING:
    from nirank.blocking.vector_hashing import Hyperplanes, Vectors

Codes = NDArray[np.uint8]  # (n, ⌈bits / 8⌉), first bit highest; bits behind the last are 0
_BLOCK = 8192  # vectors encoded at a time


def pack_bits(bits: NDArray[np.bool_]) -> Codes:
    """Return (n, bits) bool packed in bytes; a million codes of 256 bits take 32 MB."""
    return np.packbits(bits, axis=1)


def unpack_bits(codes: Codes, bits: int) -> NDArray[np.bool_]:
    """Return the bits of codes, (n, bits) bool."""
    return np.unpackbits(codes, axis=1, count=bits).astype(np.bool_)


def count_differences(left: Codes, right: Codes) -> NDArray[np.int64]:
    """Return the Hamming distances of codes, row by row; one side may be a single code."""
    return np.asarray(np.bitwise_count(left ^ right).sum(axis=-1, dtype=np.int64))


def count_copies(codes: Codes) -> NDArray[np.int64]:
    """Return how many of some codes equal each of them, itself included, (n,) int64."""
    if not len(codes):
        return np.zeros(0, np.int64)
    _, places, counts = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(counts[places.reshape(-1)], np.int64)


def encode_vectors(vectors: Vectors, planes: Hyperplanes) -> Codes:
    """Return for each vector on which side of each plane of the first table it lies."""
    size = fit_block_size(_BLOCK, 8.0 * (vectors.shape[1] + planes.bits))
    blocks = (vectors[start : start + size] for start in range(0, len(vectors), size))
    parts = [pack_bits(planes.project(block)[:, 0] >= 0) for block in blocks]
    return np.concatenate(parts) if parts else np.empty((0, -(-planes.bits // 8)), np.uint8)
