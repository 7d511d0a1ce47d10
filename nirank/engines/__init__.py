"""Who executes work that comes in shards."""

from nirank.engines.choice import check_engine, make_engine
from nirank.engines.local import LocalEngine
from nirank.engines.ray_cluster import RayEngine

__all__ = ["LocalEngine", "RayEngine", "check_engine", "make_engine"]
