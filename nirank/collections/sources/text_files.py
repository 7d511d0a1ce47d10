"""The files of one side of a collection: which are read, and which beside them are not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nirank.collections.readers.formats import read_records
from nirank.collections.readers.records import Record, Side
from nirank.errors import ConfigError, DataError, suggest
from nirank.forms.column_names import TextColumns

# What Spark, pandas, Hugging Face and people leave beside data.
_NO_DATA = re.compile(
    r"\..*|_(success|metadata|common_metadata|committed_.*|started_.*)|(readme|licen[cs]e|notice|changelog|citation)(\..*)?"
    r"|(checksums?|md5sums?|sha(1|256)sums?)(\.txt)?|.*\.(md5|sha1|sha256|crc)|dataset_infos?\.json|state\.json"
    r"|thumbs\.db|desktop\.ini"
    r"|.*\.(?:doc|toc)(?:\.fmx)?\.xml",  # what lies beside the acts of a Formex package
    re.IGNORECASE,
)
_NO_DATA_FOLDERS = re.compile(r"\..*|_temporary|_delta_log|__macosx", re.IGNORECASE)


@dataclass(frozen=True)
class TextFiles:
    """Files of documents or of queries, in the order of their names.

    folder   whose files they all are; None: they were named
    skipped  names of files of the folder that are no data: hidden ones, README, _SUCCESS and their like
    """

    paths: Sequence[Path] = ()
    folder: Path | None = None
    skipped: tuple[str, ...] = ()

    @classmethod
    def find(cls, path: Path, what: str) -> TextFiles:
        """Return a file, or all files of a folder; raise ConfigError if there are none.

        what  names the option in the error
        """
        if path.is_file():
            return cls((path,))
        paths, skipped = _list_data_files(path) if path.is_dir() else ([], [])
        if path.is_dir() and not paths:
            but = f" but {', '.join(skipped[:3])}" if skipped else ""
            raise ConfigError(f"{what}: {path}: is a folder without data{but}; expected a file, or a folder of files")
        if not paths:
            near = [str(sibling) for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
            raise ConfigError(f"{what}: {path}: there is no such file or folder of files{suggest(str(path), near)}")
        return cls(tuple(paths), path, tuple(skipped))

    def read_records(self, side: Side, columns: TextColumns) -> Iterator[Record]:
        """Yield the records, streaming."""
        return read_records(self.paths, side, columns, self.folder)

    def list_names(self) -> list[str]:
        """Return the files' names, inside the folder if there is one."""
        return [path.name if self.folder is None else path.relative_to(self.folder).as_posix() for path in self.paths]

    @property
    def label(self) -> str:
        """What errors call them."""
        return str(self.paths[0]) if self.folder is None else str(self.folder)

    def __bool__(self) -> bool:
        return bool(self.paths)


def _list_data_files(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the data files of a folder and its subfolders, and the names of those that are no data."""
    paths: list[Path] = []
    skipped: list[str] = []

    def raise_data_error(error: OSError) -> None:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror or error})") from error

    for root, folders, names in os.walk(folder, onerror=raise_data_error):
        current = Path(root)
        ignored = [name for name in folders if _NO_DATA_FOLDERS.fullmatch(name) or (current / name).is_symlink()]
        skipped += [f"{(current / name).relative_to(folder).as_posix()}/" for name in ignored]
        folders[:] = [name for name in folders if name not in ignored]
        for name in names:
            path = current / name
            if _NO_DATA.fullmatch(name) or path.is_fifo() or path.is_socket():
                skipped.append(path.relative_to(folder).as_posix())
            else:
                paths.append(path)
    return sorted(paths), sorted(skipped)
