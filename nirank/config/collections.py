"""The collections of a configuration: what is asked of each, as arguments of `load`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.base.files import expand_path
from nirank.base.values import convert_value
from nirank.config.yaml_tree import Mistakes, Tree
from nirank.errors import ConfigError, suggest
from nirank.forms.asked import AskedColumns

COLLECTION_KEYS = (
    *(
        "path",
        "split",
        "name",
        "docs",
        "queries",
        "left",
        "right",
        "records",
        "pairs",
        "exclude",
        "ask",
        "qrels",
        "candidates",
        "known",
        "columns",
        "min_rel",
        "self_match",
        "date",
        "time",
    ),
    *("expect", "measures", "group", "max_dangling"),
)
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("path", "split", "name", "docs", "queries", "known", "date", "time", "group"), str),
    **dict.fromkeys(("left", "right", "records", "ask"), str),
    "pairs": str | dict[str, str],
    "exclude": str | list[str],
    "min_rel": int,
    "max_dangling": float,
    "candidates": str | bool,
    "qrels": str | dict[str, str | dict[str, Any]],
    "self_match": str | dict[str, str],
    "expect": dict[str, int | str],
    "columns": dict[str, Any],
}
_WANTED = {
    "min_rel": "a number",
    "max_dangling": "a number",
    "candidates": "a file, or false",
    "qrels": "a file, or a mapping of names to files",
    "pairs": "a file, or a mapping of names to files",
    "exclude": "names of columns",
    "self_match": "keep, id, or {key: …}",
    "expect": "a mapping of counts or digests",
    "columns": "a mapping such as {id: key, text: [abstract, notes]}",
}
_FILES = ("docs", "queries", "left", "right", "records", "pairs", "candidates", "known", "qrels")
_ALONE = ({"docs", "queries"}, {"left", "right"}, {"records"})  # keys that make a collection without a path


@dataclass(frozen=True)
class Asked:
    """Arguments of `load`, and whether the collection names measures of its own."""

    arguments: dict[str, Any]
    measures_given: bool


def unknown_keys(tree: Tree, known: Sequence[str], what: str, mistakes: Mistakes) -> None:
    """Note each key of a mapping that is not known, with the nearest one that is."""
    for key in tree.value:
        if key not in known:
            mistakes.add(
                tree.keys.get(key, (tree.line, tree.column)),
                f"{what} '{key}'{suggest(key, known)}\nexpected one of {', '.join(known)}",
            )


def path_of(text: str, folder: Path) -> Path:
    """Return a path relative to a configuration's folder, or to the working directory if only there it exists."""
    given = expand_path(text)
    beside = folder / given
    exists = [one for one in (beside, given) if one.exists() or one.parent.exists()]
    whole = [one for one in exists if one.exists()]
    return (whole or exists or [beside])[0]


class CollectionReader:
    """Reads entries of `collections`.

    folder   of the configuration: paths are relative to it
    measure  reads the name of a measure, None where it is a mistake
    """

    def __init__(self, folder: Path, mistakes: Mistakes, measure: Callable[[Tree], str | None]) -> None:
        self.folder, self.mistakes, self._measure = folder, mistakes, measure

    def read(self, tree: Tree) -> Asked | None:
        """Return what one entry asks for; None where it is a mistake."""
        if tree.text is not None:
            source = self._try(tree, lambda: self._source(str(tree.text)))
            return None if source is None else Asked({"source": source}, False)
        alone = isinstance(tree.value, dict) and any(keys <= set(tree.value) for keys in _ALONE)
        if not isinstance(tree.value, dict) or not ("path" in tree.value or alone):
            message = (
                "a collection is a folder, an ir_datasets id, {path: …, split: …}, or files {docs: …, queries: …},"
                f" tables of records {{left: …, right: …}} or {{records: …}}, got {tree.kind}"
            )
            self.mistakes.add(tree, message + (" without path" if isinstance(tree.value, dict) else ""))
            return None
        unknown_keys(tree, COLLECTION_KEYS, "a collection has no key", self.mistakes)
        arguments: dict[str, Any] = {}
        for key, one in tree.value.items():
            if key in _KINDS:
                found = self._value(key, one, tables=bool({"left", "right", "records"} & set(tree.value)))
                if found is None:
                    return None
                arguments["source" if key == "path" else key] = found
        if "measures" in tree.value:
            listed = tree.value["measures"]
            items = listed.value if isinstance(listed.value, list) else [listed]
            arguments["measures"] = tuple(name for one in items if (name := self._measure(one)) is not None)
        return Asked(arguments, "measures" in tree.value)

    def _value(self, key: str, tree: Tree, *, tables: bool) -> Any:
        """Return the value of a key as its type has it; None where it is a mistake."""
        given = tree.typed(_KINDS[key])
        try:
            value = None if given is None else convert_value(_KINDS[key], given)
        except ConfigError:
            value = None
        if value is None or value == "":
            got = tree.kind if value is None else "empty text"
            self.mistakes.add(tree, f"{key}: expected {_WANTED.get(key, 'text')}, got {got} ({tree.plain!r})")
            return None
        if key == "path":
            return self._try(tree, lambda: self._source(value))
        if key == "columns" and not tables and self._try(tree, lambda: AskedColumns.of(value)) is None:
            return None
        return self._try(tree, lambda: self._files(value)) if key in _FILES else value

    def _try(self, tree: Tree, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ConfigError as error:
            self.mistakes.add(tree, str(error))
            return None

    def _files(self, value: Any) -> Any:
        """Make the paths of files absolute where such files exist; a name of a version stays what it is."""
        if isinstance(value, dict):
            return {key: one if key == "min_rel" else self._files(one) for key, one in value.items()}
        path = path_of(value, self.folder) if isinstance(value, str) else None
        return str(path) if path is not None and (path.exists() or "{" in path.name) else value

    def _source(self, text: str) -> str:
        """Make a folder's path absolute; an id of ir_datasets stays what it is."""
        path = path_of(text, self.folder)
        inside = path.parent.is_dir() and (text.startswith((".", "/", "~")) or Path(text).parent != Path())
        return str(path) if path.exists() or inside else text
