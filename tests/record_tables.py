"""Record files to think with."""

from __future__ import annotations

import csv
from pathlib import Path

from nirank.records.files import read_record_file
from nirank.records.record import RecordFile

# Case b19: 6 has no text.
CATS = (
    ("1", "Cats at home", "food for cats", "0"),
    ("2", "Cats at work", "food for cats", "0"),
    ("3", "Vitamin D and fractures", "a trial of vitamin D", "1"),
    ("4", "Vitamin D and falls", "a trial of vitamin D", "1"),
    ("5", "Dogs at home", "food for dogs", "0"),
    ("6", "", "", "0"),
    ("7", "Fractures in dogs", "bone of dogs", "0"),
    ("8", "Vitamin K", "a trial", "1"),
)


def write_table(path: Path, rows: tuple[tuple[str, ...], ...] = CATS, *, labels: bool = False) -> Path:
    """Write records as a CSV file, with the column of decisions or without."""
    header = ("id", "title", "abstract", "included")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in (header, *rows):
            writer.writerow(row[: 4 if labels else 3])
    return path


def read_table(path: Path, rows: tuple[tuple[str, ...], ...] = CATS, *, labels: bool = False) -> RecordFile:
    """Write records as a CSV file and read it."""
    return read_record_file(write_table(path, rows, labels=labels))
