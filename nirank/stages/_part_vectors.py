"""Vectors of the parts of texts: sentences, or windows of words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context

if TYPE_CHECKING:
    from nirank.inference.encoder import Encoding

Split = Callable[[str], Sequence[str]]

_BLOCK = 1024  # texts whose means are made at a time


def encode_parts(
    read: Callable[[], Iterable[str]], split: Split, how: Encoding, folder: Path, ctx: Context
) -> NDArray[np.int64]:
    """Encode the parts of texts as `encode` does; return offsets, (n_texts + 1,): text t owns vectors[o[t]:o[t + 1]].

    read   gives the texts, each time anew
    split  gives a text's parts; a text may have none
    """
    from nirank.inference.encoder import encode

    offsets = np.cumsum([0, *(len(split(text)) for text in read())], dtype=np.int64)

    def parts() -> Iterator[str]:
        for text in read():
            yield from split(text)

    encode(parts(), int(offsets[-1]), how, folder, ctx)
    return offsets


def encode_means(read: Callable[[], Iterable[str]], split: Split, how: Encoding, folder: Path, ctx: Context) -> None:
    """Encode texts as the means of their parts' vectors, into the files that `encode` writes; each has one at least."""
    with TemporaryDirectory(dir=folder, prefix="parts-") as scratch:
        offsets = encode_parts(read, split, how, Path(scratch), ctx)
        parts = np.load(Path(scratch) / "vectors.npy", mmap_mode="r")
        shape = (len(offsets) - 1, parts.shape[1])
        means = np.lib.format.open_memmap(folder / "vectors.npy", "w+", parts.dtype, shape)
        for first in range(0, shape[0], _BLOCK):
            of_block = offsets[first : first + _BLOCK + 1]
            vectors = np.asarray(parts[of_block[0] : of_block[-1]], np.float64)
            sums = np.add.reduceat(vectors, of_block[:-1] - of_block[0], axis=0)
            means[first : first + _BLOCK] = sums / np.diff(of_block)[:, None]
        means.flush()
        (Path(scratch) / "encoding.json").replace(folder / "encoding.json")
