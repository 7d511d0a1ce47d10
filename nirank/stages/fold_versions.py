"""Fold the versions of a law into one result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.texts import Texts
from nirank.collections.works import check_work_key, fold_works, group_works
from nirank.flow.ranking import Ranking

_A_PAIR, _A_DOC = 40, 200  # bytes that finding the best version of each law takes


@stage
class FoldVersions(Combiner):
    """Keep of each law its best version: `BM25() >> FoldVersions()`.

    Versions are documents with one value under `work`; a document without is a law by itself. Scores and order stay.
    The depth is the fewest laws that any query got whose list was cut: what lies deeper is not certain, so search deep
    enough, or allow one version of each beforehand, with `versions`.
    """

    work: str = option(default="work", help="metadata key that the versions of a law share")

    name = "fold_versions"

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        check_work_key(docs, self.work, self.name)

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"work": self.work, "keeps": "the best version of each"}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(_A_PAIR * sizes.listed_pairs + _A_DOC * sizes.docs)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        assert ctx.docs is not None
        folded = fold_works(lists[0], group_works(ctx.docs, self.work, self.name))
        ctx.count("folded_versions", len(lists[0]) - len(folded))
        return folded
