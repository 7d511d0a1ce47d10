"""A YAML file as a tree that remembers where everything stood."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Tree:
    """One value of a YAML file.

    value         a scalar, a list of Trees, or a dict of Trees by key
    line, column  from 1; of the value
    keys          for a mapping, where each key stands
    written       the text of a scalar as it stands in the file: `1e3`, `null` and `no` may be ids
    """

    value: Any
    line: int
    column: int
    keys: Mapping[str, tuple[int, int]]
    written: str | None = None

    @property
    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: below.plain for key, below in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain for item in self.value]
        return self.value

    @property
    def kind(self) -> str:
        """Return what the value is, for messages."""
        if self.value is None:
            return "nothing"
        if self.value == "":
            return "empty text"
        names = {
            dict: "a mapping",
            list: "a list",
            str: "text",
            bool: "true or false",
            int: "a number",
            float: "a number",
        }
        return names.get(type(self.value), type(self.value).__name__)

    @property
    def text(self) -> str | None:
        """Return a scalar as text, as it is written; None for lists, mappings and nothing."""
        if self.value is None:
            return None
        return self.value if isinstance(self.value, str) else self.written

    @property
    def entries(self) -> Sequence[Tree]:
        """Return the entries of a list; of anything else itself alone."""
        return self.value if isinstance(self.value, list) else [self]

    def replace(self, value: Any) -> Tree:
        """Return another value at the same place."""
        return dataclasses.replace(self, value=value)

    def to_type(self, hint: Any) -> Any:
        """Return the value without places, as a type wants it: where only text fits, what is written.

        hint  a type, such as that of a stage's option; what does not fit it is left to whoever validates
        """
        choices = _list_types(hint)
        if isinstance(self.value, dict):
            value_types = next((types for choice in choices if (types := _find_value_types(choice))), None)
            return {key: below.to_type(value_types(key) if value_types else Any) for key, below in self.value.items()}
        if isinstance(self.value, list):
            lists = (choice for choice in choices if _is_kind(choice, Collection) and not _is_kind(choice, Mapping))
            item_type = next((_get_type_arguments(choice)[0] for choice in lists), Any)
            return [item.to_type(item_type) for item in self.value]
        return self.written if self._is_text_to(choices) else self.value

    def _is_text_to(self, choices: Sequence[Any]) -> bool:
        """Tell whether several types want a scalar as it is written, and none as the value that YAML takes it for."""
        if self.written is None or isinstance(self.value, str) or Any in choices:
            return False
        if self.value is None and not self.written:
            return False
        kinds = {float: (float, int), int: (int, float), bool: (bool,)}.get(type(self.value), (type(None),))
        words = [get_args(choice) for choice in choices if get_origin(choice) is Literal]
        if any(kind in choices for kind in kinds) or any(self.value in listed for listed in words):
            return False
        return isinstance(self.value, bool) or str in choices or bool(words)

    def find(self, path: tuple[Any, ...]) -> Tree:
        """Return what a path of keys and positions leads to, or the last thing on the way that exists."""
        tree = self
        for step in path:
            if isinstance(tree.value, dict) and str(step) in tree.value:
                tree = tree.value[str(step)]
            elif isinstance(tree.value, list) and isinstance(step, int) and step < len(tree.value):
                tree = tree.value[step]
            else:
                break
        return tree

    def find_key(self, key: str) -> tuple[int, int]:
        """Return line and column of a key of a mapping; of the mapping where the key was not written in it."""
        return self.keys.get(key, (self.line, self.column))


def _is_kind(hint: Any, kind: type) -> bool:
    """Tell whether a type is a kind of collection; text is none here."""
    plain = get_origin(hint) or hint
    return isinstance(plain, type) and issubclass(plain, kind) and not issubclass(plain, str)


def _list_types(hint: Any) -> tuple[Any, ...]:
    """Return the types that a union joins, without what they are annotated with."""
    if get_origin(hint) is Annotated:
        return _list_types(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(choice for part in get_args(hint) for choice in _list_types(part))
    return (hint,)


def _get_type_arguments(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) or (Any, Any)


def _find_value_types(hint: Any) -> Callable[[str], Any] | None:
    """Return what gives the type of the value under a key, for a type that is a mapping or a data class."""
    if _is_kind(hint, Mapping):
        return lambda _: _get_type_arguments(hint)[-1]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint, include_extras=True)
        return lambda key: hints.get(key, Any)
    return None
