"""What dense retrieval through an approximate index has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.texts import Texts
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.dense import Dense


@stage
class ApproximateDense(Dense):
    """Dense retrieval whose candidates an index finds; scores are exact, candidates may be missed."""

    prefix_exact: ClassVar[bool] = False
    reads_listed: ClassVar[bool] = False  # an index is of all documents

    def make_index(self) -> Any:
        """Return how the index is built, an `AnnIndex`."""
        raise NotImplementedError

    def choose_width(self) -> int:
        """Return how much of the index is searched."""
        raise NotImplementedError

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.inference.models import resolve_model

        docs, queries = super().plan_inputs(sides)
        similarity = self.similarity or resolve_model(self.model, self.revision).similarity
        params = {**self.make_index().to_params(), "similarity": similarity}
        inputs = (("vectors", docs),)
        label = f"{self.name} index of {sides.docs.label}"
        ann_index, dimension = self.make_index(), self.find_dimension()

        def memory(sizes: Sizes) -> MemoryNeed:
            need: MemoryNeed = ann_index.estimate_build_memory(sizes.texts, dimension)
            return need

        built = Node(
            f"{__name__}:build_index",
            1,
            params,
            inputs,
            offline=True,
            memory=memory,
            stage=ann_index,
            label=label,
            movable=True,
        )
        return docs, queries, built

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        search_need: MemoryNeed = self.make_index().estimate_search_memory(sizes.docs, self.find_dimension())
        return MemoryNeed(search_need.main + super().estimate_memory(sizes).main)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.inference.ann import search
        from nirank.inference.encoder import read_vectors

        docs, _ = read_vectors(ctx.input_folder(0))
        query_vectors, _ = read_vectors(ctx.input_folder(1))
        return search(ctx.input_folder(2), query_vectors, docs, scope, k, width=self.choose_width(), ctx=ctx)


def build_index(job: Job) -> None:
    """Build an index over stored vectors."""
    from nirank.inference import ann
    from nirank.inference.encoder import read_vectors

    vectors, _ = read_vectors(job.get_input("vectors"))
    ann.build(vectors, job.stage, job.params["similarity"], job.folder, job.context)
