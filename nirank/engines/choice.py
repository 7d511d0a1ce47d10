"""The engine by its name, as configurations and the command line say it."""

from __future__ import annotations

import os

from nirank.base.work import Engine
from nirank.engines.local import LocalEngine
from nirank.errors import ConfigError, suggest

NAMES = ("local", "ray")


def check_engine(name: str) -> None:
    """Raise ConfigError unless this is the name of an engine: 'local', 'ray', 'ray:ADDRESS'."""
    kind, colon, address = name.partition(":")
    if kind not in NAMES or (colon and (kind == "local" or not address)):
        near = suggest(kind, NAMES) if kind not in NAMES else ""
        raise ConfigError(f"engine '{name}': expected local, ray or ray:ADDRESS, such as ray:auto{near}")


def make_engine(name: str | None, workers: int = 0) -> Engine | None:
    """Return an engine, or None where everything runs in this process.

    name     'local': worker processes on this machine; 'ray': a Ray cluster that is started here; 'ray:ADDRESS': one
             that runs; None: local workers where any are asked for
    workers  how many; 0: of local ones as many as there are cores, of a cluster what it has room for
    """
    if name is None:
        return LocalEngine(workers) if workers else None
    check_engine(name)
    kind, _, address = name.partition(":")
    if kind == "local":
        return LocalEngine(workers or os.cpu_count() or 1)
    from nirank.engines.ray_cluster import RayEngine

    return RayEngine(address or None, workers or None)
