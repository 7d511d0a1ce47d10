"""Values of options that cannot be changed: numbers, texts, tuples, and mappings that refuse it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NoReturn

import numpy as np


class FrozenDict(dict[str, Any]):
    """A mapping that can be part of a value."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("options of a stage cannot be changed; make another stage")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = clear = setdefault = popitem = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenDict, (dict(self),))


def freeze(value: Any) -> Any:
    """Return a value as part of a frozen one: lists and arrays as tuples, mappings that cannot be changed."""
    if isinstance(value, Mapping) and not isinstance(value, FrozenDict):
        return FrozenDict({str(key): freeze(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return tuple(freeze(item) for item in value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted(map(freeze, value), key=repr))  # whatever order they have here
    if isinstance(value, np.ndarray) or type(value).__module__.partition(".")[0] in ("pandas", "pyarrow"):
        return freeze(value.tolist()) if hasattr(value, "tolist") else value
    return value.item() if isinstance(value, np.generic) else value  # `repr` must not name numpy


def is_finite(value: Any) -> bool:
    """Tell whether no number in a frozen value is infinite or NaN."""
    if isinstance(value, (tuple, Mapping)):
        return all(map(is_finite, value.values() if isinstance(value, Mapping) else value))
    return not isinstance(value, float) or math.isfinite(value)
