"""A folder of results is written: each file beside and renamed, and a manifest that says which are nirank's."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.errors import StageError
from nirank.report.place import (
    FILES,
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
) -> None:
    """Write texts by name, large files, and manifest.json, which lists them all with size and checksum.

    Files that an earlier run wrote here and this one does not are removed, if they are still as they were written;
    nothing else in the folder is touched. Raises ConfigError where it holds what nirank did not write under these
    names, or cannot be written.
    """
    with hold_folder(folder), report_write_errors(folder):
        require_place(folder, (*RESULTS, *texts))
        before = read_listed_files(folder)
        large_files = large or {}
        substitutes = [file.instead[0] for file in large_files.values() if file.instead is not None]
        # From here on a run that is killed leaves a manifest that knows all these files as nirank's.
        possible = {name: before.get(name, {}) for name in (*before, *texts, *large_files, *substitutes, MANIFEST)}
        _write_aside(folder / MANIFEST, _fill_text(_list_files(manifest, possible)))
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
        files |= {name: _write_aside(folder / name, _fill_text(text)) for name, text in texts.items()}
        kept = [name for name in before.keys() - files.keys() if not remove_file(folder, name, before[name])]
        if kept:
            log.warning("%s: %d files are not as an earlier run wrote them, and stay: %s", folder, len(kept), min(kept))
        _write_aside(folder / MANIFEST, _fill_text(_list_files(manifest, files)))


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
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as beside:
        written = Path(beside) / path.name
        fill(written)
        facts = {"bytes": written.stat().st_size, "sha256": compute_checksum(written)}
        written.replace(path)
    return facts
