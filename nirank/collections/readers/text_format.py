"""What a format of text files is: how its files are recognised and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nirank.collections.readers.records import Record, Side
from nirank.forms.column_names import TextColumns


@dataclass(frozen=True)
class TextFormat:
    """A format in which files hold documents or queries.

    name         as messages call it
    read         yields the records of a file: `read(path, side, columns)`
    endings      of files in this format, without the point and what says that they are packed. In folders `corpus`
                 and `queries` are looked for with them; an ending that no other format has decides
    recognises   tells by a file's first lines whether it is in this format; None: only the ending tells
    has_columns  whether a user can name its columns; if not, `columns` says nothing
    version      raised when the same file would be read otherwise
    """

    name: str
    read: Callable[[Path, Side, TextColumns], Iterator[Record]]
    endings: tuple[str, ...] = ()
    recognises: Callable[[Sequence[str]], bool] | None = None
    has_columns: bool = False
    version: int = 1
