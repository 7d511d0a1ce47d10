"""Other values of an option, from its type alone, so that a new option is tried without being named anywhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from nirank.algebra.pipeline import Pipeline
from nirank.errors import ConfigError
from nirank.inference.encoder import choose_device
from nirank.inference.quantised_layers import explain_no_int8

# Decided when a plan is made; and what this machine refuses then.
UNPLANNED = ("auto",) if explain_no_int8(choose_device("auto")) is None else ("auto", "int8")


def vary_options(value: Any, skip: tuple[Any, ...] = UNPLANNED) -> Iterator[tuple[str, Any]]:
    """Yield (option, the same data class with another value of that option), several for each option.

    skip  values that are not tried
    """
    for name in [field.name for field in dataclasses.fields(value) if field.name not in ADDRESSED_BY_OUTCOME]:
        for other_value in list_other_values(getattr(value, name), read_hint(value, name)):
            if other_value in skip or (
                other_value == getattr(value, name) and type(other_value) is type(getattr(value, name))
            ):
                continue
            try:
                variant = dataclasses.replace(value, **{name: other_value})
            except (ConfigError, TypeError):
                continue
            yield name, variant


def read_hint(value: Any, name: str) -> Any:
    """Return the type of a field; Any where it is known to type checkers only."""
    try:
        return get_type_hints(type(value), include_extras=True)[name]
    except NameError:
        return Any


def list_other_values(value: Any, kind: Any) -> Iterator[Any]:
    """Yield values of a type that are not `value`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        kind, origin, inner = inner[0], get_origin(inner[0]), get_args(inner[0])
    if origin in (Union, UnionType):
        tried: list[Any] = []  # a whole number is a number too
        for option_type in inner:
            if option_type is NoneType:
                yield from () if value is None else (None,)
                continue
            others = [other for other in list_other_values(value, option_type) if other not in tried]
            tried += others
            yield from others
    elif origin is Literal:
        yield from (choice for choice in inner if choice != value)
    elif isinstance(value, bool) or kind is bool:
        yield from (choice for choice in (True, False) if choice is not value)
    elif kind is int:
        yield from (value + 1, value + 7) if isinstance(value, int) else (7, 8)
    elif kind is float:
        yield from (value / 2, value / 3 + 0.25, value + 1) if isinstance(value, (int, float)) else (0.5, 0.75)
    elif kind is str:
        yield from OF_TEXT.get(value, (f"{value}x",)) if isinstance(value, str) else ("title", "mean", "text")
    elif origin is tuple and isinstance(value, tuple) and value and not any(map(dataclasses.is_dataclass, value)):
        changed = next(list_other_values(value[0], inner[0]), None)
        yield from (value[::-1], value[:-1], (*value, value[0]), *([] if changed is None else [(changed, *value[1:])]))
    elif origin is tuple:
        items = [next(list_other_values(None, item_type), None) for item_type in inner if item_type is not Ellipsis]
        yield from (tuple(items), tuple(items * 2))
    elif isinstance(value, Mapping):
        yield from ({**value, "another": 1}, {key: {"not": "other"} for key in value})
        yield {f"{key}x": item for key, item in value.items()}
        yield dict.fromkeys(value, "text")
    elif (isinstance(kind, type) and issubclass(kind, Mapping)) or (origin is not None and issubclass(origin, Mapping)):
        yield from ({"title": 1.0}, {"title": 1.0, "text": 2.0}, {"title": 2.0, "text": 1.0})
    elif isinstance(value, Pipeline):  # what a system is made of has tests of its own
        return
    elif dataclasses.is_dataclass(value):
        yield from (changed_item for _, changed_item in vary_options(value))
    elif dataclasses.is_dataclass(kind) and not any(
        field.default is field.default_factory is dataclasses.MISSING for field in dataclasses.fields(kind)
    ):
        yield kind()


# What is in an address by what comes of it: the questions that are left out (test_training_identity.py).
ADDRESSED_BY_OUTCOME = {"on_overlap"}

# Where another text must be one of a few.
OF_TEXT: Mapping[str, tuple[str, ...]] = {
    "english": ("german", "standard"),
    "nDCG@10": ("AP", "nDCG@5"),
    "title": ("text",),
    "text": ("title",),
}
