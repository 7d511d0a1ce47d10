"""Split documents into the parts that their source numbers."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.algebra.context import Context
from nirank.algebra.stage import stage
from nirank.collections.readers.law_walk import PART_END
from nirank.collections.readers.laws import PARTS
from nirank.collections.texts import Texts
from nirank.flow.ranking import Ranking
from nirank.stages._passages import NamedPassages, PassageMap, make_named_passages


@stage
class Parts(PassageMap):
    """Split each text into the parts of its source, such as a law's articles: `fold(Parts(), BM25())`.

    A part of `d` is called as the source numbers it, `d#art_5`, so evidence names it. A text says by U+001E at the end
    of a line where a part ends, and its metadata `parts` lists their ids in that order; readers of laws write both.
    Every other column is repeated with each part, but not that list. A text without parts, or whose marks some map has
    taken away, stays whole as `d#0`, and is counted.
    """

    name = "parts"

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        ids = texts.read_metadata(PARTS)
        return make_named_passages(texts, lambda text: self._split(text, next(ids), ctx), ctx, without=PARTS)

    def _split(self, text: str, ids: object, ctx: Context) -> NamedPassages:
        passages = [passage.strip("\n") for passage in text.split(PART_END)]
        if isinstance(ids, Sequence) and not isinstance(ids, str) and ids and len(set(map(str, ids))) == len(passages):
            return list(zip(map(str, ids), passages, strict=True))
        ctx.count("parts_lost" if ids else "without_parts")
        return [("0", text)]
