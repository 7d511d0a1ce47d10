"""Values that came from the environment are written as `${NAME}`: they may be secrets, and nobody knows which are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

_MIN_LENGTH = 4  # characters of a value that is looked for inside other text; shorter ones would be found everywhere
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_placeholders: dict[str, str] = {}


def register_variable(name: str, value: str) -> None:
    """Remember a variable of the environment that was expanded."""
    if value:
        _placeholders[value] = f"${{{name}}}"


def mask_secrets(value: Any) -> Any:
    """Return text, or the texts inside lists, mappings and records, without secrets.

    Expanded variables become `${NAME}`, passwords `***`.
    """
    if isinstance(value, str):
        if value in _placeholders:
            return _placeholders[value]
        for secret in sorted(_placeholders, key=len, reverse=True):
            if len(secret) >= _MIN_LENGTH:
                value = value.replace(secret, _placeholders[secret])
        return _PASSWORD.sub(r"\1:***@", value)
    if isinstance(value, Mapping):
        return {mask_secrets(key): mask_secrets(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(mask_secrets(item) for item in value)
    if isinstance(value, list):
        return [mask_secrets(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: mask_secrets(getattr(value, field.name)) for field in fields(value)})
    return value
