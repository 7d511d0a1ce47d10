"""Tables of records whose matches are sought: two, or one against itself, with files of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from nirank.base.files import expand_path, strip_packed_suffix
from nirank.collections.sources.file_set import FileSet
from nirank.collections.sources.text_files import TextFiles
from nirank.collections.text_fields import METADATA
from nirank.errors import ConfigError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgements import QrelsFile, read_qrels
from nirank.forms.column_names import ColumnNames, JudgementColumns, TextColumns
from nirank.forms.names import join_names

Ask = Literal["right", "left"]
PAIRS = "pairs"  # name of the judgement set


@dataclass(frozen=True)
class TableOptions:
    """What a user says of tables of records.

    left, right  files, or folders of files
    records      the only table, instead of both
    pairs        a file of pairs, or {name: file}; the names are the collection's splits
    exclude      columns that are no text
    ask          which side asks; its records are the queries, the other side's the corpus
    columns      names of columns where they are not found by known names: `{left: {id: key}, right: {id: key}, pairs:
                 {left: …, right: …, label: …}}`, or `{records: {id: key}, …}`, or `{id: key, …}` for every table
    """

    left: str | Path | None = None
    right: str | Path | None = None
    records: str | Path | None = None
    pairs: str | Path | Mapping[str, str | Path] | None = None
    exclude: str | Sequence[str] = ()
    ask: str = "right"
    columns: Mapping[str, Any] | None = None

    def list_given(self) -> dict[str, Any]:
        """Return the options that were given, but columns, which other collections have too."""
        unsaid: dict[str, tuple[Any, ...]] = {"exclude": ((), []), "ask": ("right",)}
        return {
            key: value
            for key, value in vars(self).items()
            if key != "columns" and value is not None and value not in unsaid.get(key, ())
        }


@dataclass(frozen=True)
class RecordTables(FileSet):
    """Files of records and of pairs. Documents are the records of the side that does not ask.

    ask  the side whose records are the queries
    """

    ask: Ask = "right"

    @classmethod
    def of_tables(cls, asked: TableOptions, name: str | None) -> RecordTables:
        """Look for the files; raise ConfigError for what is missing, contradicts itself or is not there."""
        _refuse_wrong(asked)
        left, right = _tables(asked)
        excluded = _excluded(asked.exclude)
        columns = _columns(asked, tuple(sorted(set(excluded))))
        sides = {"left": (left, columns.docs), "right": (right, columns.queries)}
        _refuse_absent(excluded, sides)
        if asked.ask == "left":
            (left, right), columns = (right, left), ColumnNames(columns.queries, columns.docs, columns.qrels)
        pairs = asked.pairs if isinstance(asked.pairs, Mapping) else {} if asked.pairs is None else {"": asked.pairs}
        files = {split: {PAIRS: _pair_file(split, path)} for split, path in pairs.items()}
        made = name or _name_of(left)
        place = str(asked.records or asked.left)
        return cls(
            made, left, right, files, place=place, columns=columns, ask="left" if asked.ask == "left" else "right"
        )

    @property
    def one_table(self) -> bool:
        """Whether the records are sought in their own table."""
        return list(self.docs.paths) == list(self.queries.paths)

    @property
    def rules(self) -> dict[str, Any]:
        """Fields of `Collection` that follow from what this is; a record of one table never pairs with itself."""
        return {"unit": "pair"} | ({"relation": "self", "self_match": "id"} if self.one_table else {})

    @property
    def excluded(self) -> tuple[str, ...]:
        """Columns that are no text."""
        return self.columns.docs.excluded or ()

    def describe_origin(self) -> Mapping[str, Any]:
        said: dict[str, str] = {} if self.one_table else {"ask": self.ask}
        said |= {"excluded": ", ".join(self.excluded)} if self.excluded else {}
        return {**super().describe_origin(), "conventions": said}

    def read_judgements(self, split: str | None, queries: Ids) -> Mapping[str, QrelsFile]:
        return {name: self.read_qrels(path) for name, path in self.qrels.get(split or "", {}).items()}

    def read_qrels(self, path: str | Path) -> QrelsFile:
        """Read a file of pairs."""
        return read_qrels(path, self.columns.qrels, one_table=self.one_table, asking=self.ask, of_tables=True)


def _excluded(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise ConfigError(f"exclude: expected names of columns, got {given!r}")
    return tuple(names)


def _refuse_wrong(asked: TableOptions) -> None:
    wrong = []
    if asked.records is not None and (asked.left is not None or asked.right is not None):
        wrong.append("records is one table and left and right are two; give one or the other")
    elif asked.records is None and (asked.left is None or asked.right is None):
        missing = [key for key in ("left", "right") if vars(asked)[key] is None]
        if len(missing) == 2:
            keys = join_names(tuple(asked.list_given()))
            wrong.append(f"{keys} goes with tables of records: left and right, or records for one table")
        else:
            wrong.append(f"{missing[0]} is missing: two tables are left and right; of one table say records")
    if asked.ask == "both":
        wrong.append("ask: both is not supported: one side asks and the other is searched; expected right or left")
    elif asked.ask not in get_args(Ask):
        wrong.append(f"ask: expected right or left, got {asked.ask!r}{suggest(str(asked.ask), get_args(Ask))}")
    elif asked.ask == "left" and asked.records is not None:
        wrong.append("ask is for two tables; the records of one table all ask")
    if wrong:
        raise ConfigError(*wrong)


def _tables(asked: TableOptions) -> tuple[TextFiles, TextFiles]:
    if asked.records is not None:
        table = TextFiles.at(expand_path(asked.records), "records")
        return table, table
    assert asked.left is not None
    assert asked.right is not None
    left, right = TextFiles.at(expand_path(asked.left), "left"), TextFiles.at(expand_path(asked.right), "right")
    if [path.resolve() for path in left.paths] == [path.resolve() for path in right.paths]:
        raise ConfigError(f"left and right are the same file, {left.label}; of one table say records: {asked.left}")
    return left, right


def _pair_file(split: str, given: str | Path) -> Path:
    path = expand_path(given)
    if not path.is_file():
        near = [str(one) for one in path.parent.iterdir()] if path.parent.is_dir() else []
        where = f"pairs: {split}: " if split else "pairs: "
        raise ConfigError(f"{where}{path}: there is no such file{suggest(str(path), near)}")
    return path


def _name_of(files: TextFiles) -> str:
    """Return the name of the folder that holds the first table: files are called tableA everywhere."""
    first = files.folder or files.paths[0]
    return first.resolve().parent.name or strip_packed_suffix(first.name).partition(".")[0]


def _columns(asked: TableOptions, excluded: tuple[str, ...]) -> ColumnNames:
    """Return what is said of columns, with the left table as documents and the right one as queries."""
    tables = ("left", "right") if asked.records is None else ("records",)
    value = {} if asked.columns is None else asked.columns
    example = f"{{{tables[0]}: {{id: key}}, pairs: {{left: …, right: …, label: …}}}}"
    if not isinstance(value, Mapping):
        raise ConfigError(f"columns: expected a mapping such as {example}, got {value!r}")
    known: dict[str, tuple[str, ...]] = {**dict.fromkeys(tables, ("id",)), PAIRS: ("left", "right", "label")}
    found: dict[str, dict[str, str]] = {}
    if "id" in value:  # of every table
        rest = {part: names for part, names in value.items() if part != "id"}
        value = {**{table: {"id": value["id"]} for table in tables}, **rest}
    for part, names in value.items():
        if part not in known or not isinstance(names, Mapping):
            raise ConfigError(f"columns: '{part}': expected {example}{suggest(str(part), known)}")
        for key, column in names.items():
            if key not in known[part] or not isinstance(column, str) or not column:
                raise ConfigError(
                    f"columns: {part}: expected names of columns for {', '.join(known[part])}, got {key}: {column!r}"
                )
        found[part] = dict(names)
    left, right = (TextColumns(id=found.get(part, {}).get("id"), excluded=excluded) for part in (tables[0], tables[-1]))
    said = found.get(PAIRS, {})
    one, other = (said.get(key) for key in ("left", "right"))
    if asked.ask == "right":
        one, other = other, one
    return ColumnNames(left, right, JudgementColumns(one, other, said.get("label")))


def _refuse_absent(excluded: Sequence[str], sides: Mapping[str, tuple[TextFiles, TextColumns]]) -> None:
    """Raise ConfigError for a column that no table has."""
    if not excluded:
        return
    known: dict[str, None] = {}
    for files, columns in sides.values():
        first = next(files.read_records("docs", TextColumns(id=columns.id, excluded=(METADATA,))), None)
        known |= {} if first is None else dict.fromkeys((*first.columns, *first.metadata, METADATA))
    for column in excluded:
        if known and column not in known:
            raise ConfigError(
                f"exclude: there is no column '{column}' of text; there are {join_names(list(known)[:-1])}"
                f"{suggest(column, known)}"
            )


__all__ = ["PAIRS", "Ask", "RecordTables", "TableOptions"]
