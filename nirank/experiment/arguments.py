"""What callers ask of an experiment, as they give it: collections, and systems by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from nirank.algebra.pipeline import Pipeline
from nirank.collections.collection import Collection
from nirank.errors import ConfigError


def as_collections(given: Any) -> tuple[Collection, ...]:
    """Return one collection, or several, as a tuple; raise ConfigError for what is none."""
    listed = [given] if isinstance(given, (Collection, str, Path)) or not isinstance(given, Iterable) else given
    collections = tuple(listed)
    for collection in collections:
        if not isinstance(collection, Collection):
            hint = f"; load({str(collection)!r}) reads one" if isinstance(collection, (str, Path)) else ""
            raise ConfigError(f"collections: expected what load or Collection.of gives, got {collection!r}{hint}")
    return collections


def as_systems(given: Any) -> dict[str, Pipeline]:
    """Return pipelines by name; names that are numbers become text. Raise ConfigError for what is no mapping."""
    if not isinstance(given, Mapping):
        hint = "; give it a name: {'BM25': BM25()}" if isinstance(given, Pipeline) else ""
        raise ConfigError(f"systems: expected a mapping of names to pipelines, got {given!r}{hint}")
    systems: dict[str, Pipeline] = {}
    for name, pipeline in given.items():
        if isinstance(name, bool) or not isinstance(name, (str, Real)):
            raise ConfigError(f"systems: a name is text, got {name!r}")
        if str(name) in systems:
            raise ConfigError(f"systems: two are called '{name}'")
        systems[str(name)] = pipeline
    return systems


def check_name(what: str, name: Any) -> Iterator[str]:
    """Yield what is wrong with a name: tables, files and pages show it on one line."""
    if not isinstance(name, str):
        yield f"{what} {name!r}: a name is text"
    elif not any(character.isprintable() and not character.isspace() for character in name):
        yield f"{what} {name!r}: a name must have at least one visible character"
    elif any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        yield f"{what} {name!r}: a name is one line without control characters"
