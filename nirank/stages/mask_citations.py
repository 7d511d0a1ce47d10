"""Take what texts cite out of them."""

from __future__ import annotations

from collections.abc import Iterator

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import TextMap, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.citations.find import find_references
from nirank.citations.masking import mask_references
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._blocks import estimate_block_memory, replace_texts
from nirank.stages._citations import estimate_reading, open_catalogue, plan_catalogue


@stage
class MaskCitations(TextMap):
    """Put a mark in the place of every reference to an act: `rewrite(MaskCitations(), BM25())`.

    Shows how much of a result comes from laws that name each other. All references that `nirank citations` lists go,
    whether the collection has the act or not, and all titles, ids and acronyms of its documents; no name of a document
    of the collection is left. A number that may be an act's, such as 2021/2115 alone, goes where the collection has
    it. Texts of documents are masked by `fold(MaskCitations(), …)`.
    """

    mark: str = option(default="[ACT]", help="what stands for a reference")

    name = "mask_citations"

    def check(self) -> None:
        if find_references(self.mark) or find_references(f"Regulation {self.mark}"):
            raise ConfigError(f"mask_citations: mark must not be a reference itself, got {self.mark!r}")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return (plan_catalogue(sides),)

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(estimate_block_memory(sizes).main + estimate_reading(sizes).main)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        catalogue = open_catalogue(ctx)

        def mask_texts() -> Iterator[str]:
            for text in texts.read(TextView(TITLE_AND_TEXT)):
                masked, n_references = mask_references(text, catalogue, self.mark)
                ctx.count("masked_references", n_references)
                yield masked

        return replace_texts(texts, mask_texts(), ctx)
