"""Files that users give: text as it comes, plain or gzipped, and what a plan saw of a file before it is read."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from nirank.errors import ConfigError, DataError
from nirank.identity import digest, digest_files

_SHOWN_PATH = 80  # characters of a path that cannot be one


def given_path(text: str | Path) -> Path:
    """Return a path as a user writes it, `~` expanded; raise ConfigError for what can be none on this machine."""
    if not isinstance(text, (str, Path)):
        raise ConfigError(f"expected a path, got {text!r}")
    shown = str(text)
    shown = repr(shown if len(shown) <= _SHOWN_PATH else f"{shown[:_SHOWN_PATH]}…")
    try:
        path = Path(text).expanduser()
        path.stat()  # names may be too long, hold a zero byte, or halves of characters
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # told where the file is read
    except RuntimeError:
        raise ConfigError(f"path {shown}: there is no such user; a path of your own starts with ~/") from None
    except OSError as error:
        raise ConfigError(f"path {shown}: cannot be used ({error.strerror or error})") from None
    except ValueError as error:
        raise ConfigError(f"path {shown}: is no path ({error})") from None
    return path


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


@dataclass(frozen=True)
class GivenFile:
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
        return cls(path, _content(path, patterns), patterns)

    def check(self) -> None:
        """Raise DataError if the content is another now."""
        try:
            same = _content(self.path, self.patterns) == self.digest
        except DataError:
            same = False
        if not same:
            raise DataError(f"{self.path}: changed since it was read at planning; run again")

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """Give the path for the time of reading; raise DataError at the end if the content was not what was planned.

        What is wrong with other content, which the plan never saw, is not told.
        """
        try:
            yield self.path
        except Exception:
            self.check()
            raise
        self.check()


def _content(path: Path, patterns: tuple[str, ...]) -> str:
    try:
        if not patterns:
            return digest_files([path])
        found = {file for pattern in patterns for file in path.rglob(pattern) if file.is_file()}
        return digest([[file.relative_to(path).as_posix(), digest_files([file])] for file in sorted(found)])
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
