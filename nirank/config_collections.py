"""The collections of a configuration: what is asked of each, as arguments of `load`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.errors import suggest
from nirank.yaml_tree import Mistakes, Tree

COLLECTION_KEYS = (
    *(
        "path",
        "split",
        "name",
        "docs",
        "queries",
        "qrels",
        "candidates",
        "known",
        "min_rel",
        "self_match",
        "date",
        "time",
    ),
    *("expect", "measures", "group", "max_dangling"),
)
_WANTED = {
    "min_rel": "a number",
    "max_dangling": "a number",
    "candidates": "a file, or false",
    "qrels": "a file, or a mapping of names to files",
    "expect": "a mapping of counts or digests",
}


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
    given = Path(text).expanduser()
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
        if isinstance(tree.value, str):
            return Asked({"source": self._source(tree.value)}, False)
        alone = isinstance(tree.value, dict) and {"docs", "queries"} <= set(tree.value)
        if not isinstance(tree.value, dict) or not ("path" in tree.value or alone):
            message = (
                "a collection is a folder, an ir_datasets id, {path: …, split: …}, or files {docs: …, queries: …},"
                f" got {tree.kind}"
            )
            self.mistakes.add(tree, message + (" without path" if isinstance(tree.value, dict) else ""))
            return None
        unknown_keys(tree, COLLECTION_KEYS, "a collection has no key", self.mistakes)
        kinds: dict[str, Any] = {
            **dict.fromkeys(("path", "split", "name", "docs", "queries", "known", "date", "time", "group"), str),
            "min_rel": int,
            "max_dangling": (int, float),
            "candidates": (str, bool),
            "qrels": (str, dict),
            "expect": dict,
        }
        for key, kind in kinds.items():
            one = tree.value.get(key)
            is_flag = one is not None and isinstance(one.value, bool) and key != "candidates"
            if one is not None and (not isinstance(one.value, kind) or is_flag):
                wanted = _WANTED.get(key, "text")
                self.mistakes.add(one, f"{key}: expected {wanted}, got {one.kind} ({one.plain!r})")
                return None
        arguments = {key: one.plain for key, one in tree.value.items() if key in COLLECTION_KEYS and key != "path"}
        for key in ("docs", "queries", "candidates", "known", "qrels"):
            if key in arguments:
                arguments[key] = self._files(arguments[key])
        if "path" in tree.value:
            arguments["source"] = self._source(str(tree.value["path"].value))
        if "measures" in tree.value:
            listed = tree.value["measures"]
            items = listed.value if isinstance(listed.value, list) else [listed]
            arguments["measures"] = tuple(name for one in items if (name := self._measure(one)) is not None)
        return Asked(arguments, "measures" in tree.value)

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
