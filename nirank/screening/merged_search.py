"""Files of one search, written as one file without repeated records, and as a table of the duplicates among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nirank.errors import ConfigError
from nirank.records.files import find_form_to_write, write_record_file
from nirank.records.record import RecordFile
from nirank.screening.duplicate_table import write_duplicates
from nirank.screening.duplicates import compare_records
from nirank.screening.joined_files import join_files
from nirank.screening.merging import merge_duplicates, write_merges


def write_search(files: Sequence[RecordFile], merged: Path | None, pairs: Path | None) -> dict[str, Any]:
    """Write a search's records with duplicates merged, and the pairs of duplicates; return what was written, as JSON.

    merged  the records' file, None: none; beside it `NAME.merges.tsv`, a table of all merges
    pairs   the table of pairs, None: none
    """
    listed = merged and merged.with_suffix(".merges.tsv")
    for path in filter(None, (merged, listed, pairs)):
        if any(path.resolve() == file.path.resolve() for file in files):
            raise ConfigError(f"{path}: is one of the files that were read; expected another name, so that it stays")
    if merged is not None:
        find_form_to_write(merged)  # a mistake is said before anything is compared
    search = join_files(files)
    duplicates = compare_records(search.file.records)
    written: dict[str, Any] = {}
    if pairs is not None:
        write_duplicates(pairs, search, duplicates)
        written |= {"pairs": str(pairs), "held_apart": len(duplicates.held_apart)}
    if merged is not None and listed is not None:
        records = merge_duplicates(search, duplicates.groups)
        write_merges(listed, search, records.merges)
        write_record_file(merged, records.file, None, records.added)
        written |= {
            "file": str(merged),
            "merges": str(listed),
            "records_in": len(search.file.records),
            "records_out": len(records.file.records),
            "merged": len(records.merges),
            "unmerged_groups": len(records.unmerged),
        }
    return written
