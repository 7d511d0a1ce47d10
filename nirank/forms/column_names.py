"""Columns that the user names: which hold ids, title, text and labels, and the ids of judgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from nirank.errors import ConfigError, suggest


@dataclass(frozen=True)
class TextColumns:
    """Names of a side's columns (of objects: keys); None: found by their known names.

    text      one or several, joined by a blank; (): there is no text
    label     holds the judgements of the collection's only query
    excluded  all columns but the id and these are text, and none is a title or a text before the others; the excluded
              ones are metadata, in files that have them. None: columns have the parts that their names say
    numbered  no column holds ids: a record's id is its number, from 0
    """

    id: str | None = None
    title: str | None = None
    text: tuple[str, ...] | None = None
    label: str | None = None
    excluded: tuple[str, ...] | None = None
    numbered: bool = False

    def list_names(self) -> tuple[str, ...]:
        """Return all names that were given."""
        single = (name for name in (self.id, self.title, self.label) if name is not None)
        return (*single, *(self.text or ()))

    def to_json(self) -> dict[str, Any]:
        """Return the names that were given, as JSON values; empty where none were."""
        return {key: value for key, value in asdict(self).items() if value is not None and value is not False}


@dataclass(frozen=True)
class JudgementColumns:
    """Names of the columns of judgements; None: found by their known names."""

    query: str | None = None
    document: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class ColumnNames:
    """What a user says of the columns of a collection's files."""

    docs: TextColumns = field(default_factory=TextColumns)
    queries: TextColumns = field(default_factory=TextColumns)
    qrels: JudgementColumns = field(default_factory=JudgementColumns)

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read `{docs: {id, title, text, label}, queries: {…}, qrels: {query, document, label}}`.

        Without these three, `{id, title, text, label}` are of the documents. Raises ConfigError for
        other keys and for values that are not names.
        """
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            raise ConfigError(f"columns: expected a mapping such as {{id: key, text: blurb}}, got {value!r}")
        sides = ("docs", "queries", "qrels")
        if value and not any(key in sides for key in value):
            value = {"docs": value}
        _refuse_unknown("columns", value, (*sides, "id", "title", "text", "label"))
        misplaced = [key for key in value if key not in sides]
        if misplaced:
            raise ConfigError(
                f"columns: '{misplaced[0]}' stands beside {', '.join(k for k in value if k in sides)}; of which?"
            )
        docs, queries = (_read_text_columns(side, value.get(side, {})) for side in ("docs", "queries"))
        if queries.label is not None:
            raise ConfigError("columns: queries: there is no column of labels; expected it in docs")
        return cls(docs, queries, _read_judgement_columns(value.get("qrels", {})))

    def __bool__(self) -> bool:
        return self != type(self)()


def _read_text_columns(side: str, value: Any) -> TextColumns:
    keys = ("id", "title", "text", "label")
    _refuse_unknown(f"columns: {side}", value, keys)
    names: dict[str, Any] = {
        key: _read_name(f"columns: {side}: {key}", value[key]) for key in keys if key in value and key != "text"
    }
    text = value.get("text")
    listed = text if isinstance(text, (list, tuple)) else [] if text is None else [text]
    texts = tuple(_read_name(f"columns: {side}: text", name) for name in listed)
    return TextColumns(**names, text=None if text is None else texts)


def _read_judgement_columns(value: Any) -> JudgementColumns:
    keys = ("query", "document", "label")
    _refuse_unknown("columns: qrels", value, keys)
    return JudgementColumns(**{key: _read_name(f"columns: qrels: {key}", value[key]) for key in keys if key in value})


def _refuse_unknown(what: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what}: expected a mapping of {', '.join(known)} to names of columns, got {value!r}")
    for key in value:
        if key not in known:
            raise ConfigError(f"{what}: there is no '{key}'; expected {', '.join(known)}{suggest(str(key), known)}")


def _read_name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{what}: expected the name of a column, got {value!r}")
    return value
