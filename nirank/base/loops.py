"""Loops over arrays in machine code: one way to compile them, which works wherever nirank is installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any


def compile_loop(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and numbers with numba when it is first called; other threads run meanwhile.

    The code is kept for later processes: beside the module, else in the user's cache directory, or where
    `NUMBA_CACHE_DIR` says. If none of these can be written, every process compiles for itself. Code is kept as long
    as no module of the folder changes.
    """
    import numba

    try:
        loop = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no place for its cache
        return numba.njit(nogil=True)(function)
    # numba looks at the function's own file only, but loops and constants of other modules are compiled into its code.
    if not numba.config.DISABLE_JIT:
        loop._cache._cache_file._source_stamp = _stamp_modules(Path(function.__code__.co_filename).parent)
    return loop


@cache
def _stamp_modules(folder: Path) -> tuple[tuple[str, float, int], ...]:
    """Return what tells a folder's modules from the same ones changed: names, times and sizes."""
    found = [(path.name, path.stat()) for path in folder.glob("*.py")]
    return tuple(sorted((name, stated.st_mtime, stated.st_size) for name, stated in found))
