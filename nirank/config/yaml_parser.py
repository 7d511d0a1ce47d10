"""YAML text as a Tree: numbers as YAML 1.2 has them, variables of the environment, and no tricks with aliases."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from nirank.base.secrets import register_variable
from nirank.config.mistakes import Mistakes
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError

_INTEGER = re.compile(r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"(?:[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_MOST_ALIASED = 100_000  # values that aliases may add
_TAGS = ("str", "int", "float", "bool", "null", "seq", "map")
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)\})")
# Braces mean mappings to YAML, so variables pass through its parser as characters that mean nothing, as many as before.
_MASKED = re.compile("\\$\\$|\ue000\ue001(\\w+)\ue002")


def read_yaml_text(path: Path) -> str:
    """Return the text of a YAML file; raise ConfigError for one that cannot be read."""
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
    return text


def parse_yaml(text: str, name: str, mistakes: Mistakes) -> Tree:
    """Parse YAML text into a Tree, and expand `${VARIABLE}` in its scalars; `$$` is a dollar sign.

    Raises ConfigError for what is not YAML; repeated keys and unknown variables are mistakes.
    """
    import yaml

    try:
        node = yaml.compose(_mask_variables(text), Loader=_make_loader())
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
        return _to_tree(node, loader, mistakes, frozenset())
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None


def _check_size(root: Any, name: str) -> None:
    """Raise ConfigError where aliases would make far more values than are written: a few lines can make billions."""
    sizes: dict[int, int] = {}

    def count_values(node: Any) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1  # of a node inside itself, which is a mistake of its own
            below = node.value if isinstance(node.value, list) else ()
            parts = (part for item in below for part in (item if isinstance(item, tuple) else (item,)))
            sizes[id(node)] = 1 + sum(map(count_values, parts))
        return sizes[id(node)]

    n_values, n_written = count_values(root), len(sizes)
    if n_values > n_written + _MOST_ALIASED:
        raise ConfigError(
            f"{name}: its aliases make {n_values:,} values of {n_written:,}; expected at most {_MOST_ALIASED:,} more"
        )


@cache
def _make_loader() -> type[Any]:
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
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("+-0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("+-.0123456789"))
    return Loader


def _to_tree(node: Any, loader: Any, mistakes: Mistakes, above: frozenset[int]) -> Tree:
    """Return a node of the parser as a Tree; what a configuration cannot say is a mistake, and nothing.

    above  the nodes that it stands in
    """
    import yaml

    place = line, column = node.start_mark.line + 1, node.start_mark.column + 1
    if id(node) in above:
        mistakes.add(place, "an alias that contains itself")
        return Tree(None, line, column, {})
    above |= {id(node)}
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        mistakes.add(place, f"expected text, a number, true, false or nothing, got {node.tag}")
        return Tree(None, line, column, {})
    if isinstance(node, yaml.SequenceNode):
        return Tree([_to_tree(item, loader, mistakes, above) for item in node.value], line, column, {})
    if not isinstance(node, yaml.MappingNode):
        return _to_scalar_tree(node, loader, mistakes)
    values: dict[str, Tree] = {}
    keys: dict[str, tuple[int, int]] = {}
    for key_node, value_node in node.value:
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        key = _expand_variables(key_node.value, place, mistakes) if isinstance(key_node, yaml.ScalarNode) else None
        if key is None:
            mistakes.add(place, "a key must be text")
            continue
        if key in values:
            mistakes.add(place, f"key '{key}' is given twice")
        values[key], keys[key] = _to_tree(value_node, loader, mistakes, above), place
    return Tree(values, line, column, keys)


def _to_scalar_tree(node: Any, loader: Any, mistakes: Mistakes) -> Tree:
    """Return a scalar with its value and with its text."""
    import yaml

    place = line, column = node.start_mark.line + 1, node.start_mark.column + 1
    try:
        value = loader.construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as error:
        mistakes.add(place, f"cannot be read: {getattr(error, 'problem', error)}")
        value = None
    if isinstance(value, int) and value.bit_length() > 63:
        mistakes.add(place, "a number beyond 64 bits; an id is text: put it in quotes")
        value = None
    written = _expand_variables(node.value, place, mistakes)
    if isinstance(value, str):
        value = written
    elif value is not None and not isinstance(value, (bool, int, float)):
        mistakes.add(place, f"expected text, a number, true, false or nothing, got {node.tag}")
        value = None
    return Tree(value, line, column, {}, written)


def _expand_variables(text: str, place: tuple[int, int], mistakes: Mistakes) -> str:
    """Return text with the values of the environment's variables; one that is not set is a mistake."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        if name not in os.environ:
            mistakes.add(place, f"the environment has no variable {name}")
        register_variable(name, os.environ.get(name, ""))
        return os.environ.get(name, "")

    return _MASKED.sub(replace, text)


def _mask_variables(text: str) -> str:
    """Return text whose variables have no braces, which the parser would take for mappings."""
    return _VARIABLE.sub(lambda match: match[0] if match[1] is None else f"\ue000\ue001{match[1]}\ue002", text)
