"""Vectors of the parts of texts: sentences, or windows of words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.inference.encoder import Encoding, encode

Split = Callable[[str], Sequence[str]]


def encode_parts(
    read: Callable[[], Iterable[str]], split: Split, how: Encoding, folder: Path, ctx: Context
) -> NDArray[np.int64]:
    """Encode the parts of texts as `encode` does; return offsets, (n_texts + 1,): text t owns vectors[o[t]:o[t + 1]].

    read   gives the texts, each time anew
    split  gives a text's parts; a text may have none
    """
    offsets = np.cumsum([0, *(len(split(text)) for text in read())], dtype=np.int64)

    def parts() -> Iterator[str]:
        for text in read():
            yield from split(text)

    encode(parts(), int(offsets[-1]), how, folder, ctx)
    return offsets
