"""Records: what readers yield and the importer takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Side = Literal["docs", "queries"]


class Record(NamedTuple):
    """One document or query as its source has it.

    where      the line, or the position where there are no lines, from 1
    metadata   whatever else the source says, JSON values
    more       text columns by name, instead of title and text, where a table has neither; all records
               of a source have the same
    own        what the source calls a column, where that is another name: {'abstract': 'text'}
    file       where the source has several
    number_id  whether the id was a number
    made_text  whether title or text were no strings (numbers, lists, dates)
    worded     whether the source has a place for title or text, if a blank one
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, Any]
    where: int
    more: Mapping[str, str] = {}
    own: Mapping[str, str] = {}
    file: str = ""
    number_id: bool = False
    made_text: bool = False
    worded: bool = True
