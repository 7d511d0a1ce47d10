"""Statistics of all ranges of a corpus together, so that scores in a range are those of the whole.

An index of a range knows its own documents, document frequencies and lengths only. Here they are added up, field by
field; a range's postings with the sums in place of its own (`replace_counts`) are scored bit by bit as in one index,
since the same operations see the same numbers in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.flow.ids import Ids
from nirank.lexical.postings import Fields

_FACTS = "statistics.json"


@dataclass(frozen=True)
class FieldStatistics:
    """What a field has in all ranges together.

    terms      the vocabulary in byte order, V terms
    df         (V,) int64 documents with each term
    doc_count  documents with at least one term
    tokens     of the whole field
    """

    terms: Ids
    df: NDArray[np.int64]
    doc_count: int
    tokens: int

    def count_documents(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many documents have each of some terms, by row of the vocabulary."""
        return np.asarray(self.df[rows])


@dataclass(frozen=True)
class RangeStatistics:
    """The statistics of all fields, mapped.

    folder  where they lie; df of a range's own terms too, under the name of the range
    """

    folder: Path
    fields: Mapping[str, FieldStatistics]

    @classmethod
    def open(cls, folder: Path) -> RangeStatistics:
        """Map what `gather_statistics` wrote."""
        facts = json.loads((folder / _FACTS).read_text())
        fields = {
            name: FieldStatistics(
                Ids.open(folder / str(at)),
                np.load(folder / str(at) / "df.npy", mmap_mode="r"),
                counts["doc_count"],
                counts["tokens"],
            )
            for at, (name, counts) in enumerate(facts.items())
        }
        return cls(folder, fields)

    def replace_lengths(self, fields: Fields) -> Fields:
        """Return a range's fields with the numbers of documents and of tokens of all ranges."""
        return {
            name: replace(field, doc_count=self.fields[name].doc_count, tokens=self.fields[name].tokens)
            for name, field in fields.items()
        }

    def replace_counts(self, fields: Fields, range_name: str) -> Fields:
        """Return a range's fields with document frequencies and the vocabulary of all ranges, too."""
        replaced = {}
        for at, (name, field) in enumerate(self.replace_lengths(fields).items()):
            df = np.load(self.folder / str(at) / f"{range_name}.npy", mmap_mode="r")
            replaced[name] = replace(field, df=df, corpus_terms=self.fields[name].terms)
        return replaced


def holds_statistics(folder: Path) -> bool:
    """Tell whether `gather_statistics` wrote into a folder."""
    return (folder / _FACTS).exists()


def gather_statistics(ranges: Mapping[str, Fields], folder: Path) -> None:
    """Add up the counts of the ranges' fields, and write them into a folder.

    ranges  {name of the range: its fields}, with the same fields everywhere
    Memory is that of the vocabularies.
    """
    counts = {}
    for at, name in enumerate(next(iter(ranges.values()))):
        place = folder / str(at)
        place.mkdir()
        fields = {range_name: fields[name] for range_name, fields in ranges.items()}
        _add_frequencies(fields, place)
        counts[name] = {
            "doc_count": sum(field.doc_count for field in fields.values()),
            "tokens": sum(field.tokens for field in fields.values()),
        }
    (folder / _FACTS).write_text(json.dumps(counts))


def _add_frequencies(fields: Fields, folder: Path) -> None:
    """Write the vocabulary of all ranges with document frequencies, and those of each range's own terms."""
    terms = merge_vocabularies([field.terms for field in fields.values()])
    df = np.zeros(len(terms), np.int64)
    places = {name: np.asarray(pc.index_in(field.terms.strings, terms), np.int64) for name, field in fields.items()}
    for name, field in fields.items():
        df[places[name]] += np.diff(field.offsets)
    Ids(terms, np.arange(len(terms))).save(folder)
    np.save(folder / "df.npy", df)
    for name, place in places.items():
        np.save(folder / f"{name}.npy", df[place])


def merge_vocabularies(vocabularies: Sequence[Ids]) -> pa.Array:
    """Return the terms of all vocabularies in byte order, each once."""
    chunks = [chunk for terms in vocabularies for chunk in terms.strings.chunks]
    distinct = pc.unique(pa.chunked_array(chunks, pa.large_string()))
    return distinct.take(pc.sort_indices(distinct.cast(pa.large_binary())))
