"""YAML that remembers where everything stood, and mistakes that show it."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from nirank.base.secrets import register_variable
from nirank.errors import ConfigError

_WHOLE = re.compile(r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_REPEATED = 100_000  # values that aliases may add
_TAGS = ("str", "int", "float", "bool", "null", "seq", "map")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)\})")
# Braces mean mappings to YAML, so variables pass through its parser as characters that mean nothing, as many as before.
_MASKED = re.compile("\\$\\$|\ue000\ue001(\\w+)\ue002")


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
            return {key: one.plain for key, one in self.value.items()}
        if isinstance(self.value, list):
            return [one.plain for one in self.value]
        return self.value

    @property
    def kind(self) -> str:
        """Return what the value is, for messages."""
        if self.value is None:
            return "nothing"
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

    def typed(self, hint: Any) -> Any:
        """Return the value without places, as a type wants it: where only text fits, what is written.

        hint  a type, such as that of a stage's option; what does not fit it is left to whoever converts
        """
        while get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        wanted = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if isinstance(self.value, dict):
            items = next((found for one in wanted if (found := _of_mapping(one))), None)
            return {key: one.typed(Any if items is None else items(key)) for key, one in self.value.items()}
        if isinstance(self.value, list):
            item = next((_args(one)[0] for one in wanted if _is(one, Collection) and not _is(one, Mapping)), Any)
            return [one.typed(item) for one in self.value]
        return self._scalar(wanted)

    def _scalar(self, wanted: Sequence[Any]) -> Any:
        """Return a scalar as one of several types has it."""
        if self.written is None or isinstance(self.value, str) or Any in wanted:
            return self.value
        if self.value is None and not self.written:
            return None
        kinds = {float: (float, int), int: (int, float), bool: (bool,)}.get(type(self.value), (type(None),))
        said = [get_args(one) for one in wanted if get_origin(one) is Literal]
        if any(kind in wanted for kind in kinds) or any(self.value in one for one in said):
            return self.value
        return self.written if isinstance(self.value, bool) or str in wanted or said else self.value

    def at(self, path: tuple[Any, ...]) -> Tree:
        """Return what a path of keys and positions leads to, or the last thing on the way that exists."""
        here = self
        for step in path:
            if isinstance(here.value, dict) and str(step) in here.value:
                here = here.value[str(step)]
            elif isinstance(here.value, list) and isinstance(step, int) and step < len(here.value):
                here = here.value[step]
            else:
                break
        return here


def _is(hint: Any, kind: type) -> bool:
    """Tell whether a type is a sort of collection; text is none here."""
    plain = get_origin(hint) or hint
    return isinstance(plain, type) and issubclass(plain, kind) and not issubclass(plain, str)


def _args(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) or (Any, Any)


def _of_mapping(hint: Any) -> Callable[[str], Any] | None:
    """Return which type the value under a key has, for a type that is a mapping or a data class."""
    if _is(hint, Mapping):
        return lambda _: _args(hint)[-1]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint, include_extras=True)
        return lambda key: hints.get(key, Any)
    return None


class Mistakes:
    """Collects mistakes of one file, so that all are told at once."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.found: list[tuple[int, int, str]] = []

    def add(self, place: Tree | tuple[int, int], message: str) -> None:
        """Note a mistake at a value, or at (line, column)."""
        line, column = (place.line, place.column) if isinstance(place, Tree) else place
        if (line, column, message) not in self.found:
            self.found.append((line, column, message))

    def raise_if_any(self) -> None:
        """Raise ConfigError with all mistakes, in the file's order, each with its excerpt."""
        if self.found:
            raise ConfigError(*(self._shown(*one) for one in sorted(self.found)))

    def _shown(self, line: int, column: int, message: str) -> str:
        first, *rest = message.split("\n")
        if not 1 <= line <= len(self.lines):
            return "\n".join([f"{self.path}: {first}", *rest])
        word = re.match(r"[^\s,:{}\[\]]*", self.lines[line - 1][column - 1 :])
        width = max(len(word[0]) if word else 1, 1)
        excerpt = [f"{n:6} | {self.lines[n - 1]}" for n in (line - 1, line) if n >= 1]
        return "\n".join(
            [
                f"{self.path}:{line}:{column}: {first}",
                "",
                *excerpt,
                f"       | {' ' * (column - 1)}{'^' * width}",
                *rest,
            ]
        )


def read_yaml(path: Path) -> tuple[Tree, Mistakes]:
    """Read a YAML file and expand `${VARIABLE}` in its scalars; `$$` is a dollar sign.

    Raises ConfigError for a file that cannot be read or is not YAML; repeated keys and unknown
    variables are mistakes in the second value.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; expected a YAML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not valid UTF-8 (byte {error.start}); expected a YAML file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); expected a YAML file") from None
    if "\0" in text:
        raise ConfigError(f"{path}: holds zero bytes, as UTF-16 does; expected a YAML file in UTF-8")
    mistakes = Mistakes(str(path), text)
    return parse_yaml(text, str(path), mistakes), mistakes


def parse_yaml(text: str, name: str, mistakes: Mistakes) -> Tree:
    """Parse YAML text into a Tree."""
    import yaml

    try:
        node = yaml.compose(_masked(text), Loader=_loader())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{name}{place}: not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{name}: not valid YAML: {str(error).splitlines()[0] or type(error).__name__}") from None
    if node is None:
        return Tree(None, 1, 1, {})
    loader = yaml.SafeLoader("")
    try:
        _check_size(node, name)
        return _tree(node, loader, mistakes, frozenset())
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None


def _check_size(root: Any, name: str) -> None:
    """Raise ConfigError where aliases would make far more values than are written: a few lines can make billions."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1  # of a node inside itself, which is a mistake of its own
            below = node.value if isinstance(node.value, list) else ()
            parts = (part for item in below for part in (item if isinstance(item, tuple) else (item,)))
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    if size(root) > len(sizes) + _REPEATED:
        raise ConfigError(
            f"{name}: its aliases make {size(root):,} values of {len(sizes):,}; expected at most {_REPEATED:,} more"
        )


@cache
def _loader() -> type[Any]:
    """Return a loader that takes for numbers what YAML 1.2 does.

    To YAML 1.1, `1e-2` is text while `1:30` is 90, `010` is 8 and `2020-01-01` is a day.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] in ("bool", "null")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("+-0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("+-.0123456789"))
    return Loader


def _tree(node: Any, loader: Any, mistakes: Mistakes, above: frozenset[int]) -> Tree:
    import yaml

    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if id(node) in above:
        mistakes.add((line, column), "an alias that contains itself")
        return Tree(None, line, column, {})
    above |= {id(node)}
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        mistakes.add((line, column), f"expected text, a number, true, false or nothing, got {node.tag}")
        return Tree(None, line, column, {})
    if isinstance(node, yaml.SequenceNode):
        return Tree([_tree(one, loader, mistakes, above) for one in node.value], line, column, {})
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Tree] = {}
        keys: dict[str, tuple[int, int]] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            key = _expanded(key_node.value, place, mistakes) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                mistakes.add(place, "a key must be text")
                continue
            if key in found:
                mistakes.add(place, f"key '{key}' is given twice")
            found[key], keys[key] = _tree(value_node, loader, mistakes, above), place
        return Tree(found, line, column, keys)
    try:
        value = loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        mistakes.add((line, column), f"cannot be read: {getattr(error, 'problem', error)}")
        value = None
    if isinstance(value, int) and value.bit_length() > 63:
        mistakes.add((line, column), "a number beyond 64 bits; an id is text: put it in quotes")
        value = None
    written = _expanded(node.value, (line, column), mistakes)
    if isinstance(value, str):
        value = written
    elif value is not None and not isinstance(value, (bool, int, float)):
        mistakes.add((line, column), f"expected text, a number, true, false or nothing, got {node.tag}")
        value = None
    return Tree(value, line, column, {}, written)


def _expanded(text: str, place: tuple[int, int], mistakes: Mistakes) -> str:
    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        if name not in os.environ:
            mistakes.add(place, f"the environment has no variable {name}")
        register_variable(name, os.environ.get(name, ""))
        return os.environ.get(name, "")

    return _MASKED.sub(replace, text)


def _masked(text: str) -> str:
    return _VARIABLE.sub(lambda found: found[0] if found[1] is None else f"\ue000\ue001{found[1]}\ue002", text)
