"""Where results go: whether they can go there, and what is there already and whose it is."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nirank.base.disk import find_existing_ancestor
from nirank.errors import ConfigError, NirankError

FILES = (
    "manifest.json",
    "leaderboard.json",
    "leaderboard.md",
    "leaderboard.csv",
    "leaderboard.tex",
    "report.html",
    "per_query.parquet",
    "pair_counts.parquet",
)
FOLDERS = ("runs", "evidence", "details", "written")
RESULTS = (*FILES, *FOLDERS)
AUDIT = ("audit.json", "audit.md")  # the first file of each says that nirank wrote the others
_MORE = ("topics.csv",)  # of a protocol
_INSIDE = re.compile(r"(?:(?:runs|evidence|details)/[^/\\]+|written)/[^/\\]+")
_LOCK = ".nirank.lock"
_PROBE = 1 << 16  # bytes that there must be room for
_WAIT_S = 10.0


def require_place(folder: Path, names: tuple[str, ...] = RESULTS) -> None:
    """Raise ConfigError unless results can be written into a folder without harm to anything; writes nothing.

    names  of what will be written, the file first that says whose it is
    """
    try:
        above = find_existing_ancestor(folder)
        if not above.is_dir():
            raise ConfigError(f"{folder}: {'' if above == folder else f'{above} '}is a file; expected a folder")
        with tempfile.TemporaryFile(dir=above) as probe:
            probe.write(bytes(_PROBE))
            probe.flush()
            os.fsync(probe.fileno())
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{folder}: {_explain_failure(error)}") from None
    present = [name for name in names if (folder / name).exists()]
    if present and not _is_ours(folder / names[0]):
        raise ConfigError(f"{folder}: holds '{present[0]}', which nirank did not write; name another folder")
    for name in present:
        if (folder / name).is_dir() != (name in FOLDERS):
            what, wanted = ("a file", "a folder") if name in FOLDERS else ("a folder", "a file")
            raise ConfigError(f"{folder / name}: is {what}; expected {wanted}, or name another folder for the results")


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make a folder for results, and hold it against other processes that write there.

    Raises ConfigError where it cannot be made or somebody else writes there. May be entered again inside.
    """
    require_place(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {_explain_failure(error)}") from None
    lock = FileLock(folder.resolve() / _LOCK, is_singleton=True)
    try:
        lock.acquire(timeout=_WAIT_S)
    except Timeout:
        raise ConfigError(f"{folder}: another process is writing its results there; name another folder") from None
    except OSError as error:
        raise ConfigError(f"{folder}: {_explain_failure(error)}") from None
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            with suppress(OSError):
                Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def report_write_errors(folder: Path) -> Iterator[None]:
    """Tell what goes wrong with files of the folder, or with its disk, as a ConfigError."""
    try:
        yield
    except NirankError:
        raise
    except OSError as error:
        named = error.filename2 or error.filename
        if named is not None and not Path(os.fsdecode(named)).absolute().is_relative_to(folder.absolute()):
            raise
        raise ConfigError(f"{folder}: {_explain_failure(error)}; what was computed is stored") from error


def read_listed_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the files that the manifest of an earlier run lists, where nirank wrote it: those of its own names."""
    if not _is_ours(folder / FILES[0]):
        return {}
    listed = json.loads((folder / FILES[0]).read_text(encoding="utf-8")).get("files")
    files = listed.items() if isinstance(listed, dict) else ()
    return {name: facts if isinstance(facts, dict) else {} for name, facts in files if _is_name(name)}


def remove_file(folder: Path, name: str, facts: Mapping[str, Any]) -> bool:
    """Remove a file that an earlier run wrote; False if it is not, byte for byte, the one that was written."""
    path = folder / name
    if any((folder / part).is_symlink() for part in (name, *map(str, Path(name).parents))):
        return False
    if not path.is_file() or facts.get("sha256") != compute_checksum(path):
        return not path.exists()
    path.unlink()
    return True


def compute_checksum(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _is_name(name: str) -> bool:
    parts = Path(name).parts
    return name in (*FILES, *_MORE) or (_INSIDE.fullmatch(name) is not None and not {".", ".."} & set(parts))


def _is_ours(marker: Path) -> bool:
    """Tell whether nirank wrote a manifest, or the JSON of an audit."""
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        return "nirank" in content["versions"] if marker.name == FILES[0] else isinstance(content["audits"], list)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _explain_failure(error: OSError | ValueError) -> str:
    return f"cannot be written ({getattr(error, 'strerror', None) or error}); name another folder"
