"""Texts made by blocks: what a block gives goes to disk, and is mapped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from nirank.algebra.context import Context
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_fields import METADATA
from nirank.collections.texts import Texts

BLOCK_CHARACTERS = 1 << 20  # of texts that are read for a block,
_BLOCK_ROWS = 4096  # or so many texts
_PASSAGE_BYTES = 200  # of a short passage: how many there will be is not known before


def split_into_blocks(texts: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield texts by blocks, each with the row of its first; one block at least, be it empty."""
    stream, start = iter(texts), 0
    while True:
        block: list[str] = []
        characters = 0
        for text in islice(stream, _BLOCK_ROWS):
            block.append(text)
            characters += len(text)
            if characters >= BLOCK_CHARACTERS:
                break
        if block or not start:
            yield start, block
        if not block:
            return
        start += len(block)


def map_tables(tables: Iterable[pa.Table], ctx: Context) -> pa.Table:
    """Write tables of one schema, one or more, and return them as one that is mapped; memory is the largest of them.

    The file has no name any more when this returns: it is gone when the table is.
    """
    if ctx.scratch is not None:
        ctx.scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="texts-", dir=ctx.scratch))
    path = folder / "made.arrow"
    try:
        stream = iter(tables)
        first = next(stream)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, first.schema) as writer:
            writer.write_table(first)
            del first
            for table in stream:
                writer.write_table(table)
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    finally:
        with suppress(OSError):  # a system that cannot remove what is mapped; the store sweeps it away
            path.unlink(missing_ok=True)
            folder.rmdir()


def replace_texts(texts: Texts, replacements: Iterable[str], ctx: Context) -> Texts:
    """Return one text for each, in their order, as column `text`; ids and metadata stay."""
    tables = (pa.table({"text": pa.array(block, pa.large_string())}) for _, block in split_into_blocks(replacements))
    columns = {"text": map_tables(tables, ctx)["text"]}
    if METADATA in texts.columns:
        columns[METADATA] = texts.columns[METADATA]
    return Texts(texts.ids, columns, np.arange(len(texts)))


def estimate_block_memory(sizes: Sizes) -> MemoryNeed:
    """Return what making texts by blocks takes: a block of them, and a few numbers for each text or passage."""
    passages = sizes.texts + sizes.text_bytes // _PASSAGE_BYTES
    return MemoryNeed(12 * min(sizes.text_bytes, BLOCK_CHARACTERS) + 48 * passages)
