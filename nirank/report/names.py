"""Names of files, from names of collections and systems, which may be any text."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from nirank.results.query_set import QuerySet, SetKey

Key = tuple[str, str | None, str]  # collection, split, system
K = TypeVar("K", bound=Hashable)

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 80  # characters: file systems allow 255 bytes, and endings follow
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def name_run_files(keys: Sequence[Key]) -> dict[Key, str]:
    """Return `runs/<collection>/<system>.run.gz` for each (collection, split, system); no two share a file.

    A second split of a collection adds `-<split>`.
    """
    first_split: dict[str, str | None] = {}
    folders: dict[tuple[str, str | None], str] = {}
    for collection, split, _ in keys:
        more = "" if first_split.setdefault(collection, split) == split else f"-{split}"
        folders[collection, split] = collection + more
    named = name_files(folders)
    systems = name_files({system: system for *_, system in keys})
    return {key: f"runs/{named[key[:2]]}/{systems[key[2]]}.run.gz" for key in keys}


def name_query_sets(query_sets: Iterable[QuerySet]) -> dict[SetKey, str]:
    """Return the folder of each query set, by collection, split and judgement set; no two share one."""
    return name_files({each.key: "-".join(part for part in each.key if part) for each in query_sets})


def name_files(labels: Mapping[K, str]) -> dict[K, str]:
    """Return a file name for each label: short, allowed on every system, and unlike all others whatever the case.

    Characters outside A–Z a–z 0–9 . _ - become `_`. A label that loses more than that (letters of other scripts, what
    is beyond 80 characters, a name that some system keeps for itself), and labels that would share a name, get 8 digits
    of the key's digest behind.
    """
    plain = {key: _UNSAFE.sub("_", label) for key, label in labels.items()}
    often = Counter(name.lower() for name in plain.values())
    return {
        key: _add_digest(key, plain[key]) if _loses_characters(label) or often[plain[key].lower()] > 1 else plain[key]
        for key, label in labels.items()
    }


def _loses_characters(label: str) -> bool:
    return (
        not label.isascii()
        or not label.strip(".")
        or label[0] == "."
        or label[-1] == "."
        or len(label) > _LONGEST
        or _RESERVED.fullmatch(label) is not None
    )


def _add_digest(key: Hashable, name: str) -> str:
    digest = hashlib.blake2b(repr(key).encode(), digest_size=4).hexdigest()
    return f"{name.replace('.', '_')[:_LONGEST]}-{digest}".lstrip("-")
