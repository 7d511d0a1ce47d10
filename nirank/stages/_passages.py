"""What splitting texts into passages has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nirank.collections.readable import Readable
from nirank.collections.texts import Texts, TextView
from nirank.ids import Ids
from nirank.stage import Read, TextMap, stage

_BODY = TextView("text")


@stage
class PassageMap(TextMap):
    """The base of maps that split column `text` and repeat every other column."""

    def text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        yield "", "texts", _BODY

    def readable(self, texts: Readable) -> Readable:
        return texts


def passages(texts: Texts, split: Callable[[str], Sequence[str]]) -> Texts:
    """Split column `text` of each text; every other column (the title, metadata) is repeated with each passage.

    split  gives at least one passage, in text order
    The passages of `d` are `d#0`, `d#1`, …
    """
    counts = np.empty(len(texts), np.int64)

    def made() -> Iterator[str]:
        for row, text in enumerate(texts.read(_BODY)):
            parts = split(text)
            counts[row] = len(parts)
            yield from parts

    bodies = pa.array(made(), pa.large_string())
    parents = np.repeat(np.arange(len(texts)), counts)
    numbers = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    joint = pa.scalar("#", pa.large_string())
    ids = pc.binary_join_element_wise(texts.ids.arrow(parents), pa.array(numbers).cast(pa.large_string()), joint)
    columns = {name: column.take(pa.array(parents)) for name, column in texts.columns.items() if name != "text"}
    return Texts(Ids(ids), {**columns, "text": pa.chunked_array([bodies])}, parents)
