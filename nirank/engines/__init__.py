"""Who executes work that comes in shards."""

from nirank.engines.local import LocalEngine

__all__ = ["LocalEngine"]
