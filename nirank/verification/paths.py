"""Which configurations there are under files and folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nirank.config.reader import Config, load_config
from nirank.errors import ConfigError


def find_configurations(paths: Iterable[Path], *, accept: bool = False) -> dict[Path, Config | ConfigError]:
    """Read the configurations under files and folders, sorted by path within each folder.

    In folders, YAML files with collections, systems and measures count, results and hidden folders aside. One that
    cannot be read (its model has not been made yet, say) has the mistakes in its place, and the others are read.

    accept  take those without expected scores too
    Raises ConfigError with all mistakes in files that are named, of which missing expected scores are one; and where
    nothing can be read at all.
    """
    configs: dict[Path, Config | ConfigError] = {}
    mistakes: list[str] = []
    for path in paths:
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*.y*ml")) if _is_configuration(file, path)]
        else:
            files = [path]
        if not files:
            mistakes.append(f"{path}: holds no configuration; expected YAML files with collections, systems, measures")
        for file in files:
            try:
                config = load_config(file)
            except ConfigError as error:
                if file == path:
                    mistakes += error.messages
                configs[file] = error
                continue
            if config.expected is None and not accept and file == path:
                mistakes.append(
                    f"{file}: has no expected scores; 'nirank verify --accept {file}' writes those of a run"
                )
            configs[file] = config
    unread = [config for config in configs.values() if isinstance(config, ConfigError)]
    if not mistakes and len(unread) == len(configs):
        mistakes = [message for error in unread for message in error.messages]
    if mistakes:
        raise ConfigError(*mistakes)
    return configs


def _is_configuration(file: Path, folder: Path) -> bool:
    """Tell whether a YAML file in a folder looks like a configuration: by its keys at the beginning of lines."""
    if file.suffix not in (".yaml", ".yml") or any(part.startswith(".") for part in file.relative_to(folder).parts):
        return False
    text = file.read_text(encoding="utf-8", errors="replace")
    keys = {line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()}
    return {"collections", "systems", "measures"} <= keys
