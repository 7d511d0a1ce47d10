"""Tables of records whose matches are sought: two, or one against itself, with files of pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from nirank.base.files import expand_path, strip_packed_suffix
from nirank.collections.readers.records import Record, Side
from nirank.collections.sources.file_set import FileSet
from nirank.collections.sources.text_files import TextFiles
from nirank.collections.text_fields import METADATA
from nirank.errors import ConfigError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import QrelsFile, read_qrels
from nirank.forms.column_names import ColumnNames, JudgementColumns, TextColumns
from nirank.forms.names import join_names

Ask = Literal["right", "left", "both"]
PairFiles = str | Path | Sequence[str | Path]
PAIRS = "pairs"  # name of the judgement set


@dataclass(frozen=True)
class TableOptions:
    """What a user says of tables of records.

    left, right  files, or folders of files
    records      the only table, instead of both
    pairs        a file of pairs, or {name: file}; the names are the collection's splits. A list of files is one set
    exclude      columns that are no text
    ask          which side asks; its records are the queries, the other side's the corpus. 'both': the right side's
                 are, and the left side's ask as well
    columns      names of columns where they are not found by known names: `{left: {id: key}, right: {id: key}, pairs:
                 {left: …, right: …, label: …}}`, or `{records: {id: key}, …}`, or `{id: key, …}` for every table;
                 with None for the id's, records are numbered from 0
    """

    left: str | Path | None = None
    right: str | Path | None = None
    records: str | Path | None = None
    pairs: PairFiles | Mapping[str, PairFiles] | None = None
    exclude: str | Sequence[str] = ()
    ask: str = "right"
    columns: Mapping[str, Any] | None = None

    def list_given(self) -> dict[str, Any]:
        """Return the options that were given, but columns, which other collections have too."""
        defaults: dict[str, tuple[Any, ...]] = {"exclude": ((), []), "ask": ("right",)}
        return {
            key: value
            for key, value in vars(self).items()
            if key != "columns" and value is not None and value not in defaults.get(key, ())
        }


@dataclass(frozen=True)
class RecordTables(FileSet):
    """Files of records and of pairs. Documents are the records of the side that does not ask.

    ask         the side whose records are the queries
    pair_files  by split, the files whose pairs are its judgements
    """

    ask: Ask = "right"
    pair_files: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    @classmethod
    def of_tables(cls, options: TableOptions, name: str | None) -> RecordTables:
        """Look for the files; raise ConfigError for what is missing, contradicts itself or is not there."""
        _refuse_wrong(options)
        left, right = _find_tables(options)
        excluded = _read_excluded(options.exclude)
        columns = _read_columns(options, tuple(sorted(set(excluded))))
        sides = {"left": (left, columns.docs), "right": (right, columns.queries)}
        _refuse_absent(excluded, sides)
        if options.ask == "left":
            (left, right), columns = (right, left), ColumnNames(columns.queries, columns.docs, columns.qrels)
        pairs = (
            options.pairs
            if isinstance(options.pairs, Mapping)
            else {"": () if options.pairs is None else options.pairs}
        )
        files = {split: _find_pair_files(split, given) for split, given in pairs.items() if given != ()}
        place = str(options.records or options.left)
        ask = next(side for side in get_args(Ask) if side == options.ask)
        return cls(name or _find_name(left), left, right, {}, place=place, columns=columns, ask=ask, pair_files=files)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the sets of pairs."""
        return tuple(sorted(split for split in self.pair_files if split))

    @property
    def is_one_table(self) -> bool:
        """Whether the records are sought in their own table."""
        return list(self.docs.paths) == list(self.queries.paths)

    @property
    def rules(self) -> dict[str, Any]:
        """Fields of `Collection` that follow from what this is; a record of one table never pairs with itself."""
        if self.is_one_table:
            return {"unit": "pair", "relation": "self", "self_match": "id"}
        return {"unit": "pair"} | ({"both_ask": True} if self.ask == "both" else {})

    @property
    def excluded(self) -> tuple[str, ...]:
        """Columns that are no text."""
        return self.columns.docs.excluded or ()

    def describe_origin(self) -> Mapping[str, Any]:
        conventions: dict[str, str] = {} if self.is_one_table else {"ask": self.ask}
        conventions |= {"k": "of each record of either table"} if self.ask == "both" else {}
        conventions |= {"excluded": ", ".join(self.excluded)} if self.excluded else {}
        return {**super().describe_origin(), "conventions": conventions}

    def read_records(self, side: Side) -> Iterator[Record]:
        """Yield a table's records; all may be blank, which are then in no pair."""
        return self._get_files(side).read_records(side, self._get_columns(side))

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        files = [self.read_qrels(path) for path in self.pair_files.get(split or "", ())]
        return {PAIRS: QrelsFile.join(files)} if files else {}

    def read_qrels(self, path: str | Path) -> QrelsFile:
        """Read a file of pairs."""
        asking = "left" if self.ask == "left" else "right"
        return read_qrels(path, self.columns.qrels, one_table=self.is_one_table, asking=asking, of_tables=True)


def _read_excluded(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"exclude: expected names of columns, got {given!r}")
    return tuple(names)


def _refuse_wrong(options: TableOptions) -> None:
    wrong = []
    if options.records is not None and (options.left is not None or options.right is not None):
        wrong.append("records is one table and left and right are two; give one or the other")
    elif options.records is None and (options.left is None or options.right is None):
        missing = [key for key in ("left", "right") if vars(options)[key] is None]
        if len(missing) == 2:
            keys = join_names(tuple(options.list_given()))
            wrong.append(f"{keys} goes with tables of records: left and right, or records for one table")
        else:
            wrong.append(f"{missing[0]} is missing: two tables are left and right; of one table say records")
    if options.ask not in get_args(Ask):
        wrong.append(
            f"ask: expected right, left or both, got {options.ask!r}{suggest(str(options.ask), get_args(Ask))}"
        )
    elif options.ask != "right" and options.records is not None:
        wrong.append("ask is for two tables; the records of one table all ask")
    if wrong:
        raise ConfigError(*wrong)


def _find_tables(options: TableOptions) -> tuple[TextFiles, TextFiles]:
    if options.records is not None:
        table = TextFiles.find(expand_path(options.records), "records")
        return table, table
    assert options.left is not None
    assert options.right is not None
    left, right = TextFiles.find(expand_path(options.left), "left"), TextFiles.find(expand_path(options.right), "right")
    if [path.resolve() for path in left.paths] == [path.resolve() for path in right.paths]:
        raise ConfigError(f"left and right are the same file, {left.label}; of one table say records: {options.left}")
    return left, right


def _find_pair_files(split: str, given: Any) -> tuple[Path, ...]:
    where = f"pairs: {split}: " if split else "pairs: "
    listed = given if isinstance(given, (list, tuple)) else [given]
    if not listed or not all(isinstance(path, (str, Path)) for path in listed):
        raise ConfigError(f"{where}expected a file, or a list of files, got {given!r}")
    paths = tuple(map(expand_path, listed))
    for path in paths:
        if not path.is_file():
            near = [str(sibling) for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
            raise ConfigError(f"{where}{path}: there is no such file{suggest(str(path), near)}")
    return paths


def _find_name(files: TextFiles) -> str:
    """Return the name of the folder that holds the first table: files are called tableA everywhere."""
    first = files.folder or files.paths[0]
    return first.resolve().parent.name or strip_packed_suffix(first.name).partition(".")[0]


def _read_columns(options: TableOptions, excluded: tuple[str, ...]) -> ColumnNames:
    """Return the names of columns that a user gives, of the left table as documents, of the right one as queries."""
    tables = ("left", "right") if options.records is None else ("records",)
    value = {} if options.columns is None else options.columns
    example = f"{{{tables[0]}: {{id: key}}, pairs: {{left: …, right: …, label: …}}}}"
    if not isinstance(value, Mapping):
        raise ConfigError(f"columns: expected a mapping such as {example}, got {value!r}")
    known: dict[str, tuple[str, ...]] = {**dict.fromkeys(tables, ("id",)), PAIRS: ("left", "right", "label")}
    names_by_part: dict[str, dict[str, str]] = {}
    numbered: set[str] = set()
    if "id" in value:  # of every table
        rest = {part: names for part, names in value.items() if part != "id"}
        value = {**{table: {"id": value["id"]} for table in tables}, **rest}
    for part, names in value.items():
        if part not in known or not isinstance(names, Mapping):
            raise ConfigError(f"columns: '{part}': expected {example}{suggest(str(part), known)}")
        if part != PAIRS and "id" in names and names["id"] is None:
            numbered.add(part)
            names = {}
        for key, column in names.items():
            if key not in known[part] or not isinstance(column, str) or not column:
                raise ConfigError(
                    f"columns: {part}: expected names of columns for {', '.join(known[part])}, got {key}: {column!r}"
                )
        names_by_part[part] = dict(names)
    left, right = (
        TextColumns(id=names_by_part.get(part, {}).get("id"), excluded=excluded, numbered=part in numbered)
        for part in (tables[0], tables[-1])
    )
    pair_names = names_by_part.get(PAIRS, {})
    query, document = (pair_names.get(key) for key in ("left", "right"))
    if options.ask != "left":
        query, document = document, query
    return ColumnNames(left, right, JudgementColumns(query, document, pair_names.get("label")))


def _refuse_absent(excluded: Sequence[str], sides: Mapping[str, tuple[TextFiles, TextColumns]]) -> None:
    """Raise ConfigError for a column that no table has."""
    if not excluded:
        return
    known: dict[str, None] = {}
    for files, columns in sides.values():
        first = next(files.read_records("docs", replace(columns, excluded=(METADATA,))), None)
        known |= {} if first is None else dict.fromkeys((*first.columns, *first.metadata, METADATA))
    for column in excluded:
        if known and column not in known:
            raise ConfigError(
                f"exclude: there is no column '{column}' of text; there are {join_names(list(known)[:-1])}"
                f"{suggest(column, known)}"
            )


__all__ = ["PAIRS", "Ask", "PairFiles", "RecordTables", "TableOptions"]
