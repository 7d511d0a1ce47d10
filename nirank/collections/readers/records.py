"""Records: what readers yield and the importer takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Side = Literal["docs", "queries"]


class Record(NamedTuple):
    """One document or query as its source has it.

    id              '' for a document that is its file: it is then called by the file's name
    line            where the record begins, from 1; its position where there are no lines
    metadata        whatever else the source says, JSON values
    columns         text columns by name, instead of title and text, where a table has neither; all records
                    of a source have the same
    source_names    what the source calls a column, where that is another name: {'abstract': 'text'}
    file            where the source has several
    converted_id    whether the id was a number
    converted_text  whether title or text were no strings (numbers, lists, dates)
    has_text_field  whether the source has a place for title or text, even if it is blank
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, Any]
    line: int
    columns: Mapping[str, str] = {}
    source_names: Mapping[str, str] = {}
    file: str = ""
    converted_id: bool = False
    converted_text: bool = False
    has_text_field: bool = True
