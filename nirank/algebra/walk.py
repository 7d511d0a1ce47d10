"""One walk over everything that a pipeline is made of: composites, stages, their options, models and training sets.

All of them are frozen data classes, tuples and mappings. `children` and `with_children` say what a value is made of and
make it again of other parts; `walk` and `transform` are built on these two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Kinds = type | tuple[type, ...]


def children(value: Any) -> tuple[Any, ...]:
    """Return what a value is made of directly; nothing for a number, a text, or another value without parts."""
    if _is_data(value):
        return tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return tuple(value.values()) if isinstance(value, Mapping) else ()


def with_children(value: Any, parts: Iterable[Any]) -> Any:
    """Return the value with other parts, given in the order of `children`; itself where all are the same."""
    old, new = children(value), tuple(parts)
    changed = [after is not before for before, after in zip(old, new, strict=True)]
    if not any(changed):
        return value
    if _is_data(value):
        fields = zip(dataclasses.fields(value), new, changed, strict=True)
        return dataclasses.replace(value, **{field.name: part for field, part, differs in fields if differs})
    return type(value)(zip(value, new, strict=True) if isinstance(value, Mapping) else new)


def walk(value: Any, closed: Kinds = ()) -> Iterator[Any]:
    """Yield a value and everything that it is made of, outer values first.

    closed  kinds of values that are yielded, but not what they are made of
    """
    yield value
    if not isinstance(value, closed):
        for part in children(value):
            yield from walk(part, closed)


def transform(value: Any, change: Callable[[Any], Any], closed: Kinds = ()) -> Any:
    """Return the value with `change` applied to everything in it, inner values first; what stays equal is kept.

    change  returns its argument where nothing is to be changed
    closed  kinds of values that `change` sees, but not what they are made of
    """
    if isinstance(value, closed):
        return change(value)
    return change(with_children(value, (transform(part, change, closed) for part in children(value))))


def _is_data(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)
