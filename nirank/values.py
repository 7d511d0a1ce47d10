"""Values inside values: walk through frozen data classes, tuples and mappings, and rebuild them with something else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def inside(value: Any) -> Iterator[Any]:
    """Yield a value and everything that it is made of, outer values first."""
    yield value
    if _is_data(value):
        for one in dataclasses.fields(value):
            yield from inside(getattr(value, one.name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from inside(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from inside(item)


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return the value with `change` applied to everything in it, inner values first; what stays equal is kept.

    change  returns its argument where nothing is to be changed
    """
    if _is_data(value):
        found = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        made = {name: rebuilt(item, change) for name, item in found.items()}
        other = {name: item for name, item in made.items() if item is not found[name]}
        return change(dataclasses.replace(value, **other) if other else value)
    if isinstance(value, (list, tuple)):
        items = [rebuilt(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return change(value if same else type(value)(items))
    if isinstance(value, Mapping):
        there = {key: rebuilt(item, change) for key, item in value.items()}
        return change(value if all(there[key] is value[key] for key in value) else type(value)(there))  # type: ignore[call-arg]
    return change(value)


def _is_data(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def changed(value: Any) -> dict[str, Any]:
    """Return the fields of a data class that differ from their defaults, by name."""
    found = {}
    for one in dataclasses.fields(value):
        default = one.default_factory() if one.default_factory is not dataclasses.MISSING else one.default
        here = getattr(value, one.name)
        if default is dataclasses.MISSING or here != default:
            found[one.name] = here
    return found


def shown(value: Any) -> str:
    """Return a data class as an expression that gives it again, with the fields that differ from their defaults."""
    return f"{type(value).__name__}({', '.join(f'{name}={one!r}' for name, one in changed(value).items())})"
