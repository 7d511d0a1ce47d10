"""The files that stages read: where they are for one collection."""

from __future__ import annotations

import string
from pathlib import Path

from nirank.algebra.sides import Sides
from nirank.base.files import expand_path
from nirank.errors import ConfigError, suggest

_NAMES = ("collection", "split")


def check_path(stage: str, path: str) -> None:
    """Raise ConfigError unless a path is there and holds no placeholders but {collection} and {split}."""
    if not isinstance(path, str) or not path:
        raise ConfigError(f"{stage}: path must name a file, got {path!r}")
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(path) if name is not None]
    except ValueError as error:
        raise ConfigError(f"{stage}: path {path!r} has unbalanced braces ({error})") from None
    for name in names:
        if name not in _NAMES:
            near = suggest(name, _NAMES)
            raise ConfigError(f"{stage}: path may contain {{collection}} and {{split}}, got {{{name}}}{near}")


def find_path(stage: str, path: str, sides: Sides) -> Path:
    """Return the file that a path means for one collection; raise ConfigError if there is none."""
    if "{split}" in path and sides.split is None:
        raise ConfigError(f"{stage}: {path} names the split, and collection '{sides.collection}' has none")
    file = expand_path(path.format(collection=sides.collection, split=sides.split))
    if not file.is_file():
        source = f" (from {path})" if str(file) != path else ""
        problem = "is a folder; expected a file" if file.is_dir() else "there is no such file"
        raise ConfigError(f"{stage}: {file}{source}: {problem}")
    return file
