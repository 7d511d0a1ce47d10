"""Statistics of all ranges of a corpus together, so that scores in a range are those of the whole.

An index of a range knows its own documents, document frequencies and lengths only. Here they are added up, field by
field; a range's postings with the sums in place of its own (`replace_counts`) are scored bit by bit as in one index,
since the same operations see the same numbers in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.base.array_files import ArrayWriter
from nirank.flow.ids import Ids
from nirank.lexical.postings import Fields
from nirank.lexical.vocabularies import merge_vocabularies

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
    Memory is that of a block of the vocabularies.
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
    schema = pa.schema([("id", pa.large_string())])
    with ExitStack() as files:
        sink = files.enter_context(pa.OSFile(str(folder / "ids.arrow"), "wb"))
        terms = files.enter_context(pa.ipc.new_file(sink, schema))
        order, all_counts, *range_counts = (
            files.enter_context(ArrayWriter(folder / f"{name}.npy", np.int64)) for name in ("order", "df", *fields)
        )
        for merged in merge_vocabularies([field.terms for field in fields.values()]):
            df = np.zeros(len(merged.terms), np.int64)
            for field, part, places in zip(fields.values(), merged.parts, merged.places, strict=True):
                df[places - merged.first] += np.diff(field.offsets[part.start : part.stop + 1])
            terms.write_batch(pa.record_batch([merged.terms], schema=schema))
            order.append(np.arange(merged.first, merged.first + len(df)))
            all_counts.append(df)
            for counts, places in zip(range_counts, merged.places, strict=True):
                counts.append(df[places - merged.first])
