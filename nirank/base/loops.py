"""Loops over arrays in machine code: one way to compile them, which works wherever nirank is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile_loop(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and numbers with numba when it is first called; other threads run meanwhile.

    The code is kept for later processes: beside the module, else in the user's cache directory, or where
    `NUMBA_CACHE_DIR` says. If none of these can be written, every process compiles for itself.
    """
    import numba

    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(nogil=True)(function)
