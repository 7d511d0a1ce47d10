"""A configuration that is being read: its folder, its named parts and its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from nirank.config.mistakes import Mistakes
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Form:
    """What may be written at a place where one type does not say it.

    read               returns the value of a Tree; None where it noted a mistake
    list_alternatives  returns what fits, for the JSON schema: sections, and schemas of all else
    """

    read: Callable[[Tree, OpenFile], Any]
    list_alternatives: Callable[[], list[Any]]


class OpenFile:
    """What reads a part of a configuration: other parts by their form or by their name, each name once.

    named  the sections whose entries have names: systems, models, data
    """

    def __init__(self, folder: Path, mistakes: Mistakes, named: Mapping[str, Tree], forms: Mapping[str, Form]) -> None:
        self.folder, self.mistakes = folder, mistakes
        self._named, self._forms = named, forms
        self._values: dict[tuple[str, str], Any] = {}
        self._path: list[tuple[str, str]] = []  # the names that are being read, each within the one before

    def read(self, form: str, tree: Tree) -> Any:
        """Return the value of a Tree that is written in some form; None where it is a mistake."""
        return self._forms[form].read(tree, self)

    def names(self, section: str) -> Mapping[str, Tree]:
        """Return the entries of a section of names."""
        tree = self._named.get(section)
        return tree.value if tree is not None and isinstance(tree.value, dict) else {}

    def read_named(self, section: str, name: str, form: str) -> Any:
        """Return the value of an entry of a section of names; None where it is a mistake, such as a circle."""
        entry = (section, name)
        if entry in self._path:
            path = [*self._path[self._path.index(entry) :], entry]
            circle = " -> ".join(key if kind == "systems" else f"{kind}.{key}" for kind, key in path)
            self.mistakes.add(
                self._named[section].find_key(name), f"{section} refer to each other in a circle: {circle}"
            )
            return None
        if entry not in self._values:
            self._path.append(entry)
            self._values[entry] = self.read(form, self.names(section)[name])
            self._path.pop()
        return self._values[entry]

    def attempt(self, tree: Tree, make: Callable[[], T], prefix: str = "") -> T | None:
        """Return what a function makes; where it raises a ConfigError, note that at a Tree and return None."""
        try:
            return make()
        except ConfigError as error:
            self.mistakes.add(tree, f"{prefix}{error}")
            return None
