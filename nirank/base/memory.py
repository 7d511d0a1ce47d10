"""Main memory: what this process holds, how much a computation will need, and how large its blocks may be.

The memory meant is the process's own. Files that are mapped do not count: the system takes their pages back as it
needs them. A ceiling is the process's, so it is kept here, for all threads, and not handed from call to call.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20

# What loading a library adds, measured on Linux with torch 2.13 and a JVM whose heap has its least size, rounded up.
_LIBRARIES = {
    "torch": ("sentence_transformers", 400 * MIB),
    "java": ("jnius", 128 * MIB),
    "faiss": ("faiss", 16 * MIB),
    "numba": ("nirank.lexical.kernels", 128 * MIB),  # to compile the loops; half of it where they are in its cache
}
WORKER_BYTES = 64 * MIB  # a worker process before it loads anything

_BLOCK_SHARE = 0.9  # of what the ceiling leaves: what a block needs beside its items must find room too

_ceiling: int | None = None
_block_bytes = 0  # of the largest block since `take_block_bytes`


class Sizes(NamedTuple):
    """How much a computation works on, at most.

    queries, docs, texts                   rows of its inputs in these roles, 0 where it has none; `texts` also of
                                           those that its index, vectors or passages were made of
    query_bytes, doc_bytes, text_bytes     of their columns
    listed                                 pairs in its lists together
    scoped                                 pairs that it is restricted to, or reads otherwise
    pairs                                  pairs in its result, 0 where that is no list
    """

    queries: int = 0
    docs: int = 0
    texts: int = 0
    query_bytes: int = 0
    doc_bytes: int = 0
    text_bytes: int = 0
    listed_pairs: int = 0
    scoped_pairs: int = 0
    result_pairs: int = 0


class MemoryNeed(NamedTuple):
    """Bytes that a computation holds at the least, its lists aside: in this process, and in each worker process."""

    main: int = 0
    worker: int = 0


NeedEstimator = Callable[[Sizes], MemoryNeed]


def measure_process_memory(process_id: int | None = None) -> int:
    """Return the bytes that a process holds now, this one by default; where the system does not tell, 0."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process_id or 'self'}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
    return 0


def estimate_library_memory(name: str) -> int:
    """Return the bytes that loading a library will add: 'torch', 'java', 'faiss' or 'numba'; 0 if it is loaded."""
    module, size = _LIBRARIES[name]
    return 0 if module in sys.modules else size


@contextmanager
def limit_memory(most: int | None) -> Iterator[None]:
    """Hold this process to so many bytes, as far as blocks can be made smaller; None: no ceiling."""
    global _ceiling
    before, _ceiling = _ceiling, most
    try:
        yield
    finally:
        _ceiling = before


def fit_block_size(usual: int, each: float) -> int:
    """Return how many items of `each` bytes to work on at a time: the usual number, or fewer under a ceiling.

    Nine tenths of what the ceiling leaves may be used; one item at least is worked on.
    """
    global _block_bytes
    room = measure_headroom()
    n = usual if room is None else max(min(usual, int(_BLOCK_SHARE * room / each)), 1)
    _block_bytes = max(_block_bytes, int((n - 1) * each))
    return n


def take_block_bytes() -> int:
    """Return by how much the largest block since the last call could have been smaller, and begin anew."""
    global _block_bytes
    taken, _block_bytes = _block_bytes, 0
    return taken


def measure_headroom() -> int | None:
    """Return the bytes that the ceiling leaves now, None without one."""
    return None if _ceiling is None else max(_ceiling - measure_process_memory(), 0)


def release_memory() -> None:
    """Let the system have what was freed."""
    gc.collect()
    with suppress(OSError, AttributeError):  # a C library without malloc_trim
        ctypes.CDLL(None).malloc_trim(0)
