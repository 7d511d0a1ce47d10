"""Text files as they come: plain or gzipped, LF or CR LF, with or without a byte order mark."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from nirank.errors import DataError


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked if its name ends in `.gz`; raise DataError naming it."""
    try:
        with path.open("rb") as plain:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=plain)) if path.suffix == ".gz" else plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; expected a file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) of a UTF-8 file; raise DataError, file:line, for other bytes."""
    with opened(path) as file:
        for number, raw in enumerate(file, 1):
            yield number, _decode(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, path, number)


def read_text(path: Path) -> str:
    """Return the whole text of a UTF-8 file without its byte order mark."""
    with opened(path) as file:
        return _decode(file.read().removeprefix(codecs.BOM_UTF8), path, 1)


def _decode(raw: bytes, path: Path, line: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        raise DataError(
            f"{path}:{line + before.count(10)}: not valid UTF-8 (byte 0x{raw[error.start]:02x}"
            f" at column {error.start - before.rfind(10)}); expected UTF-8"
        ) from None


def find_file(folder: Path, name: str) -> Path | None:
    """Return `folder/name` or `folder/name.gz`, None if there is neither; both are a DataError."""
    there = [path for path in (folder / name, folder / f"{name}.gz") if path.exists()]
    if len(there) == 2:
        raise DataError(f"{folder}: has both {name} and {name}.gz; expected one of them")
    if there and not there[0].is_file():
        raise DataError(f"{there[0]}: is a folder; expected a file")
    return there[0] if there else None
