"""Which stages exist: the modules of `nirank.stages`, and the entry points of group `nirank.stages`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from nirank.algebra.source_code import collect_sources, describe_code, has_version
from nirank.base.identity import digest
from nirank.errors import ConfigError, suggest

GROUP = "nirank.stages"

_CLASSES: WeakSet[type[Any]] = WeakSet()  # of all stages, whoever defines them


@cache
def load_stages() -> Mapping[str, type[Any]]:
    """Return every stage by name; raise ConfigError naming all entry points that cannot be used."""
    kinds: dict[str, type[Any]] = dict(_load_builtin_stages())
    messages = []
    for point in _list_entry_points():
        try:
            kind = _load_entry_point(point)
            if kind.name in kinds:
                raise _describe_clash(point, kinds[kind.name].__module__)
            kinds[kind.name] = kind
        except ConfigError as error:
            messages.append(str(error))
    if messages:
        raise ConfigError(*messages)
    return dict(sorted(kinds.items()))


def find_stage(name: str) -> type[Any]:
    """Return the stage of that name; raise ConfigError with the nearest spelling.

    Loads that stage only, so somebody's broken entry point stops nobody else.
    """
    builtin, points = _load_builtin_stages(), [point for point in _list_entry_points() if point.name == name]
    if name in builtin and points:
        raise _describe_clash(points[0], builtin[name].__module__)
    if name in builtin:
        return builtin[name]
    if len(points) > 1:
        raise _describe_clash(points[1], points[0].value)
    if not points:
        raise ConfigError(
            f"there is no stage '{name}'{suggest(name, [*builtin, *(point.name for point in _list_entry_points())])}"
        )
    return _load_entry_point(points[0])


@cache
def _load_builtin_stages() -> Mapping[str, type[Any]]:
    package = importlib.import_module("nirank.stages")
    kinds: dict[str, type[Any]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("_"):
            continue
        for kind in _list_defined_stages(importlib.import_module(f"nirank.stages.{info.name}")):
            if kind.name in kinds:
                raise ConfigError(f"{kind.__module__} and {kinds[kind.name].__module__} both have stage '{kind.name}'")
            kinds[kind.name] = kind
    return kinds


def _list_defined_stages(module: Any) -> Iterator[type[Any]]:
    """Yield the stages that a module defines; classes without a name of their own are no stages to choose."""
    for value in vars(module).values():
        is_stage = isinstance(value, type) and value in _CLASSES and value.__module__ == module.__name__
        if is_stage and isinstance(getattr(value, "name", None), str):
            yield value


@cache
def _list_entry_points() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)))


def _describe_clash(point: EntryPoint, where: str) -> ConfigError:
    return ConfigError(f"entry point {point.name} = {point.value}: stage '{point.name}' exists already in {where}")


def _load_entry_point(point: EntryPoint) -> type[Any]:
    try:
        kind = point.load()
    except Exception as error:
        raise ConfigError(f"entry point {point.name} = {point.value} cannot be loaded: {error}") from error
    if not (isinstance(kind, type) and kind in _CLASSES):
        raise ConfigError(f"entry point {point.name} = {point.value} is not a stage; expected a subclass of Stage")
    name = getattr(kind, "name", None)
    if name != point.name:
        raise ConfigError(
            f"entry point {point.name} = {point.value}: the stage calls itself {name!r}; expected the same name"
        )
    return kind


def register_class(kind: type[Any]) -> None:
    """Take note that a class is a stage."""
    _CLASSES.add(kind)


_NOTED: WeakKeyDictionary[type[Any], Mapping[str, str]] = WeakKeyDictionary()


def keep_source(kind: type[Any]) -> None:
    """Keep the source of a class that is being made: by the time of planning its files may have been edited."""
    if kind.__module__.split(".")[0] != "nirank":
        _NOTED[kind] = collect_sources(base.__module__ for base in kind.__mro__)


@cache
def describe_origin(kind: type[Any]) -> Mapping[str, str]:
    """Return where a stage comes from, as part of its identity.

    nirank's own: nothing. Installed: the distribution that declares it, so whoever publishes a
    stage raises its version when its output changes. Anything else (a script, a notebook) has no
    version that could be trusted, so the digest of its source stands in, as it was when the stage
    was made: of its file, those of its base classes, and all that these import and nobody has
    installed. Where there is no file, of the methods and of what they use. Values that a class or
    its methods got from around them count as well; what cannot be written down is refused.
    """
    package = kind.__module__.split(".")[0]
    if package == "nirank":
        return {}
    for point in _list_entry_points():
        if point.dist is not None and point.module.split(".")[0] == package and _load_entry_point(point) is kind:
            return {"distribution": point.dist.name}
    files = _NOTED.get(kind) or collect_sources(base.__module__ for base in kind.__mro__)
    bases = [base for base in kind.__mro__ if base is kind or not has_version(base.__module__)]
    try:
        code = [describe_code(base, files) for base in bases]
    except ValueError as error:
        raise ConfigError(f"stage '{kind.name}': {error}") from None
    return {"source": digest([kind.__qualname__, dict(files), code])}
