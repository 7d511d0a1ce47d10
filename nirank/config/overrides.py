"""`--set KEY=VALUE`: a configuration with one value changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from nirank.config.mistakes import Mistakes
from nirank.config.yaml_parser import parse_yaml
from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError, suggest


def override_value(tree: Tree, text: str, mistakes: Mistakes) -> Tree:
    """Return a configuration with one value changed: 'dotted.key=value', the value as YAML.

    What is written as a name alone gets options: `systems.S.bm25.k1=1.2` where S is `bm25`.
    """
    dotted, sign, raw = text.partition("=")
    if not sign or not dotted:
        raise ConfigError(f"--set {text}: expected key=value, such as systems.BM25.bm25.k1=1.2")
    value = parse_yaml(raw, f"--set {text}", mistakes)
    try:
        return _put(tree, dotted.split("."), value)
    except KeyError as error:
        raise ConfigError(f"--set {text}: {error.args[0]}") from None


def _put(tree: Tree, path: Sequence[str], value: Tree) -> Tree:
    """Return the tree with a value at the end of a path; raise KeyError that says which key there is not."""
    if not path:
        return dataclasses.replace(value, line=tree.line, column=tree.column)
    step, rest = path[0], path[1:]
    if isinstance(tree.value, list) and step.isdigit() and int(step) < len(tree.value):
        entries = list(tree.value)
        entries[int(step)] = _put(entries[int(step)], rest, value)
        return tree.replace(entries)
    entries_by_key = tree.value
    if tree.value is None:
        entries_by_key = {}
    elif tree.value == step:  # `bm25` becomes `{bm25: {…}}`
        entries_by_key = {step: tree.replace({})}
    if not isinstance(entries_by_key, dict):
        raise KeyError(f"there is no '{step}' in {tree.kind}")
    if rest and entries_by_key and step not in entries_by_key:
        raise KeyError(f"there is no key '{step}'{suggest(step, entries_by_key)}")
    below = entries_by_key.get(step, tree.replace(None))
    return tree.replace({**entries_by_key, step: _put(below, rest, value)})
