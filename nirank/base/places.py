"""Where things are kept between runs: the folder that NIRANK_STORE names, or the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def find_cache_folder() -> Path:
    """Return the folder, which need not exist; `~` stands as the user wrote it."""
    named = os.environ.get("NIRANK_STORE")
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("nirank", appauthor=False))
