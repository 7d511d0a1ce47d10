"""Which configurations there are under files and folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nirank.config.reader import Config, load_config
from nirank.errors import ConfigError


def find_configurations(paths: Iterable[Path], *, accept: bool = False) -> dict[Path, Config]:
    """Read the configurations under files and folders, sorted by path within each folder.

    In folders, YAML files with collections, systems and measures count, results and hidden folders aside.

    accept  take those without expected scores too
    Raises ConfigError with all mistakes; a configuration that is named, and has no expected scores, is one.
    """
    configs: dict[Path, Config] = {}
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
                mistakes += error.messages
                continue
            if config.expected is None and not accept and file == path:
                mistakes.append(
                    f"{file}: has no expected scores; 'nirank verify --accept {file}' writes those of a run"
                )
            configs[file] = config
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
