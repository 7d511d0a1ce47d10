"""Postings in memory-mapped arrays: what BM25 needs of a corpus, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.base.loading import count_loading
from nirank.base.memory import fit_block_size
from nirank.flow.ids import Ids
from nirank.lexical.analysis import Analyzer
from nirank.lexical.bitmaps import NO_BITMAPS, Bitmaps, write_bitmaps
from nirank.lexical.jvm import read_lucene_version

_CHUNK_TOKENS = 4_000_000  # held in memory at a time while building
_A_TOKEN = 64  # bytes of one, while a chunk is counted


@dataclass(frozen=True)
class FieldPostings:
    """The postings of one field.

    terms      the vocabulary in byte order, V terms
    offsets    (V + 1,) int64; term t owns docs[offsets[t]:offsets[t + 1]]
    docs       (P,) int32 document rows, ascending within a term
    tfs        (P,) float32 term frequencies
    norms      (n_docs,) uint8, the document's length as Lucene's byte (see `encode_lengths`)
    doc_count  documents with at least one term, Lucene's docCount
    tokens     of the whole field, Lucene's sumTotalTermFreq
    bitmaps    which documents have each frequent term: searches are faster with them, and find the same
    most_tfs   (V,) float32 the greatest tf of each term: so too; None: an index that was made before they were kept
    df         (V,) documents with each term, and corpus_terms, all that are known, where these are the postings of one
               range of rows and the others count too; None: as they stand here
    """

    terms: Ids
    offsets: NDArray[np.int64]
    docs: NDArray[np.int32]
    tfs: NDArray[np.float32]
    norms: NDArray[np.uint8]
    doc_count: int
    tokens: int
    bitmaps: Bitmaps = NO_BITMAPS
    most_tfs: NDArray[np.float32] | None = None
    df: NDArray[np.int64] | None = None
    corpus_terms: Ids | None = None

    @property
    def vocabulary(self) -> Ids:
        """The terms that any document of the corpus has."""
        return self.terms if self.corpus_terms is None else self.corpus_terms

    def count_documents(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many documents have each of some terms, by row of the vocabulary."""
        return np.asarray(self.offsets[rows + 1] - self.offsets[rows] if self.df is None else self.df[rows])

    @classmethod
    def open(cls, folder: Path) -> FieldPostings:
        """Map what `build` wrote."""
        facts = json.loads((folder / "field.json").read_text())
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("offsets", "docs", "tfs", "norms")}
        counts = {name: facts[name] for name in ("doc_count", "tokens")}
        return cls(Ids.open(folder), **arrays, **counts, bitmaps=Bitmaps.open(folder), most_tfs=_open_most_tfs(folder))


def write_aids(
    offsets: NDArray[np.int64], docs: NDArray[np.int32], tfs: NDArray[np.float32], n_docs: int, folder: Path
) -> None:
    """Write into a folder what lets searches skip; offsets, docs and tfs as of `FieldPostings`."""
    write_bitmaps(offsets, docs, n_docs, folder)
    most_tfs = np.zeros(len(offsets) - 1, np.float32)
    filled = np.flatnonzero(np.diff(offsets))
    if len(filled):
        most_tfs[filled] = np.maximum.reduceat(tfs, offsets[filled])
    np.save(folder / "most_tfs.npy", most_tfs)


def _open_most_tfs(folder: Path) -> NDArray[np.float32] | None:
    path = folder / "most_tfs.npy"
    return np.load(path, mmap_mode="r") if path.exists() else None


Fields = Mapping[str, FieldPostings]


@dataclass(frozen=True)
class Index:
    """The fields of an index, and the analyzer that made it."""

    fields: Fields
    analyzer: str

    @classmethod
    def open(cls, folder: Path) -> Index:
        """Map what `build` wrote."""
        with count_loading():
            facts = json.loads((folder / "index.json").read_text())
            fields = {name: FieldPostings.open(folder / str(at)) for at, name in enumerate(facts["fields"])}
            return cls(fields, facts["analyzer"])


def open_fields(folder: Path) -> Fields:
    """Return the fields of an index, or the one that several were combined into."""
    if (folder / "index.json").exists():
        return Index.open(folder).fields
    with count_loading():
        return {"": FieldPostings.open(folder)}


def build_index(fields: Mapping[str, Iterator[str]], n_docs: int, analyzer: str, folder: Path) -> None:
    """Index the fields of n_docs documents into a folder.

    fields  {name: the field's text of every document, in row order}
    Memory: one chunk of tokens and the vocabulary; postings go to disk as they come.
    """
    tool = Analyzer(analyzer)
    for at, texts in enumerate(fields.values()):
        place = folder / str(at)
        place.mkdir()
        _Builder(place, n_docs).build(tool.tokenize(texts))
    facts = {"fields": list(fields), "analyzer": analyzer, "lucene": read_lucene_version()}
    (folder / "index.json").write_text(json.dumps(facts))


class _Builder:
    """Builds one field: chunks of (term, document, frequency) to disk, then each to its term's place."""

    def __init__(self, folder: Path, n_docs: int) -> None:
        self.folder = folder
        self.spill = folder / "spill"
        self.spill.mkdir()
        self.lengths = np.zeros(n_docs, np.int64)
        self.vocabulary: defaultdict[str, int] = defaultdict()
        self.vocabulary.default_factory = self.vocabulary.__len__
        self.chunks = 0

    def build(self, tokens: Iterator[list[str]]) -> None:
        ids: list[int] = []
        chunk = fit_block_size(_CHUNK_TOKENS, _A_TOKEN)
        first = 0
        number = self.vocabulary.__getitem__
        for row, words in enumerate(tokens):
            self.lengths[row] = len(words)
            ids.extend(map(number, words))
            if len(ids) >= chunk:
                self._write_chunk(ids, first, row + 1)
                ids, first = [], row + 1
        self._write_chunk(ids, first, len(self.lengths))
        self._finish()

    def _write_chunk(self, ids: list[int], first: int, end: int) -> None:
        """Count equal (term, document) pairs of some documents and write them sorted by term, then document."""
        width = max(end - first, 1)
        docs = np.repeat(np.arange(end - first, dtype=np.int64), self.lengths[first:end])
        keys, counts = np.unique(np.array(ids, np.int64) * width + docs, return_counts=True)
        terms, rows = np.divmod(keys, width)
        place = self.spill / str(self.chunks)
        place.mkdir()
        np.save(place / "terms.npy", terms.astype(np.int32))
        np.save(place / "docs.npy", (rows + first).astype(np.int32))
        np.save(place / "tfs.npy", counts.astype(np.float32))
        self.chunks += 1

    def _finish(self) -> None:
        terms = Ids.of(self.vocabulary)
        df = np.zeros(len(terms), np.int64)
        for place in self._list_chunks():
            df += np.bincount(np.load(place / "terms.npy"), minlength=len(terms))
        offsets = np.concatenate(([0], np.cumsum(df[terms.order])))
        size = (int(offsets[-1]),)
        docs = np.lib.format.open_memmap(self.folder / "docs.npy", "w+", np.int32, size)
        tfs = np.lib.format.open_memmap(self.folder / "tfs.npy", "w+", np.float32, size)
        filled = offsets[:-1].copy()
        for place in self._list_chunks():  # in document order, so that documents ascend within each term
            term = terms.rank[np.load(place / "terms.npy")]
            begins = np.flatnonzero(np.diff(term, prepend=-1))
            lengths = np.diff(np.append(begins, len(term)))
            at = filled[term] + np.arange(len(term)) - np.repeat(begins, lengths)
            docs[at], tfs[at] = np.load(place / "docs.npy"), np.load(place / "tfs.npy")
            filled[term[begins]] += lengths
        docs.flush()
        tfs.flush()
        shutil.rmtree(self.spill)
        Ids(terms.take_arrow(terms.order), np.arange(len(terms))).save(self.folder)
        np.save(self.folder / "offsets.npy", offsets)
        write_aids(offsets, docs, tfs, len(self.lengths), self.folder)
        np.save(self.folder / "norms.npy", encode_lengths(self.lengths))
        facts = {"doc_count": int((self.lengths > 0).sum()), "tokens": int(self.lengths.sum())}
        (self.folder / "field.json").write_text(json.dumps(facts))

    def _list_chunks(self) -> list[Path]:
        return [self.spill / str(chunk) for chunk in range(self.chunks)]


def _decode_length(byte: int) -> int:
    """Return the length that a norm byte stands for: Lucene's SmallFloat.byte4ToInt.

    Up to 40 exact; above, 3 bits of mantissa and an exponent.
    """
    free = 24  # values that need no float: 255 less the code of the greatest integer
    if byte < free:
        return byte
    code = byte - free
    mantissa, shift = code & 7, (code >> 3) - 1
    return free + (mantissa if shift == -1 else (mantissa | 8) << shift)


LENGTHS: NDArray[np.int64] = np.array([_decode_length(byte) for byte in range(256)], np.int64)


def encode_lengths(lengths: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return lengths as Lucene's norm bytes: the greatest byte that stands for no more than the length."""
    return (np.searchsorted(LENGTHS, lengths, side="right") - 1).astype(np.uint8)
