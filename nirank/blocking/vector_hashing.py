"""Hash families over vectors: p-stable grids for distances, random hyperplanes for angles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.blocking.bucket_codes import code_cells, code_sides
from nirank.blocking.keys import Keys, KeySet, RecordKeys
from nirank.blocking.probing import choose_bit_sets, choose_grid_sets

Vectors = NDArray[np.float32]
_BLOCK = 8192  # vectors hashed at a time
_CENTRED = 65_536  # vectors summed, or compared with zero, at a time


class VectorHashing(Protocol):
    """A family of hash functions over vectors, L tables of some functions each."""

    def hash_vectors(self, vectors: Vectors, probes: int = 0, among: KeySet | None = None) -> RecordKeys:
        """Return each vector's key in each table; with probes, also those of that many buckets nearby in each.

        among  keys that are wanted; others are left out. None: all are
        """
        ...


@dataclass(frozen=True, eq=False)
class Grids:
    """p-stable grids: in each table r projections, each cut into cells of one width, with random shifts.

    h(x) = floor((a·x + b) / width). Datar, Immorlica, Indyk and Mirrokni, SoCG 2004; probes: Lv, Josephson, Wang,
    Charikar and Li, VLDB 2007, with the sequence of section 4.5.

    directions  (dimension, tables · functions) float32
    shifts      (tables · functions,) float32, from 0 to width
    """

    directions: Vectors
    shifts: NDArray[np.float32]
    tables: int
    functions: int
    width: float

    @classmethod
    def draw(
        cls,
        dimension: int,
        tables: int,
        functions: int,
        width: float,
        seed: int,
        norm: Literal["euclidean", "manhattan"] = "euclidean",
    ) -> Grids:
        """Draw the functions; the first tables of a family with more tables are those of one with fewer."""
        directions, shifts = [], []
        for table in range(tables):
            random = np.random.default_rng((seed, table))
            if norm == "euclidean":
                directions.append(random.standard_normal((functions, dimension)))
            else:
                directions.append(random.standard_cauchy((functions, dimension)))
            shifts.append(random.uniform(0, width, functions))
        drawn = np.concatenate(directions).T if tables else np.empty((dimension, 0))
        return cls(drawn.astype(np.float32), np.concatenate(shifts).astype(np.float32), tables, functions, width)

    def project(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return (a·x + b) / width, (n, tables, functions) float32."""
        projected = (np.asarray(vectors, np.float32) @ self.directions + self.shifts) / np.float32(self.width)
        return np.asarray(projected.reshape(len(vectors), self.tables, self.functions))

    def hash_vectors(self, vectors: Vectors, probes: int = 0, among: KeySet | None = None) -> RecordKeys:
        sets = choose_grid_sets(self.functions, probes)
        return _hash_blocks(vectors, self.tables, lambda block: code_cells(self.project(block), sets), among)


@dataclass(frozen=True, eq=False)
class Hyperplanes:
    """Random hyperplanes through a centre: in each table one bit a plane, the side on which a vector lies.

    Charikar, STOC 2002. With `orthogonal`, planes of a table are made orthogonal in groups of at most `dimension`
    (super-bit: Ji, Li, Yan, Zhang and Tian, NIPS 2012). Probes flip the bits whose planes are nearest.

    normals  (dimension, tables · bits) float32
    centre   (dimension,) float32
    """

    normals: Vectors
    centre: NDArray[np.float32]
    tables: int
    bits: int

    @classmethod
    def draw(
        cls, centre: NDArray[np.float32], tables: int, bits: int, seed: int, *, orthogonal: bool = True
    ) -> Hyperplanes:
        """Draw the planes; the first tables of a family with more tables are those of one with fewer."""
        dimension = len(centre)
        normals = []
        for table in range(tables):
            drawn = np.random.default_rng((seed, table)).standard_normal((bits, dimension))
            for start in range(0, bits if orthogonal else 0, dimension):
                group = drawn[start : start + dimension]
                basis, upper = np.linalg.qr(group.T)
                drawn[start : start + dimension] = (basis * np.sign(np.diag(upper))).T
            normals.append(drawn)
        planes = np.concatenate(normals).T if tables else np.empty((dimension, 0))
        return cls(planes.astype(np.float32), np.asarray(centre, np.float32), tables, bits)

    def project(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return how far each vector lies from each plane, signed, (n, tables, bits) float32."""
        projected = (np.asarray(vectors, np.float32) - self.centre) @ self.normals
        return np.asarray(projected.reshape(len(vectors), self.tables, self.bits))

    def hash_vectors(self, vectors: Vectors, probes: int = 0, among: KeySet | None = None) -> RecordKeys:
        sets = choose_bit_sets(self.bits, probes)
        return _hash_blocks(vectors, self.tables, lambda block: code_sides(self.project(block), sets), among)


def measure_angles(left: Vectors, right: Vectors) -> NDArray[np.float64]:
    """Return the angles between vectors in degrees, row by row; a zero vector is at right angles to all."""
    sides = [np.asarray(side, np.float64) for side in (left, right)]
    lengths = np.linalg.norm(sides[0], axis=1) * np.linalg.norm(sides[1], axis=1)
    products = np.einsum("ij,ij->i", *sides)
    cosines = np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0)
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def find_filled(vectors: Vectors) -> NDArray[np.bool_]:
    """Tell which vectors are not zero, (n,) bool: those of blank texts are."""
    filled = np.empty(len(vectors), np.bool_)
    for start in range(0, len(vectors), _CENTRED):
        filled[start : start + _CENTRED] = np.any(vectors[start : start + _CENTRED] != 0, axis=1)
    return filled


def compute_centre(vectors: Vectors) -> NDArray[np.float32]:
    """Return the mean of vectors, (dimension,) float32: encoders' outputs lie to one side of the origin."""
    total = np.zeros(vectors.shape[1], np.float64)
    for start in range(0, len(vectors), _CENTRED):
        total += np.asarray(vectors[start : start + _CENTRED], np.float64).sum(axis=0)
    return (total / max(len(vectors), 1)).astype(np.float32)


def _hash_blocks(
    vectors: Vectors, tables: int, code_block: Callable[[Vectors], Keys], among: KeySet | None
) -> RecordKeys:
    """Hash vectors block by block into keys.

    code_block  vectors → (n, tables, 1 + probes) codes: of the bucket, and of those nearby
    """
    parts: list[RecordKeys] = []
    size = fit_block_size(_BLOCK, 64.0 * tables * max(vectors.shape[1], 16))
    for start in range(0, len(vectors), size):
        codes = code_block(vectors[start : start + size])
        n, _, places = codes.shape
        keys = RecordKeys.from_tables(codes.reshape(n, tables * places), np.repeat(np.arange(tables), places))
        parts.append(keys if among is None else keys.select(among.contains(keys.keys)))
    return RecordKeys.concatenate(parts)
