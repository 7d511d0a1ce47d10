"""Options of frozen data classes: which differ from their defaults, and values as their types want them."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from nirank.errors import ConfigError, suggest


def find_changed_fields(value: Any) -> dict[str, Any]:
    """Return the fields of a data class that differ from their defaults, by name."""
    changed = {}
    for field in dataclasses.fields(value):
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        current = getattr(value, field.name)
        if default is dataclasses.MISSING or current != default:
            changed[field.name] = current
    return changed


def to_expression(value: Any) -> str:
    """Return a data class as an expression that gives it again, with the fields that differ from their defaults."""
    return (
        f"{type(value).__name__}({', '.join(f'{name}={item!r}' for name, item in find_changed_fields(value).items())})"
    )


def convert_value(hint: Any, value: Any) -> Any:
    """Return a value as a type has it: '5' as a number where numbers are wanted.

    Raises ConfigError, with the value, for what the type does not allow.
    """
    return _validate(_make_adapter(hint), value)


def fit_fields(value: Any, where: str) -> None:
    """Give each field of a frozen data class the type that it is declared with: '5' becomes a number, a path text.

    where  begins the message
    Raises ConfigError, with option and value, for what does not fit; the defaults are left alone.
    """
    for field in dataclasses.fields(value):
        given, hint = getattr(value, field.name), get_field_type(type(value), field.name)
        if given is field.default or fits(hint, given):
            continue
        if isinstance(given, bool):
            raise ConfigError(f"{where}: {field.name}: expected {_describe_type(hint)}, got {given}")
        try:
            object.__setattr__(
                value, field.name, convert_value(hint, os.fspath(given) if isinstance(given, Path) else given)
            )
        except ConfigError as error:
            raise ConfigError(f"{where}: {field.name}: {error}") from None


def fits(hint: Any, value: Any) -> bool:
    """Tell whether a value is of a type, as far as the type says; True and False are no numbers here."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return fits(args[0], value)
    if origin in (Union, UnionType):
        return any(fits(arg, value) for arg in args)
    if origin is Literal:
        return any(value == arg and type(value) is type(arg) for arg in args)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    if hint is None or hint is Any:
        return hint is Any or value is None
    kind = origin or hint
    if not isinstance(kind, type):
        return True  # what cannot be told by looking
    if not isinstance(value, kind):
        return False
    if isinstance(value, Mapping) and len(args) == 2:
        return all(fits(args[0], key) and fits(args[1], item) for key, item in value.items())
    if isinstance(value, tuple) and args:
        items = args[:1] * len(value) if args[-1] is Ellipsis else args
        return len(items) == len(value) and all(map(fits, items, value))
    if isinstance(value, (list, tuple)) and args:
        return all(fits(args[0], item) for item in value)
    return True


def _describe_type(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", type(None): "None", bool: "True or False"}
    types = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return " or ".join(names.get(kind, str(kind).removeprefix("typing.")) for kind in types)


def convert_field(kind: type, name: str, value: Any) -> Any:
    """Return a value as a field of a data class has it: lists as tuples, mappings as data classes, '1e-5' as a number.

    Raises ConfigError, with the value, for what the field's type does not allow.
    """
    return _validate(_make_adapter(get_field_type(kind, name)), value)


def _validate(adapter: Any, value: Any) -> Any:
    from pydantic import ValidationError

    try:
        return adapter.validate_python((value,))[0]
    except ValidationError as error:
        first = error.errors()[0]
        if "error" in first.get("ctx", {}) and isinstance(first["ctx"]["error"], ConfigError):
            raise first["ctx"]["error"] from None  # it says the value itself
        message = first["msg"].replace("valid tuple", "list")
        if first["type"] == "unexpected_keyword_argument":
            raise ConfigError(f"there is no option '{first['loc'][-1]}'") from None
        if first["type"] == "missing":
            raise ConfigError(f"'{first['loc'][-1]}' is missing, got {first['input']!r}") from None
        raise ConfigError(f"{message[0].lower()}{message[1:]}, got {first['input']!r}{suggest_choice(first)}") from None


def suggest_choice(mistake: Mapping[str, Any]) -> str:
    """Return the nearest of the words that an option can be, for one of pydantic's errors; '' for other errors."""
    if mistake["type"] != "literal_error":
        return ""
    return suggest(str(mistake["input"]), re.findall(r"'([^']+)'", mistake["ctx"]["expected"]))


def get_field_type(kind: type, name: str) -> Any:
    """Return the type of a data class's field; Any where it is imported for type checkers only."""
    try:
        return _get_hints(kind)[name]
    except NameError:
        return Any


@cache
def _get_hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _make_adapter(hint: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    # in a tuple: for a data class by itself pydantic takes no configuration
    return TypeAdapter(tuple[hint], config=ConfigDict(arbitrary_types_allowed=True, extra="forbid"))
