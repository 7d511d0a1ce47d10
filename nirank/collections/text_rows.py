"""Where texts lie: rows of a folder, by which another process opens the same texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TextRows:
    """The rows from `first` to below `last` of the texts in a folder.

    digest  of their content, where it is known
    order   (last - first,) int64 the order of their ids, where it is known; no part of what they are
    """

    folder: Path
    first: int
    last: int
    digest: str | None = None
    order: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
