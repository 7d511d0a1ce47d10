"""What all tests share: where the real collections lie, and small collections to think with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Tests run in several processes; in each, threads that wait for each other would make small models a hundred times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real collections; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the real collections in {SHARED.parent.name}/{SHARED.name} beside the checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _own_store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's store."""
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path_factory.getbasetemp() / "store"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first, so that no process is left with them while the other has nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
