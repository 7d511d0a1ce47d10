"""The judgement sets of a collection: the source's own, or those that the user names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nirank.collections.sources.file_set import MAIN, FileSet
from nirank.collections.sources.source import Source
from nirank.errors import ConfigError, suggest
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import QrelsFile, read_qrels

QrelsOption = str | Path | Mapping[str, str | Path | Mapping[str, Any]] | None


def read_judgement_sets(
    source: Source, split: str | None, queries: Ids, qrels: QrelsOption, min_rel: int
) -> dict[str, tuple[QrelsFile, int]]:
    """Return the judgement sets by name, each with its least relevant grade.

    qrels  None: the source's own; a file; {name: file}; {name: {path: …, min_rel: …}}, where without
           a path the source's set of that name is meant, else its main one. A path may contain {split}, and
           a list of paths is one set.
    """
    source_sets = source.read_judgements(split, queries)
    if qrels is None:
        return {name: (file, min_rel) for name, file in source_sets.items()}
    sets: dict[str, tuple[QrelsFile, int]] = {}
    for name, option in _name_sets(qrels).items():
        options = _read_options(name, option)
        set_min_rel = options.get("min_rel", min_rel)
        if isinstance(set_min_rel, bool) or not isinstance(set_min_rel, int) or set_min_rel < 1:
            raise ConfigError(f"qrels: {name}: min_rel must be an integer from 1, got {set_min_rel!r}")
        if "path" in options:
            read = source.read_qrels if isinstance(source, FileSet) else read_qrels
            files = [read(path.replace("{split}", split or "")) for path in _list_paths(options)]
            sets[name] = (QrelsFile.join(files) if len(files) > 1 else files[0]), set_min_rel
        elif source_sets:
            sets[name] = source_sets.get(name, next(iter(source_sets.values()))), set_min_rel
        else:
            where = "" if split is None else f" for split '{split}'"
            raise ConfigError(
                f"qrels: {name}: the collection has no judgements of its own{where}; name a path, in which {{split}}"
                " stands for the split"
            )
    return sets


def _read_options(name: str, option: Any) -> dict[str, Any]:
    """Return what a user says of a judgement set as {path: …, min_rel: …}."""
    options = {"path": option} if isinstance(option, (str, Path)) else option
    if not isinstance(options, Mapping):
        raise ConfigError(f"qrels: {name}: expected a file, or {{path: …, min_rel: …}}, got {option!r}")
    wrong = [key for key in options if key not in ("path", "min_rel")]
    if wrong:
        near = suggest(str(wrong[0]), ("path", "min_rel"))
        raise ConfigError(f"qrels: {name}: there is no option '{wrong[0]}'; expected path and min_rel{near}")
    if "path" in options and not all(isinstance(path, (str, Path)) and str(path) for path in _as_list(options["path"])):
        raise ConfigError(f"qrels: {name}: expected a path, or a list of paths, got {options['path']!r}")
    if "path" in options and not _as_list(options["path"]):
        raise ConfigError(f"qrels: {name}: expected at least one path, got none")
    return dict(options)


def _list_paths(options: Mapping[str, Any]) -> list[str]:
    return [str(path) for path in _as_list(options["path"])]


def _as_list(path: Any) -> Sequence[Any]:
    return path if isinstance(path, (list, tuple)) else [path]


def drop_split_files(qrels: QrelsOption) -> QrelsOption:
    """Return the judgement sets of one split as options for the other splits: without files that are of this one."""
    if qrels is None:
        return None
    kept: dict[str, Mapping[str, Any]] = {}
    for name, option in _name_sets(qrels).items():
        options = _read_options(name, option)
        of_any_split = "path" in options and all("{split}" in path for path in _list_paths(options))
        kept[name] = options if of_any_split else {key: value for key, value in options.items() if key != "path"}
    return kept


def _name_sets(qrels: Any) -> Mapping[str, Any]:
    return qrels if isinstance(qrels, Mapping) else {MAIN: qrels}
