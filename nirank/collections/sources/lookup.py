"""What a collection's source means: a folder, an ir_datasets id, the standard library, or files one by one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from nirank.base.files import expand_path, strip_packed_suffix
from nirank.collections.sources import ir_datasets, python_stdlib
from nirank.collections.sources.clef_tar import ClefTar, is_clef_tar
from nirank.collections.sources.coliee import Coliee, is_coliee
from nirank.collections.sources.file_set import FileSet, is_collection
from nirank.collections.sources.record_tables import RecordTables, TableOptions
from nirank.collections.sources.reg_ir import RegIr, is_reg_ir
from nirank.collections.sources.source import Source
from nirank.collections.sources.text_files import TextFiles
from nirank.errors import ConfigError, suggest
from nirank.forms.column_names import ColumnNames


@dataclass(frozen=True)
class NamedFiles:
    """Files and versions that stand beside a source, or make a collection without one.

    docs     a file or folder of documents; only without a source
    queries  a file; with a source also the name of a version of its queries
    columns  names of their columns that the user gives
    tables   instead of all that: tables of records
    """

    docs: str | Path | None = None
    queries: str | Path | None = None
    columns: ColumnNames = field(default_factory=ColumnNames)
    tables: TableOptions | None = None

    def open_files(self, name: str | None) -> FileSet:
        """Return the collection that the files make by themselves."""
        if self.tables is not None:
            return RecordTables.of_tables(self.tables, name)
        missing = [key for key, path in (("docs", self.docs), ("queries", self.queries)) if path is None]
        if missing:
            raise ConfigError(f"a collection without a source needs docs and queries; {' and '.join(missing)} missing")
        assert self.docs is not None
        assert self.queries is not None
        docs, queries = expand_path(self.docs), expand_path(self.queries)
        name = name or strip_packed_suffix(docs.name).partition(".")[0]
        sides = TextFiles.find(docs, "docs"), TextFiles.find(queries, "queries")
        return FileSet(name, *sides, place=str(docs), columns=self.columns)

    def open_folder(self, folder: Path) -> FileSet:
        """Return a folder's collection with the version, or the file, of queries that is asked for."""
        if self.queries is None and is_reg_ir(folder):
            return replace(RegIr.of_layout(folder), columns=self.columns)
        path = None if self.queries is None else expand_path(self.queries)
        if path is not None and path.is_file():
            plain = FileSet.of_folder(folder)
            return replace(
                plain, queries=TextFiles.find(path, "queries"), plain_queries=plain.queries, columns=self.columns
            )
        return replace(FileSet.of_folder(folder, str(self.queries or "")), columns=self.columns)


def open_source(
    source: str | Path | None, split: str | None, files: NamedFiles | None = None, name: str | None = None
) -> tuple[Source, str | None]:
    """Open what a source (or files named one by one) means, and return it with the split that the name contains."""
    files = files or NamedFiles()
    if source is None:
        return files.open_files(name), split
    text = str(source)
    if files.tables is not None:
        given = next(iter(files.tables.list_given()))
        raise ConfigError(f"collection {text}: {given} is for collections without a source; give one of both")
    if files.docs is not None:
        raise ConfigError(f"collection {text}: docs is for collections without a source; give one of both")
    path = expand_path(source)
    folder = path if path.is_dir() else path.parent
    is_file_collection = is_clef_tar(folder) or is_collection(folder) or is_coliee(folder)
    if files.queries is not None and not is_file_collection:
        raise ConfigError(f"collection {text}: queries names a version of a folder's queries; this is no such folder")
    if (files.columns and not (path.is_dir() or is_file_collection)) or (files.columns and is_clef_tar(folder)):
        raise ConfigError(f"collection {text}: columns names columns of files in BEIR's layout; this has none")
    if text == python_stdlib.NAME:
        return python_stdlib.StandardLibrary(), split
    if path.is_dir():
        if is_clef_tar(path):
            return ClefTar(path, split, str(files.queries or "")), split
        if files.queries is None and is_coliee(path):
            return Coliee.of_split(path, split), split
        return files.open_folder(path), split
    if path.exists():
        raise ConfigError(f"collection {text}: is a file; expected a folder in BEIR's layout")
    if is_file_collection:
        if split not in (None, path.name):
            raise ConfigError(f"collection {text}: names split '{path.name}', but split '{split}' is asked for")
        return open_source(path.parent, path.name, files)
    is_id = isinstance(source, str) and not text.startswith((".", "/", "~"))
    if is_id and ir_datasets.is_known(text):
        return ir_datasets.IrDataset.open_split(text, split), None
    siblings = [str(sibling) for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    known = [python_stdlib.NAME, *siblings, *(ir_datasets.list_ids() if is_id else ())]
    what = "neither a folder nor an ir_datasets id" if is_id else "no such folder"
    raise ConfigError(
        f"collection {text}: {what}; expected a folder with corpus.jsonl, queries.jsonl and qrels/<split>.tsv,"
        f" an id of ir_datasets, or '{python_stdlib.NAME}'{suggest(text, known)}"
    )
