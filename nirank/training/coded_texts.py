"""Coded texts: documents with the subject codes that they have, which an encoder learns to tell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.algebra.judged import hash_with_salt
from nirank.flow.pairs import concatenate_ranges
from nirank.training.examples import read_table, write_table

Rows = NDArray[np.int64]

_SPAN = 2**64


@dataclass(frozen=True, eq=False)
class CodedTexts:
    """Texts and their codes.

    texts    (n,) what the model reads
    offsets  (n + 1,) int64: the codes of text i are codes[offsets[i]:offsets[i + 1]]
    codes    (n_pairs,) int64, places in `names`, ascending within a text
    names    the codes that are learned, sorted
    ids      (n,) of the documents; the passages of one share its id
    counts   what was read, kept and left out, by reason
    """

    texts: pa.Array
    offsets: Rows
    codes: Rows
    names: Sequence[str]
    ids: Sequence[str]
    counts: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What is learned beside the texts, as arrays."""
        return self.offsets, self.codes

    def select(self, rows: Rows) -> CodedTexts:
        """Return some of the texts."""
        lengths = np.diff(self.offsets)[rows]
        return replace(
            self,
            texts=self.texts.take(pa.array(rows)),
            offsets=np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            codes=self.codes[concatenate_ranges(self.offsets[rows], lengths)],
            ids=[self.ids[row] for row in rows],
        )

    def split(self, held_out: float) -> tuple[CodedTexts, CodedTexts]:
        """Return what is trained on and what is held out: a share of the documents, chosen by hash of id."""
        hashes = [hash_with_salt(id, "held out") for id in self.ids]
        chosen = np.array([value < int(held_out * _SPAN) for value in hashes], np.bool_)
        return self.select(np.flatnonzero(~chosen)), self.select(np.flatnonzero(chosen))

    def mark_codes(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Return which codes some texts have, (n_rows, n_codes): 1 or 0."""
        marks = np.zeros((len(rows), len(self.names)), np.float32)
        for place, row in enumerate(rows):
            marks[place, self.codes[self.offsets[row] : self.offsets[row + 1]]] = 1
        return marks

    def save(self, folder: Path) -> None:
        """Write texts.arrow, offsets.npy and codes.npy, and codes.json."""
        write_table(folder / "texts.arrow", pa.table({"text": self.texts}))
        for name in ("offsets", "codes"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        header = {"names": list(self.names), "ids": list(self.ids), "counts": dict(self.counts)}
        (folder / "codes.json").write_text(json.dumps(header, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> CodedTexts:
        """Read what `save` wrote; texts stay on disk, memory-mapped."""
        texts = read_table(folder / "texts.arrow")["text"].combine_chunks()
        offsets, codes = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("offsets", "codes"))
        return cls(texts, offsets, codes, **json.loads((folder / "codes.json").read_text(encoding="utf-8")))


def code_texts(
    documents: Iterable[tuple[str, str, Any]], min_docs: int, passages: int = 1, words: int | None = None
) -> CodedTexts:
    """Make coded texts of documents.

    documents  (id, text, value of the metadata key: a code, a list of codes, or None)
    min_docs   codes of fewer documents are left out, and so are documents without any other code
    passages   of a document at most so many are texts of their own, from its beginning on
    words      of a passage; None: a document is one text
    """
    read = [(id, text, _list_codes(value)) for id, text, value in documents]
    counts = {"documents": len(read)}
    filled = [document for document in read if document[1].strip()]
    coded = [document for document in filled if document[2]]
    frequencies = Counter(code for _, _, codes in coded for code in codes)
    names = sorted(code for code, n in frequencies.items() if n >= min_docs)
    place = {code: at for at, code in enumerate(names)}
    kept = [(id, text, [place[code] for code in codes if code in place]) for id, text, codes in coded]
    kept = [document for document in kept if document[2]]
    examples = [(id, part, codes) for id, text, codes in kept for part in _cut_text(text, passages, words)]
    reasons = {
        "removed: blank": len(read) - len(filled),
        "removed: no code": len(filled) - len(coded),
        f"removed: codes of fewer than {min_docs} documents only": len(coded) - len(kept),
        "codes": len(names),
        f"codes of fewer than {min_docs} documents, left out": len(frequencies) - len(names),
        "examples": len(examples),
    }
    lengths = [len(codes) for _, _, codes in examples]
    return CodedTexts(
        pa.array([text for _, text, _ in examples], pa.large_string()),
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.array([code for _, _, codes in examples for code in sorted(codes)], np.int64),
        names,
        [id for id, _, _ in examples],
        counts | {reason: n for reason, n in reasons.items() if n},
    )


def _list_codes(value: Any) -> list[str]:
    """Return the codes of a metadata value, each once: 7 and '7' are one."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return list(dict.fromkeys(str(code).strip() for code in values if code is not None and str(code).strip()))


def _cut_text(text: str, passages: int, words: int | None) -> Iterator[str]:
    """Yield the first passages of a text."""
    if words is None:
        yield text
        return
    tokens = text.split()
    for number in range(min(passages, -(-len(tokens) // words))):
        yield " ".join(tokens[number * words : (number + 1) * words])
