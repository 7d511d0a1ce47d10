"""The bytes of record files as text, in whatever encoding a tool wrote them."""

from __future__ import annotations

import codecs
from collections import Counter
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES
from nirank.errors import DataError

_BINARY = (  # first bytes of files that hold no records, and what to do
    (b"%PDF", "is a PDF; expected an export of records, such as RIS"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook (.xls); expected it saved as .xlsx or .csv"),
    (b"PAR1", "is a Parquet file; expected RIS, NBIB, EndNote XML, PubMed XML, CSV, TSV or XLSX"),
    (b"\x1f\x8b", "is packed with gzip; its name should end in .gz"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd; its name should end in .zst"),
)
_SAMPLE = 4096


def decode_records(raw: bytes, path: Path, findings: Counter[str], one_line: bool = False) -> tuple[str, str]:
    r"""Return a file's text with `\n` at the end of lines, and the encoding that it is in.

    UTF-8 with or without a byte order mark, UTF-16 with or without one; lines that are no UTF-8 are read as
    Windows-1252, or as Latin-1 where they hold bytes that Windows-1252 lacks, and counted.

    one_line  whether the form has no lines, so that they may be of any length
    Raises DataError for a PDF and other binary files, NUL characters, and a line of more than 64 MiB.
    """
    for sign, what in _BINARY:
        if raw.startswith(sign):
            raise DataError(f"{path}: {what}")
    encoding = _find_utf16(raw)
    try:
        if encoding is not None:
            text = raw.decode(encoding).removeprefix("\ufeff")
            encoding = "utf-16"
        elif raw.startswith(codecs.BOM_UTF8):
            text, encoding = _decode_lines(raw.removeprefix(codecs.BOM_UTF8), "utf-8-sig", findings)
        else:
            text, encoding = _decode_lines(raw, "utf-8", findings)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: begins like UTF-16, but is not valid ({error.reason} at byte {error.start})"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{path}:{line}: holds a NUL character, which no export of records does; is it a binary file?")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n\ufeff" in text:  # files with byte order marks that were put into one
        text = text.replace("\n\ufeff", "\n")
    if not one_line and len(raw) > MAX_LINE_BYTES:
        for number, content in enumerate(text.split("\n"), 1):
            if len(content) > MAX_LINE_BYTES:
                raise DataError(f"{path}:{number}: the line is longer than {MAX_LINE_BYTES >> 20} MiB")
    return text, encoding


def _find_utf16(raw: bytes) -> str | None:
    """Return the codec of a file in UTF-16: by its byte order mark, else where every other byte is mostly zero."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = raw[:_SAMPLE]
    if len(sample) < 4 or len(raw) % 2:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 4
    if odd > half and not even:
        return "utf-16-le"
    return "utf-16-be" if even > half and not odd else None


def _decode_lines(raw: bytes, encoding: str, findings: Counter[str]) -> tuple[str, str]:
    try:
        return raw.decode(), encoding
    except UnicodeDecodeError:
        pass
    lines: list[str] = []
    counts: Counter[str] = Counter()
    for line in raw.split(b"\n"):
        text, name = _decode_line(line)
        counts[name] += not line.isascii()
        lines.append(text)
    for name, title in (("cp1252", "Windows-1252"), ("latin-1", "Latin-1")):
        if counts[name]:
            findings[f"lines that are not UTF-8, read as {title}"] += counts[name]
    if not counts["utf-8"]:
        encoding = "latin-1" if counts["latin-1"] else "cp1252"
    return "\n".join(lines), encoding


def _decode_line(line: bytes) -> tuple[str, str]:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1"), "latin-1"
