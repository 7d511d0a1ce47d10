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

    def index(self) -> Any:
        """Return how the index is built, an `AnnIndex`."""
        raise NotImplementedError

    def width(self) -> int:
        """Return how much of the index is searched."""
        raise NotImplementedError

    def plan_inputs(self, data: Sides) -> tuple[Node, ...]:
        from nirank.inference.models import resolve

        docs, queries = super().plan_inputs(data)
        similarity = self.similarity or resolve(self.model, self.revision).similarity
        params = {**self.index().params(), "similarity": similarity}
        inputs = (("vectors", docs),)
        label = f"{self.name} index of {data.docs.label}"
        index, dimension = self.index(), self.dimension()

        def memory(sizes: Sizes) -> MemoryNeed:
            made: MemoryNeed = index.built(sizes.texts, dimension)
            return made

        built = Node(f"{__name__}:build", 1, params, inputs, offline=True, memory=memory, stage=index, label=label)
        return docs, queries, built

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        found: MemoryNeed = self.index().searched(sizes.docs, self.dimension())
        return MemoryNeed(found.main + super().estimate_memory(sizes).main)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.inference.ann import search
        from nirank.inference.encoder import read_vectors

        docs, _ = read_vectors(ctx.input_folder(0))
        asked, _ = read_vectors(ctx.input_folder(1))
        return search(ctx.input_folder(2), asked, docs, scope, k, width=self.width(), ctx=ctx)


def build(job: Job) -> None:
    """Build an index over stored vectors."""
    from nirank.inference import ann
    from nirank.inference.encoder import read_vectors

    vectors, _ = read_vectors(job.get_input("vectors"))
    ann.build(vectors, job.stage, job.params["similarity"], job.folder, job.context)
