"""The judgement sets of a collection: the source's own, or those that the user names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nirank.collections.sources.file_set import MAIN, FileSet
from nirank.collections.sources.source import Source
from nirank.errors import ConfigError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgements import QrelsFile, read_qrels

QrelsOption = str | Path | Mapping[str, str | Path | Mapping[str, Any]] | None


def read_judgement_sets(
    source: Source, split: str | None, queries: Ids, asked: QrelsOption, min_rel: int
) -> dict[str, tuple[QrelsFile, int]]:
    """Return the judgement sets by name, each with its least relevant grade.

    asked  None: the source's own; a file; {name: file}; {name: {path: …, min_rel: …}}, where without
           a path the source's set of that name is meant, else its main one. A path may contain {split}.
    """
    own = source.read_judgements(split, queries)
    if asked is None:
        return {name: (one, min_rel) for name, one in own.items()}
    wanted = asked if isinstance(asked, Mapping) else {MAIN: asked}
    sets: dict[str, tuple[QrelsFile, int]] = {}
    for name, one in wanted.items():
        options = _set_options(name, one)
        least = options.get("min_rel", min_rel)
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise ConfigError(f"qrels: {name}: min_rel must be an integer from 1, got {least!r}")
        if "path" in options:
            path = str(options["path"]).replace("{split}", split or "")
            sets[name] = (source.read_qrels(path) if isinstance(source, FileSet) else read_qrels(path)), least
        elif own:
            sets[name] = own.get(name, next(iter(own.values()))), least
        else:
            where = "" if split is None else f" for split '{split}'"
            raise ConfigError(
                f"qrels: {name}: the collection has no judgements of its own{where}; name a path, in which {{split}}"
                " stands for the split"
            )
    return sets


def _set_options(name: str, asked: Any) -> dict[str, Any]:
    """Return what is asked of a judgement set as {path: …, min_rel: …}."""
    options = {"path": asked} if isinstance(asked, (str, Path)) else asked
    if not isinstance(options, Mapping):
        raise ConfigError(f"qrels: {name}: expected a file, or {{path: …, min_rel: …}}, got {asked!r}")
    wrong = [key for key in options if key not in ("path", "min_rel")]
    if wrong:
        near = suggest(str(wrong[0]), ("path", "min_rel"))
        raise ConfigError(f"qrels: {name}: there is no option '{wrong[0]}'; expected path and min_rel{near}")
    if "path" in options and (not isinstance(options["path"], (str, Path)) or not str(options["path"])):
        raise ConfigError(f"qrels: {name}: expected a path, got {options['path']!r}")
    return dict(options)


def drop_split_files(asked: QrelsOption) -> QrelsOption:
    """Return what is asked of a split's judgements as it is asked of the others: files of one split are not theirs."""
    if asked is None:
        return None
    found: dict[str, Mapping[str, Any]] = {}
    for name, one in (asked if isinstance(asked, Mapping) else {MAIN: asked}).items():
        options = _set_options(name, one)
        whose = "{split}" in str(options.get("path", ""))
        found[name] = options if whose else {key: value for key, value in options.items() if key != "path"}
    return found
