"""Values that came from the environment are written as `${NAME}`: they may be secrets, and nobody knows which are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

_LEAST = 4  # characters of a value that is looked for inside other text; shorter ones would be found everywhere
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_learned: dict[str, str] = {}


def register_variable(name: str, value: str) -> None:
    """Take note of a variable of the environment that was expanded."""
    if value:
        _learned[value] = f"${{{name}}}"


def mask_secrets(value: Any) -> Any:
    """Return text, or the texts inside lists, mappings and records, without secrets.

    Expanded variables become `${NAME}`, passwords `***`.
    """
    if isinstance(value, str):
        if value in _learned:
            return _learned[value]
        for secret in sorted(_learned, key=len, reverse=True):
            if len(secret) >= _LEAST:
                value = value.replace(secret, _learned[secret])
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
