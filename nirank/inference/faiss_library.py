"""FAISS: imported where it is needed, and held to one thread where its results depend on their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nirank.errors import MissingExtra


def import_faiss() -> Any:
    """Import FAISS; raise MissingExtra where it is not installed."""
    try:
        import faiss
    except ImportError:
        raise MissingExtra("approximate indexes and clusters need FAISS: pip install faiss-cpu") from None
    return faiss


@contextmanager
def use_one_thread(faiss: Any) -> Iterator[None]:
    """Have FAISS work in one thread, so that its sums are added in one order on every machine."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
