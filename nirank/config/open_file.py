"""A configuration that is being read: its folder, its named parts and its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.config.mistakes import Mistakes
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError


@dataclass(frozen=True)
class Form:
    """What may be written at a place where one type does not say it.

    read               returns the value of a Tree; None where it noted a mistake
    list_alternatives  returns what fits, for the JSON schema: sections, and schemas of all else
    """

    read: Callable[[Tree, OpenFile], Any]
    list_alternatives: Callable[[], list[Any]]


class OpenFile:
    """A configuration that is being read: its folder, its mistakes, and its parts that have names, each read once.

    forms   what may be written at places that have no type of their own, by name
    named   the sections whose entries have names: systems, models, data
    """

    def __init__(self, folder: Path, mistakes: Mistakes, named: Mapping[str, Tree], forms: Mapping[str, Form]) -> None:
        self.folder, self.mistakes, self.forms = folder, mistakes, forms
        self._sections = named
        self._values: dict[tuple[str, str], Any] = {}
        self._path: list[tuple[str, str]] = []  # the names that are being read, each within the one before

    def read(self, form: str, tree: Tree) -> Any:
        """Return the value of a Tree that is written in some form; None where it is a mistake."""
        return self.forms[form].read(tree, self)

    def list_names(self, section: str) -> Sequence[str]:
        """Return the names of a section's entries."""
        tree = self._sections.get(section)
        return list(tree.value) if tree is not None and isinstance(tree.value, dict) else []

    def read_named(self, section: str, name: str, read: Callable[[Tree, OpenFile], Any]) -> Any:
        """Return the value of an entry of a section of names; None where it is a mistake, such as a circle."""
        entry = (section, name)
        if entry in self._path:
            path = [*self._path[self._path.index(entry) :], entry]
            circle = " -> ".join(key if kind == "systems" else f"{kind}.{key}" for kind, key in path)
            place = self._sections[section].find_key(name)
            self.mistakes.add(place, f"{section} refer to each other in a circle: {circle}")
            return None
        if entry not in self._values:
            self._path.append(entry)
            self._values[entry] = read(self._sections[section].value[name], self)
            self._path.pop()
        return self._values[entry]

    def list_valid_names(self, section: str) -> list[str]:
        """Return the names of the entries of a section that were read and are no mistakes."""
        return [name for (kind, name), value in self._values.items() if kind == section and value is not None]

    @contextmanager
    def note_errors(self, tree: Tree, prefix: str = "") -> Iterator[None]:
        """Note at a Tree what a ConfigError says, and go on behind the block."""
        try:
            yield
        except ConfigError as error:
            self.mistakes.add(tree, f"{prefix}{error}")
