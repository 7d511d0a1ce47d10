"""Where artifacts are kept and found again."""

from nirank.store.local import LocalStore, open_store

__all__ = ["LocalStore", "open_store"]
