"""Locality-sensitive hashing over any encoder's vectors: records in one bucket of one table are candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.hashing import Rows, Values
from nirank.algebra.pipeline import Flow
from nirank.algebra.stage import option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.keys import KeySet, RecordKeys
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import check_unranked, is_one_table, join_blocks, limit_bucket_pairs
from nirank.stages.dense import Dense

if TYPE_CHECKING:
    from nirank.blocking.vector_hashing import VectorHashing, Vectors


@stage
class LSH(Dense):
    """Pair records whose vectors fall into the same bucket of at least one of several hash tables.

    `grids`: r random projections a table, cut into cells of one width (p-stable, for Euclidean or Manhattan distance).
    `hyperplanes`: r random planes through the documents' mean (for angles). Two vectors survive with
    probability 1 - (1 - p^r)^L; p is in `nirank.blocking.survival`. With probes, queries also look into that many
    buckets nearby in each table. A blank text has no bucket.

    Datar, Immorlica, Indyk and Mirrokni, SoCG 2004; Charikar, STOC 2002; Lv et al., VLDB 2007.
    """

    family: Literal["hyperplanes", "grids"] = option(default="hyperplanes", help="hyperplanes or grids")
    tables: int = option(default=10, help="hash tables, L; one must agree")
    functions: int = option(default=12, help="functions of a table, r; all must agree")
    norm: Literal["euclidean", "manhattan"] = option(default="euclidean", help="of the distances that grids follow")
    width: float | None = option(default=None, help="of a grid's cells; in the unit of the vectors' distances")
    probes: int = option(default=0, help="further buckets of each table that a query looks into")
    max_block: int | None = option(default=1000, help="records that a bucket may have at most; null: any number")
    seed: int = option(default=0, help="of the random projections")

    name = "lsh"
    version = 3
    source = "Datar et al., SoCG 2004; Charikar, STOC 2002; Lv et al., VLDB 2007"
    gives: ClassVar[Flow] = "pairs"
    reads_listed: ClassVar[bool] = False  # buckets are of all documents

    def check(self) -> None:
        super().check()
        check_unranked(self)
        if self.tables < 1 or self.functions < 1:
            raise ConfigError("lsh: tables and functions must be 1 or more")
        if self.probes < 0 or self.seed < 0:
            raise ConfigError("lsh: probes and seed must be 0 or more")
        if self.family == "grids" and (self.width is None or self.width <= 0):
            raise ConfigError("lsh: grids need a width above 0, such as twice the distance of two usual matches")
        if self.family == "hyperplanes" and (self.width is not None or self.norm != "euclidean"):
            raise ConfigError("lsh: width and norm are for grids; hyperplanes have none")
        if self.max_block is not None and self.max_block < 2:
            raise ConfigError(f"lsh: max_block must be 2 records or more, got {self.max_block}")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {
            **super().describe_conventions(),
            "family": self.family,
            "tables": self.tables,
            "functions": self.functions,
        }

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the keys take, and the projections of a block."""
        keys = 40 * self.tables * (sizes.docs + sizes.queries * (1 + self.probes))
        return MemoryNeed(keys + 4 * self.find_dimension() * self.tables * self.functions)

    def estimate_pairs(self, sizes: Sizes) -> int:
        query_keys = self.tables * (1 + self.probes) * sizes.queries
        return limit_bucket_pairs(sizes, query_keys, self.tables * sizes.docs, self.max_block)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.inference.encoder import read_vectors

        assert ctx.docs is not None
        docs, _ = read_vectors(ctx.input_folder(0))
        query_vectors, _ = read_vectors(ctx.input_folder(1))
        family = self._draw(docs)
        doc_keys = _hash_filled(family, docs)
        query_keys = _hash_filled(family, query_vectors, self.probes, KeySet(np.unique(doc_keys.keys)))
        same_side = is_one_table(queries, ctx.docs, scope) and self.probes == 0 and np.array_equal(docs, query_vectors)
        return join_blocks(query_keys, doc_keys, scope, ctx, same_side=same_side, most=self.max_block)

    @property
    def likeness(self) -> str:
        return f"{self.norm.capitalize()} distance" if self.family == "grids" else "angle in degrees"

    def measure_likeness(self, query_rows: Rows, doc_rows: Rows, ctx: Context) -> Values:
        from nirank.blocking.vector_hashing import compute_centre, measure_angles
        from nirank.inference.encoder import read_vectors

        docs, queries = (read_vectors(ctx.input_folder(at))[0] for at in (0, 1))
        left, right = np.asarray(queries[query_rows], np.float32), np.asarray(docs[doc_rows], np.float32)
        if self.family == "grids":
            order = 1 if self.norm == "manhattan" else 2
            return np.asarray(np.linalg.norm(left - right, ord=order, axis=1), np.float64)
        centre = compute_centre(docs)
        return measure_angles(left - centre, right - centre)

    def find_survival(self, likeness: Values) -> Values | None:
        """Return 1 - (1 - p^r)^L; with probes there is no such formula."""
        from nirank.blocking import survival

        if self.probes:
            return None
        if self.family == "grids":
            assert self.width is not None
            cauchy = self.norm == "manhattan"
            collide = survival.find_cauchy_collision if cauchy else survival.find_gaussian_collision
            p = collide(likeness, self.width)
        else:
            p = survival.find_hyperplane_collision(likeness)
        return survival.find_survival(p, self.functions, self.tables)

    def _draw(self, docs: Vectors) -> VectorHashing:
        from nirank.blocking.vector_hashing import Grids, Hyperplanes, compute_centre

        if self.family == "grids":
            assert self.width is not None
            return Grids.draw(docs.shape[1], self.tables, self.functions, self.width, self.seed, self.norm)
        return Hyperplanes.draw(compute_centre(docs), self.tables, self.functions, self.seed)


def _hash_filled(family: VectorHashing, vectors: Vectors, probes: int = 0, among: KeySet | None = None) -> RecordKeys:
    """Return the keys of vectors, without those of zero vectors: blank texts would all meet in one bucket."""
    from nirank.blocking.vector_hashing import find_filled

    keys = family.hash_vectors(vectors, probes, among)
    return keys.select(np.repeat(find_filled(vectors), keys.counts))
