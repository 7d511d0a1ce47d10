"""A folder of results is written: each file beside and renamed, and a manifest that says which are nirank's."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.errors import StageError
from nirank.report.place import (
    FILES,
    FOLDERS,
    RESULTS,
    compute_checksum,
    hold_folder,
    read_listed_files,
    remove_file,
    report_write_errors,
    require_place,
)
from nirank.report.plain import to_plain

log = logging.getLogger("nirank")

MANIFEST = FILES[0]
Fill = Callable[[Path], Any]  # writes a file
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Large:
    """A large file, which is left as it is where it says the same already.

    content  a digest of what it says
    fill     writes it; raises StageError where its format cannot hold that
    instead  the name of another file then, and what writes it
    """

    content: str
    fill: Fill
    instead: tuple[str, Fill] | None = None


def write_folder(
    folder: Path,
    manifest: Mapping[str, Any],
    texts: Mapping[str, str],
    large: Mapping[str, Large] | None = None,
    folders: Mapping[str, Fill] | None = None,
) -> None:
    """Write texts by name, large files, folders, and manifest.json, which lists all files with size and checksum.

    folders  by name, as `details/SET`: what writes files into an empty folder. Those that are there already, byte for
             byte, are left as they are

    Files that an earlier run wrote here and this one does not are removed, if they are still as they were written;
    nothing else in the folder is touched. Raises ConfigError where it holds what nirank did not write under these
    names, or cannot be written.
    """
    with hold_folder(folder), report_write_errors(folder), ExitStack() as stack:
        require_place(folder, (*RESULTS, *texts))
        _remove_unfinished(folder)
        before = read_listed_files(folder)
        large_files = large or {}
        substitutes = [file.instead[0] for file in large_files.values() if file.instead is not None]
        aside = {name: path for each in (folders or {}).items() for name, path in _fill_aside(folder, *each, stack)}
        # From here on a run that is killed leaves a manifest that knows all these files as nirank's.
        names = (*before, *texts, *large_files, *substitutes, *aside, MANIFEST)
        _write_aside(
            folder / MANIFEST, _fill_text(_list_files(manifest, {name: before.get(name, {}) for name in names}))
        )
        files: dict[str, Mapping[str, Any]] = {MANIFEST: {}}
        for name, file in large_files.items():
            try:
                files[name] = _write_large(folder, name, file.content, file.fill, before)
            except StageError as error:
                if file.instead is None:
                    raise
                other, fill = file.instead
                files[other] = _write_large(folder, other, file.content, fill, before)
                log.warning("no TREC run file: %s; written to %s instead", error, other)
        files |= {name: _move(written, folder / name) for name, written in aside.items()}
        files |= {name: _write_aside(folder / name, _fill_text(text)) for name, text in texts.items()}
        kept = [name for name in before.keys() - files.keys() if not remove_file(folder, name, before[name])]
        if kept:
            log.warning("%s: %d files are not as an earlier run wrote them, and stay: %s", folder, len(kept), min(kept))
        _write_aside(folder / MANIFEST, _fill_text(_list_files(manifest, files)))


def rewrite_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write some texts of a folder of results again, and note their sizes and checksums in its manifest.

    Raises ConfigError where it holds what nirank did not write, or cannot be written.
    """
    with hold_folder(folder), report_write_errors(folder):
        require_place(folder, RESULTS)
        known = json.loads((folder / MANIFEST).read_text(encoding="utf-8")) if (folder / MANIFEST).exists() else {}
        files = {**(known.get("files") or {})}
        files |= {name: _write_aside(folder / name, _fill_text(text)) for name, text in texts.items()}
        if known:
            _write_aside(folder / MANIFEST, _fill_text(_list_files(known, files)))


def _remove_unfinished(folder: Path) -> None:
    """Remove what runs that were killed left half written."""
    parents = [folder, *(path for name in FOLDERS for path in (folder / name, *(folder / name).glob("*")))]
    for path in [path for parent in parents if not parent.is_symlink() for path in parent.glob(f"{_UNFINISHED}*")]:
        shutil.rmtree(path, ignore_errors=True)


def _fill_aside(folder: Path, name: str, fill: Fill, stack: ExitStack) -> list[tuple[str, Path]]:
    """Let a folder be filled beside its place; return its files, each by the name that it will have."""
    parent = (folder / name).parent
    parent.mkdir(parents=True, exist_ok=True)
    beside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=parent)))
    fill(beside)
    return [(f"{name}/{path.name}", path) for path in sorted(beside.iterdir())]


def _move(written: Path, path: Path) -> dict[str, Any]:
    """Put a file in its place, unless that holds the same; return its size and checksum."""
    facts = {"bytes": written.stat().st_size, "sha256": compute_checksum(written)}
    if compute_checksum(path) != facts["sha256"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        written.replace(path)
    return facts


def _write_large(
    folder: Path, name: str, content: str, fill: Fill, before: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    earlier = before.get(name, {})
    if earlier.get("content") == content and earlier.get("sha256") == compute_checksum(folder / name):
        return earlier
    return {"content": content, **_write_aside(folder / name, fill)}


def format_json(value: Any) -> str:
    """Return a value as the text of a JSON file."""
    return json.dumps(to_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a text beside and rename it."""
    _write_aside(path, _fill_text(text))


def _list_files(manifest: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]) -> str:
    return format_json({**manifest, "files": dict(sorted(files.items()))})


def _fill_text(text: str) -> Fill:
    """Return what writes a text; half a character, which UTF-8 cannot say, becomes `\\udc80`."""
    return lambda path: path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _write_aside(path: Path, fill: Fill) -> dict[str, Any]:
    """Write a file beside and rename it; return its size and checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=path.parent) as beside:
        written = Path(beside) / path.name
        fill(written)
        facts = {"bytes": written.stat().st_size, "sha256": compute_checksum(written)}
        written.replace(path)
    return facts
