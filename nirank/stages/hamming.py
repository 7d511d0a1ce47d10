"""Bit codes of any encoder's vectors: records whose codes differ in few bits are candidates."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.hashing import Rows, Values
from nirank.algebra.pipeline import Flow
from nirank.algebra.stage import option, stage
from nirank.base.memory import MemoryNeed, Sizes, estimate_library_memory
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import check_unranked, count_lost_records, is_one_table
from nirank.stages.dense import Dense

if TYPE_CHECKING:
    from nirank.blocking.vector_hashing import Hyperplanes, Vectors

_COPIES = 4  # of a code: as bytes, as words, and what finds equal ones
_COUNTS = 40  # bytes of a record: how many have its code, which take part


@stage
class Hamming(Dense):
    """Pair records whose bit codes differ in at most `radius` bits, all of them.

    A code has one bit a random plane through the documents' mean: the side on which the vector lies. Vectors at an
    angle θ differ in a bit with probability θ / π, so of b bits in θ / π · b on average. Without `bits` a code is the
    signs of the centred vector itself, for models that were trained so. A million codes of 256 bits take 32 MB. A blank
    text has no code.
    Vectors themselves rank what codes paired: `Hamming("model", radius=60) >> Dense("model")`.

    Charikar, STOC 2002; multi-index hashing: Norouzi, Punjani and Fleet, CVPR 2012.
    """

    radius: int = option(kw_only=True, help="bits in which two codes may differ")
    bits: int | None = option(default=256, help="planes; null: the signs of the vector, one bit a dimension")
    max_block: int | None = option(
        default=1000, help="records that may have one and the same code at most; null: any number"
    )
    seed: int = option(default=0, help="of the random planes")

    name = "hamming"
    source = "Charikar, STOC 2002; Norouzi, Punjani and Fleet, CVPR 2012"
    gives: ClassVar[Flow] = "pairs"
    reads_listed: ClassVar[bool] = False  # the centre is of all documents

    def check(self) -> None:
        super().check()
        check_unranked(self)
        if self.bits is not None and not 1 <= self.bits <= 4096:
            raise ConfigError(f"hamming: bits must be 1 to 4096, got {self.bits}")
        if self.radius < 0 or (self.bits is not None and self.radius >= self.bits):
            raise ConfigError(
                f"hamming: radius must be 0 or more and less than the bits of a code, got {self.radius}; half of the"
                " bits is as far as chance"
            )
        if self.seed < 0:
            raise ConfigError("hamming: seed must be 0 or more")
        if self.max_block is not None and self.max_block < 2:
            raise ConfigError(f"hamming: max_block must be 2 records or more, got {self.max_block}")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {**super().describe_conventions(), "bits": self.bits or "signs", "radius": self.radius}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the codes and their index take, the planes, and a list of one query; pairs come by blocks."""
        from nirank.blocking.radius_search import choose_parts

        dimension = self.find_dimension()
        bits, records = self.bits or dimension, sizes.docs + sizes.queries
        codes = _COPIES * -(-bits // 8) * records + _COUNTS * records
        index = 16 * len(choose_parts(bits, self.radius, sizes.docs)) * sizes.docs
        return MemoryNeed(estimate_library_memory("numba") + codes + index + 16 * dimension * bits + 48 * sizes.docs)

    def estimate_pairs(self, sizes: Sizes) -> int:
        """Return what `max_block` leaves: so many records of each code that is near enough, but the record itself."""
        possible = sizes.queries * sizes.docs
        if self.max_block is None:
            return possible
        bits = self.bits or self.find_dimension()
        near = sum(comb(bits, flips) for flips in range(self.radius + 1))
        return min(possible, min(sizes.queries, sizes.docs) * (near * self.max_block - 1))

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.blocking.bit_codes import count_copies, encode_vectors
        from nirank.blocking.radius_search import find_within
        from nirank.blocking.vector_hashing import find_filled
        from nirank.inference.encoder import read_vectors

        assert ctx.docs is not None
        docs, _ = read_vectors(ctx.input_folder(0))
        query_vectors, _ = read_vectors(ctx.input_folder(1))
        planes = self._draw(docs)
        doc_codes, query_codes = encode_vectors(docs, planes), encode_vectors(query_vectors, planes)
        one_table = is_one_table(queries, ctx.docs, scope)
        copies = count_copies(doc_codes if one_table else np.concatenate((doc_codes, query_codes)))
        full = copies > (len(copies) if self.max_block is None else self.max_block)
        ctx.count("records_of_full_codes", int(full.sum()))
        asked = find_filled(docs) & ~full[: len(docs)]
        asking = find_filled(query_vectors) & ~(full if one_table else full[len(docs) :])
        pairs = find_within(query_codes, doc_codes, planes.bits, self.radius, scope, asking, asked)
        count_lost_records(pairs, ctx)
        return pairs

    @property
    def likeness(self) -> str:
        return "angle in degrees"

    def measure_likeness(self, query_rows: Rows, doc_rows: Rows, ctx: Context) -> Values:
        from nirank.blocking.vector_hashing import compute_centre, measure_angles
        from nirank.inference.encoder import read_vectors

        docs, queries = (read_vectors(ctx.input_folder(at))[0] for at in (0, 1))
        centre = compute_centre(docs)
        return measure_angles(queries[query_rows] - centre, docs[doc_rows] - centre)

    def find_survival(self, likeness: Values) -> Values | None:
        """Return the probability for independent planes; orthogonal ones vary less. Signs are not random."""
        from nirank.blocking.survival import find_code_survival, find_hyperplane_collision

        if self.bits is None:
            return None
        return find_code_survival(find_hyperplane_collision(likeness), self.bits, self.radius)

    def _draw(self, docs: Vectors) -> Hyperplanes:
        from nirank.blocking.vector_hashing import Hyperplanes, compute_centre

        centre = compute_centre(docs)
        if self.bits is None:
            return Hyperplanes(np.eye(len(centre), dtype=np.float32), centre, 1, len(centre))
        return Hyperplanes.draw(centre, 1, self.bits, self.seed)
