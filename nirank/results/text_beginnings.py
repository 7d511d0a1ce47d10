"""Beginnings of texts: what a reader is shown of documents and queries, however long they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.flow.ids import take_rows

_ROWS, _BYTES = 1000, 1 << 24  # taken at a time, the bytes by the average of all rows
TITLE = 300  # characters of a title


class Beginning(NamedTuple):
    """The beginning of a text; `characters`: how long all of it is."""

    title: str
    text: str
    characters: int

    def join(self) -> str:
        """Return title and text as one."""
        return f"{self.title} {self.text}".strip()


def read_beginnings(texts: Texts, rows: NDArray[np.integer], length: int) -> Iterator[Beginning]:
    """Yield title and at most `length` characters of the text of each row; memory is that of a few whole texts.

    Of records of a table, the text is each column that is not blank, as `name: value`.
    """
    names = texts.find_fields(TextView(TITLE_AND_TEXT))
    is_record = not set(names) <= set(TITLE_AND_TEXT)
    n_bytes = sum(texts.columns[name].nbytes for name in names) // max(len(texts), 1)
    together = max(min(_ROWS, _BYTES // max(n_bytes, 1)), 1)
    for start in range(0, len(rows), together):
        part = rows[start : start + together]
        columns = {name: take_rows(texts.columns[name], part) for name in names}
        begun = {
            name: pc.utf8_slice_codeunits(column, 0, max(length, TITLE)).to_pylist() for name, column in columns.items()
        }
        lengths = {name: pc.utf8_length(column).to_pylist() for name, column in columns.items()}
        for at in range(len(part)):
            if is_record:
                lines = [f"{name}: {begun[name][at]}" for name in names if begun[name][at].strip()]
                cut = sum(lengths[name][at] - len(begun[name][at]) for name in names)
                text = "\n".join(lines)
                yield Beginning("", text[:length], len(text) + cut)
            else:
                title = begun["title"][at].strip()[:TITLE] if "title" in begun else ""
                text = begun["text"][at][:length] if "text" in begun else ""
                yield Beginning(title, text, lengths["text"][at] if "text" in lengths else 0)
