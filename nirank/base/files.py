"""Files that users give: text as it comes, plain or packed, and what a plan saw of a file before it is read."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from nirank.base.identity import digest, digest_files
from nirank.errors import ConfigError, DataError

_MAX_SHOWN = 80  # characters of a path that cannot be one
PACKED_SUFFIXES = (".gz", ".zst")
MAX_LINE_BYTES = 1 << 26  # 64 MiB; a longer line is no record, and would be copied several times
MAX_PARSED_BYTES = 1 << 28  # 256 MiB of a file that is read into memory and parsed, such as one JSON value
MAX_FILE_BYTES = 1 << 31  # 2 GiB of a file of ids, which is read into memory
_PACKED_FREE_BYTES = 1 << 28  # up to here a packed file may unpack to any multiple of its size
_PACKED_RATIO = 200  # texts and runs pack to a third or a tenth of their size
_OTHER_PACKED = (".bz2", ".xz", ".lzma", ".zip", ".7z", ".rar", ".tar", ".tgz", ".lz4", ".br")
_SIGNS = (  # first bytes of files that are no text
    (b"\x1f\x8b", "like a gzip file; its name should end in .gz"),
    (b"\x28\xb5\x2f\xfd", "like a zstd file; its name should end in .zst"),
    (b"PK\x03\x04", "like a zip archive; expected it unpacked"),
    (b"BZh", "like a bzip2 file; expected it unpacked, or packed as .gz or .zst"),
    (b"\xfd7zXZ", "like an xz file; expected it unpacked, or packed as .gz or .zst"),
    (b"PAR1", "like a Parquet file; its name should end in .parquet"),
    (b"%PDF", "like a PDF; expected text"),
    (b"\xff\xfe", "like UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "like UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
)


def expand_path(text: str | Path) -> Path:
    """Return a path as a user writes it, `~` expanded; raise ConfigError for what can be none on this machine."""
    if not isinstance(text, (str, Path)):
        raise ConfigError(f"expected a path, got {text!r}")
    shown = str(text)
    shown = repr(shown if len(shown) <= _MAX_SHOWN else f"{shown[: _MAX_SHOWN // 2]}…{shown[-_MAX_SHOWN // 2 :]}")
    try:
        path = Path(text).expanduser()
        path.stat()  # names may be too long, hold a zero byte, or halves of characters
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # reported where the file is read
    except RuntimeError:
        raise ConfigError(f"path {shown}: there is no such user; a path of your own starts with ~/") from None
    except OSError as error:
        raise ConfigError(f"path {shown}: cannot be used ({error.strerror or error})") from None
    except ValueError as error:
        raise ConfigError(f"path {shown}: is no path ({error})") from None
    return path


def strip_packed_suffix(name: str) -> str:
    """Return a file's name without `.gz` or `.zst`."""
    return next((name[: -len(end)] for end in PACKED_SUFFIXES if name.lower().endswith(end)), name)


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked if its name ends in `.gz` or `.zst`; raise DataError naming it.

    A packed file that unpacks to more than 256 MiB and 200 times its size is refused on the way.
    """
    kind = path.suffix.lower()
    if kind in _OTHER_PACKED:
        raise DataError(f"{path}: is packed as {kind}; expected a plain file, or one packed as .gz or .zst")
    if "\0" in str(path):
        raise DataError(f"{str(path)!r}: is no name of a file")
    try:
        if path.is_block_device() or path.is_char_device() or path.is_socket():
            raise DataError(f"{path}: is a device; expected a file")
        with path.open("rb") as plain:
            if kind not in PACKED_SUFFIXES:
                yield plain
                return
            with io.BufferedReader(_PackedFileReader(plain, path, kind), 1 << 20) as unpacked:
                yield unpacked
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; expected a file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


class _PackedFileReader(io.RawIOBase):
    """The bytes of a packed file; raises DataError where it is incomplete, or unpacks to too many."""

    def __init__(self, plain: IO[bytes], path: Path, kind: str) -> None:
        self._path, self._kind, self._total = path, kind, 0
        self._max_bytes = max(_PACKED_FREE_BYTES, _PACKED_RATIO * os.fstat(plain.fileno()).st_size)
        self._read: Callable[[int], bytes]
        if kind == ".gz":
            self._read = gzip.GzipFile(fileobj=plain).read
        else:
            import pyarrow as pa

            self._read = pa.CompressedInputStream(pa.PythonFile(plain, "r"), "zstd").read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._read(len(buffer))
        except (EOFError, zlib.error, OSError) as error:
            name = "gzip" if self._kind == ".gz" else "zstd"
            raise DataError(f"{self._path}: not a whole {name} file ({error})") from error
        self._total += len(part)
        if self._total > self._max_bytes:
            raise DataError(
                f"{self._path}: unpacks to more than {self._total >> 20} MiB, over {_PACKED_RATIO} times its size,"
                " which no text does; expected it unpacked if it is one"
            )
        buffer[: len(part)] = part
        return len(part)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line) of a UTF-8 file.

    Raises DataError, file:line, for other bytes and for a line of more than 64 MiB.
    """
    with open_file(path) as file:
        number = 0
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                raise DataError(
                    f"{path}:{number}: the line is longer than {MAX_LINE_BYTES >> 20} MiB; expected one record a line"
                )
            yield number, _decode(raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw, path, number)


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Return a whole UTF-8 file without its byte order mark; raise DataError if it has over `max_bytes` bytes."""
    return _decode(read_bytes(path, max_bytes).removeprefix(codecs.BOM_UTF8), path, 1)


def read_bytes(path: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return a whole file; raise DataError if it has over `max_bytes` bytes."""
    with open_file(path) as file:
        raw = file.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise DataError(
            f"{path}: holds more than {max_bytes >> 20} MiB, and can only be read as a whole; expected it in parts"
        )
    return raw


def _decode(raw: bytes, path: Path, line: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        likeness = next((text for sign, text in _SIGNS if raw.startswith(sign)), None) if line == 1 else None
        if likeness is not None:
            raise DataError(f"{path}: begins {likeness}") from None
        before = raw[: error.start]
        raise DataError(
            f"{path}:{line + before.count(10)}: not valid UTF-8 (byte 0x{raw[error.start]:02x}"
            f" at column {error.start - before.rfind(10)}); expected UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 converts)"
        ) from None


def find_file(folder: Path, name: str) -> Path | None:
    """Return `folder/name`, plain or packed, None if there is none; more than one is a DataError."""
    paths = [path for path in (folder / name, *(folder / f"{name}{end}" for end in PACKED_SUFFIXES)) if path.exists()]
    if len(paths) > 1:
        raise DataError(f"{folder}: has both {paths[0].name} and {paths[1].name}; expected one of them")
    if paths and not paths[0].is_file():
        raise DataError(f"{paths[0]}: is a folder; expected a file")
    return paths[0] if paths else None


@dataclass(frozen=True)
class InputFile:
    """A user's file, or what is read of a folder, with the content that it had when a plan was made.

    The content is part of addresses long before the file is read; what is read must be the same content.

    path      the file or the folder
    digest    of the file's bytes; of a folder, of the relative names and the bytes of its files
    patterns  of a folder: which files are read, such as `*.json`, at any depth; (): a file
    """

    path: Path
    digest: str
    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, patterns: tuple[str, ...] = ()) -> Self:
        """Look at a file or a folder; raise DataError if it cannot be read."""
        return cls(path, _digest_content(path, patterns), patterns)

    def check(self) -> None:
        """Raise DataError if the content is another now."""
        try:
            same = _digest_content(self.path, self.patterns) == self.digest
        except DataError:
            same = False
        if not same:
            raise DataError(f"{self.path}: changed since it was read at planning; run again")

    @contextmanager
    def expect_unchanged(self) -> Iterator[Path]:
        """Give the path for the time of reading; raise DataError at the end if the content was not what was planned.

        An error about other content, which the plan never saw, is not raised.
        """
        try:
            yield self.path
        except Exception:
            self.check()
            raise
        self.check()


def _digest_content(path: Path, patterns: tuple[str, ...]) -> str:
    try:
        if not patterns:
            return digest_files([path])
        files = {file for pattern in patterns for file in path.rglob(pattern) if file.is_file()}
        return digest([[file.relative_to(path).as_posix(), digest_files([file])] for file in sorted(files)])
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
