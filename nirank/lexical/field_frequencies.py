"""BM25F's term frequencies: those of a document's fields, weighted and normalised by length, as one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.flow.ids import Ids
from nirank.lexical.postings import LENGTHS, FieldPostings, write_aids
from nirank.lexical.vocabularies import merge_vocabularies

_BLOCK = 1 << 20  # postings of all fields at a time, or one term's,
_A_POSTING = 96  # each of so many bytes while it is sorted


def combine_fields(
    fields: Mapping[str, FieldPostings], weights: Mapping[str, float], bs: Mapping[str, float], folder: Path
) -> None:
    """Write postings (`FieldPostings.open`) whose tf is the sum of the fields' weighted and normalised frequencies.

        tf(t, d) = Σ over fields of weight × tf(t, d, field) / (1 - b + b × length(d, field) / mean length of the field)

    Lengths are Lucene's, by its byte. Length counts nowhere else, so all norms are 0. A document counts if any field
    has a term.
    """
    used = {name: field for name, field in fields.items() if weights.get(name, 0) > 0 and len(field.terms)}
    n_docs = max((len(field.norms) for field in fields.values()), default=0)
    merged = list(merge_vocabularies([field.terms for field in used.values()]))
    terms = pa.chunked_array([block.terms for block in merged], pa.large_string()).combine_chunks()
    places = {
        name: np.concatenate([block.places[at] for block in merged], dtype=np.int64) for at, name in enumerate(used)
    }
    most = np.zeros(len(terms), np.int64)
    for name, field in used.items():
        most[places[name]] += np.diff(field.offsets)
    df, spill = np.zeros(len(terms), np.int64), folder / "spill"
    spill.mkdir()
    blocks = list(_cut_into_blocks(most))
    for at, (first, end) in enumerate(blocks):
        parts = [
            _take_block(field, places[name], first, end, weights[name] * _invert_lengths(field, bs[name]))
            for name, field in used.items()
        ]
        rows, docs, tfs = (np.concatenate(column) for column in zip(*parts, strict=True))
        keys = (rows - first) * n_docs + docs
        order = np.argsort(keys, kind="stable")  # fields stay in their order, in which sums are rounded
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        df[first:end] = np.bincount(rows[order[starts]] - first, minlength=end - first)
        np.save(spill / f"{at}.docs.npy", docs[order[starts]].astype(np.int32))
        np.save(spill / f"{at}.tfs.npy", np.add.reduceat(tfs[order], starts).astype(np.float32))
    offsets = np.concatenate(([0], np.cumsum(df)))
    for name, kind in (("docs", np.int32), ("tfs", np.float32)):
        joined = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", kind, (int(offsets[-1]),))
        for at, (first, end) in enumerate(blocks):
            joined[offsets[first] : offsets[end]] = np.load(spill / f"{at}.{name}.npy")
        joined.flush()
    shutil.rmtree(spill)
    Ids(terms, np.arange(len(terms))).save(folder)
    np.save(folder / "offsets.npy", offsets)
    docs, tfs = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("docs", "tfs"))
    write_aids(offsets, docs, tfs, n_docs, folder)
    np.save(folder / "norms.npy", np.zeros(n_docs, np.uint8))
    there = np.zeros(n_docs, np.bool_)
    for field in used.values():
        there |= np.asarray(field.norms) > 0
    doc_count = int(there.sum())
    (folder / "field.json").write_text(json.dumps({"doc_count": doc_count, "tokens": doc_count}))


def _invert_lengths(field: FieldPostings, b: float) -> NDArray[np.float64]:
    """Return by what a frequency is multiplied, (256,) by length byte."""
    average = field.tokens / max(field.doc_count, 1)
    inverse: NDArray[np.float64] = 1 / ((1 - b) + b * np.maximum(LENGTHS, 1) / average)
    return inverse


def _take_block(
    field: FieldPostings, places: NDArray[np.int64], first: int, end: int, factors: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the merged row, document and frequency of each posting of some merged terms."""
    low, high = np.searchsorted(places, (first, end))
    offsets = field.offsets[low : high + 1]
    part = slice(int(offsets[0]), int(offsets[-1]))
    docs = np.asarray(field.docs[part], np.int64)
    rows = np.repeat(places[low:high], np.diff(offsets))
    return rows, docs, field.tfs[part] * factors[field.norms[docs]]


def _cut_into_blocks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut terms with so many postings into blocks, each of one term at least."""
    most = fit_block_size(_BLOCK, _A_POSTING)
    ends, first = np.cumsum(counts), 0
    while first < len(counts):
        before = int(ends[first - 1]) if first else 0
        end = max(int(np.searchsorted(ends, before + most, side="right")), first + 1)
        yield first, end
        first = end
