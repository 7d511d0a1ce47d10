"""Lines with tags, of RIS and of PubMed's format: where records begin and end, and which lines go on with a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from nirank.records.raw_records import RawRecord

RIS_LINE = re.compile(r"([A-Z][A-Z0-9])  -(?: (.*)|\s*)")
_LOOSE_RIS_LINE = re.compile(r"([A-Z][A-Z0-9]) {0,4}-(?: (.*)|\s*)")  # where no TY is written as it should be
NBIB_LINE = re.compile(r"([A-Z][A-Z0-9 ]{3})-(?: (.*)|\s*)")
_PREAMBLE = "lines before the first record"


def begins_ris(lines: Sequence[str]) -> bool:
    """Tell whether one of the lines is a RIS record's first or last one."""
    return any(_names_ris_edge(line) for line in lines)


def begins_nbib(lines: Sequence[str]) -> bool:
    """Tell whether one of the lines is the PMID with which a record of PubMed's format begins."""
    return any(line.startswith("PMID- ") or line.rstrip() == "PMID-" for line in lines)


def _names_ris_edge(line: str) -> bool:
    match = _LOOSE_RIS_LINE.fullmatch(line) if line[:2] in ("TY", "ER") else None
    return match is not None and (match[1] == "TY" or not (match[2] or "").strip())


def read_ris_records(text: str, findings: Counter[str]) -> Iterator[RawRecord]:
    """Yield the records of a RIS file, also those that do not begin with TY or do not end with ER; ER is no field.

    A line without a tag goes on with the value before it. A record that holds nothing is a record. Where several files
    were put into one, a record whose TY has fewer blanks is read as it is written.
    """
    lines = text.split("\n")
    usual = _split_ris_line if any(map(RIS_LINE.fullmatch, _find_edges(lines))) else _split_loose_ris_line
    split_line = usual
    fields: list[tuple[str, str]] = []
    begin, blank, seen = 0, 0, False
    for number, line in enumerate(lines, 1):
        if not begin:
            split_line = _split_loose_ris_line if _begins_loosely(line) else usual
        tag, value = split_line(line)
        if not tag:
            if not line or line.isspace():
                blank += 1
            elif begin:
                _continue_value(fields, line, blank)
                blank = 0
            else:
                findings["lines between records" if seen else _PREAMBLE] += 1
            continue
        blank = 0
        if tag == "EF" and not begin:  # the end of the file, as some databases mark it
            continue
        if tag == "ER":
            _count_extra(value, fields, findings)
            yield RawRecord(begin or number, tuple(fields))
            fields, begin, seen = [], 0, True
            continue
        if tag == "TY" and begin:
            findings["records without ER before the next TY"] += 1
            yield RawRecord(begin, tuple(fields))
            fields, begin, seen = [], 0, True
        if not begin:
            begin = number
            findings["records that do not begin with TY"] += tag != "TY"
        fields.append((tag, value))
    if begin:
        findings["records without ER at the end of the file"] += 1
        yield RawRecord(begin, tuple(fields))


def _split_ris_line(line: str) -> tuple[str, str]:
    """Return tag and value of a line, as `RIS_LINE` has them; an empty tag where it has none."""
    if line[2:5] != "  -" or not _is_tag(line[:2]):
        return "", ""
    if line[5:6] == " ":
        return line[:2], line[6:]
    return ("", "") if line[5:].strip() else (line[:2], "")


def _split_loose_ris_line(line: str) -> tuple[str, str]:
    match = _LOOSE_RIS_LINE.fullmatch(line) if line[2:3] in (" ", "-") else None
    return ("", "") if match is None else (match[1], match[2] or "")


def _begins_loosely(line: str) -> bool:
    return line.startswith("TY") and RIS_LINE.fullmatch(line) is None and _names_ris_edge(line)


@cache
def _is_tag(text: str) -> bool:
    return re.fullmatch("[A-Z][A-Z0-9]", text) is not None


def _find_edges(lines: Sequence[str]) -> Iterator[str]:
    return (line for line in lines if _names_ris_edge(line))


def _continue_value(fields: list[tuple[str, str]], line: str, blank: int) -> None:
    tag, value = fields[-1]
    separator = "\n" * (1 + blank)
    fields[-1] = tag, f"{value}{separator}{line}"


def _count_extra(value: str, fields: list[tuple[str, str]], findings: Counter[str]) -> None:
    if value.strip():
        findings["text behind ER, kept in the record"] += 1
        fields.append(("ER", value))


def read_nbib_records(text: str, findings: Counter[str]) -> Iterator[RawRecord]:
    """Yield the records of a file in PubMed's format.

    One begins with its PMID, or behind a blank line. A line that begins with a blank goes on with the value before it,
    whatever it looks like, and so does one without a tag.
    """
    fields: list[tuple[str, str]] = []
    begin, blank, seen = 0, False, False
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line.isspace():
            blank = blank or not line.startswith("      ")
            continue
        match = NBIB_LINE.fullmatch(line) if line[4:5] == "-" else None
        if match is None:
            if begin:
                tag, value = fields[-1]
                fields[-1] = tag, f"{value}\n{line.removeprefix('      ')}"
            else:
                findings["lines between records" if seen else _PREAMBLE] += 1
            continue
        tag, value = match[1].rstrip(), match[2] or ""
        if begin and (tag == "PMID" or blank):
            yield RawRecord(begin, tuple(fields))
            fields, begin, seen = [], 0, True
        blank = False
        if not begin:
            begin = number
            findings["records that do not begin with a PMID"] += tag != "PMID"
        fields.append((tag, value))
    if begin:
        yield RawRecord(begin, tuple(fields))
