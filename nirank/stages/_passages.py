"""What splitting texts into passages has in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.stage import Read, TextMap, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.readers.laws import OF_WHOLE_LAWS, PROVISIONS, is_law
from nirank.collections.text_fields import METADATA, TextFields
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids, take_rows
from nirank.stages._blocks import estimate_block_memory, map_tables, split_into_blocks

NamedPassages = Sequence[tuple[str, str]]
_BODY = TextView("text")
_PROVISIONS = json.dumps(PROVISIONS)


@stage
class PassageMap(TextMap):
    """The base of maps that split column `text` and repeat every other column, of a law without its notes and lists."""

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        yield "", "texts", _BODY

    def describe_texts(self, texts: TextFields) -> TextFields:
        if not is_law(texts.keys):
            return texts
        return replace(texts, keys={key: rows for key, rows in texts.keys.items() if key not in OF_WHOLE_LAWS})

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return estimate_block_memory(sizes)


def make_passages(texts: Texts, split: Callable[[str], Sequence[str]], ctx: Context) -> Texts:
    """Split column `text` of each text; every other column (the title, metadata) is repeated with each passage.

    split  gives at least one passage, in text order
    The passages of `d` are `d#0`, `d#1`, … They lie on disk; memory is a block of them, and their parents.
    """
    return make_named_passages(texts, lambda text: [("", passage) for passage in split(text)], ctx)


def make_named_passages(
    texts: Texts, split: Callable[[str], NamedPassages], ctx: Context, *, without: str = ""
) -> Texts:
    """Split as `make_passages` does, into passages with names of their own; one without has its number.

    split    gives at least one (name, passage), in text order; it is called with the texts in their order
    without  a metadata key that passages do not have
    """
    names = [name for name in texts.columns if name != "text"]
    joint = pa.scalar("#", pa.large_string())
    parents: list[NDArray[np.int64]] = []

    def tables() -> Iterator[pa.Table]:
        for start, block in split_into_blocks(texts.read(_BODY)):
            passages = [split(text) for text in block]
            counts = np.array([len(parts) for parts in passages], np.int64)
            rows = np.repeat(np.arange(start, start + len(block)), counts)
            parents.append(rows)
            numbers = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            own = pa.array((name for parts in passages for name, _ in parts), pa.large_string())
            numbered = pc.if_else(pc.equal(own, ""), pa.array(numbers).cast(pa.large_string()), own)
            ids = pc.binary_join_element_wise(texts.ids.take_arrow(rows), numbered, joint)
            repeated = [_repeat(texts, name, start, counts, rows, without) for name in names]
            bodies = pa.array((part for parts in passages for _, part in parts), pa.large_string())
            yield pa.Table.from_arrays([ids, *repeated, bodies], ["id", *names, "text"])

    ids, *columns = map_tables(tables(), ctx).columns
    return Texts(
        Ids(ids),
        dict(zip([*names, "text"], columns, strict=True)),
        np.concatenate(parents),
        reads_all_columns=texts.reads_all_columns,
    )


def _repeat(
    texts: Texts, name: str, start: int, counts: NDArray[np.int64], rows: NDArray[np.int64], without: str
) -> pa.Array | pa.ChunkedArray:
    """Return a column's values of some texts, each as often as it has passages; metadata without some keys."""
    column = texts.columns[name]
    if name != METADATA:
        return take_rows(column, rows)
    values = column.slice(start, len(counts)).to_pylist()
    shorter = [_drop_keys(value, without) for value in values]
    if shorter == values:
        return take_rows(column, rows)
    return pa.array(shorter, pa.large_string()).take(pa.array(rows - start))


def _drop_keys(metadata: str, without: str) -> str:
    """Return metadata without a key and, of a law, without what is of the whole: too much to repeat with each."""
    if _PROVISIONS not in metadata and not (without and json.dumps(without) in metadata):
        return metadata
    record = json.loads(metadata)
    dropped = {without, *(OF_WHOLE_LAWS if is_law(record) else ())} & record.keys()
    kept = {key: value for key, value in record.items() if key not in dropped}
    return metadata if not dropped else json.dumps(kept, ensure_ascii=False) if kept else ""
