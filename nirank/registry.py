"""Which stages exist: the modules of `nirank.stages`, and the entry points of group `nirank.stages`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.identity import digest
from nirank.stage import Stage

GROUP = "nirank.stages"


@cache
def stages() -> Mapping[str, type[Stage]]:
    """Return every stage by name; raise ConfigError where two have one name."""
    found: dict[str, type[Stage]] = dict(_own())
    for point in _entry_points():
        kind = _load(point)
        if kind.name in found:
            raise ConfigError(f"entry point {point.value}: stage '{kind.name}' exists already in {_place(kind.name)}")
        found[kind.name] = kind
    return dict(sorted(found.items()))


def find(name: str) -> type[Any]:
    """Return the stage of that name; raise ConfigError with the nearest spelling."""
    if name in _own():
        return _own()[name]
    known = stages()
    if name not in known:
        raise ConfigError(f"there is no stage '{name}'{suggest(name, known)}")
    return known[name]


@cache
def _own() -> Mapping[str, type[Stage]]:
    package = importlib.import_module("nirank.stages")
    found: dict[str, type[Stage]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        for kind in _defined(importlib.import_module(f"nirank.stages.{info.name}")):
            found[kind.name] = kind
    return found


def _defined(module: Any) -> Iterator[type[Stage]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Stage) and value.__module__ == module.__name__:
            yield value


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _load(point: EntryPoint) -> type[Stage]:
    try:
        kind = point.load()
    except Exception as error:
        raise ConfigError(f"entry point {point.name} = {point.value} cannot be loaded: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Stage)):
        raise ConfigError(f"entry point {point.name} = {point.value} is not a stage; expected a subclass of Stage")
    if kind.name != point.name:
        raise ConfigError(f"entry point {point.name} = {point.value}: the stage calls itself '{kind.name}'")
    return kind


def _place(name: str) -> str:
    kind = _own().get(name)
    return kind.__module__ if kind else "another entry point"


@cache  # type: ignore[arg-type]
def origin(kind: type[Stage]) -> Mapping[str, str]:
    """Return where a stage comes from, as part of its identity.

    nirank's own: nothing. Installed: the distribution that declares it. Anything else (a script,
    a notebook) has no version that could be trusted, so the digest of its source stands in.
    """
    package = kind.__module__.split(".")[0]
    if package == "nirank":
        return {}
    for point in _entry_points():
        if point.value == f"{kind.__module__}:{kind.__qualname__}" and point.dist is not None:
            return {"distribution": point.dist.name}
    try:
        return {"source": digest(inspect.getsource(kind))}
    except (OSError, TypeError):
        raise ConfigError(
            f"stage '{kind.name}': its source cannot be read, so nothing that it computes could be found again;"
            " define it in a file"
        ) from None
