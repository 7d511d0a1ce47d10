"""Paths in a configuration: relative to its folder, or to the working directory if only there they exist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo

from nirank.base.files import expand_path
from nirank.config.sections import Expectation


def resolve_path(text: str, folder: Path) -> Path:
    """Return a path relative to a configuration's folder, or to the working directory if only there it exists."""
    path = expand_path(text)
    beside = folder / path
    possible = [choice for choice in (beside, path) if choice.exists() or choice.parent.exists()]
    existing = [choice for choice in possible if choice.exists()]
    return (existing or possible or [beside])[0]


def resolve_source(text: str, folder: Path) -> str:
    """Make the path of a collection's folder absolute; an id of ir_datasets stays what it is."""
    path = resolve_path(text, folder)
    inside = path.parent.is_dir() and (text.startswith((".", "/", "~")) or Path(text).parent != Path())
    return str(path) if path.exists() or inside else text


def _resolve_any(text: str, info: ValidationInfo) -> str:
    return str(resolve_path(text, _get_folder(info)))


def _resolve_existing(text: str, info: ValidationInfo) -> str:
    path = resolve_path(text, _get_folder(info))
    return str(path) if path.exists() else text


def _resolve_source(text: str, info: ValidationInfo) -> str:
    return resolve_source(text, _get_folder(info))


def _resolve_files(value: Any, info: ValidationInfo) -> Any:
    """Make the paths of files absolute where such files exist; the name of a version stays what it is."""
    if isinstance(value, dict):
        return {key: item if key == "min_rel" else _resolve_files(item, info) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve_files(item, info) for item in value]
    path = resolve_path(value, _get_folder(info)) if isinstance(value, str) else None
    return str(path) if path is not None and (path.exists() or "{" in path.name) else value


def _get_folder(info: ValidationInfo) -> Path:
    folder: Path = info.context.folder  # type: ignore[union-attr]
    return folder


_PathText = Annotated[str, Field(min_length=1), Expectation("a path")]
FilePath = Annotated[_PathText, AfterValidator(_resolve_any)]
SourcePath = Annotated[_PathText, AfterValidator(_resolve_existing)]
CollectionSource = Annotated[str, Field(min_length=1), Expectation("text"), AfterValidator(_resolve_source)]
RESOLVE_FILES = AfterValidator(_resolve_files)
