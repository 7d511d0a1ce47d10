"""Why an artifact is not the same as another: the fields of their recipes that differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nirank.algebra.node import StoredArtifact
from nirank.errors import ConfigError
from nirank.store.local import LocalStore

_MAX_SHOWN = 120  # characters of a value


def explain_differences(store: LocalStore, address: str) -> tuple[StoredArtifact, StoredArtifact | None, list[str]]:
    """Return an artifact, the one most like it (same task, fewest fields that differ), and what differs.

    Where an input differs, the field of the input's own recipe is named, as far as the store knows it.
    Raises ConfigError where the address names no artifact, or several.
    """
    artifacts = {artifact.meta["address"]: artifact for artifact in store.read_artifacts()}
    matches = [known for known in artifacts if known.startswith(address)]
    if len(matches) != 1:
        several = ", ".join(sorted(matches)[:5])
        raise ConfigError(
            f"several artifacts have an address that begins with '{address}': {several}"
            if matches
            else f"no artifact has an address that begins with '{address}'; nirank cache ls lists them"
        )
    artifact = artifacts[matches[0]]
    nearest: tuple[int, float, StoredArtifact, list[str]] | None = None
    for other in artifacts.values():
        if other.meta["task"] != artifact.meta["task"] or other.meta["address"] == artifact.meta["address"]:
            continue
        lines = list(_compare_recipes(artifact.meta, other.meta, artifacts))
        age = -(other.folder / "artifact.json").stat().st_mtime
        if lines and (nearest is None or (len(lines), age) < nearest[:2]):
            nearest = (len(lines), age, other, lines)
    return (artifact, None, []) if nearest is None else (artifact, nearest[2], nearest[3])


def _compare_recipes(
    first: Mapping[str, Any], second: Mapping[str, Any], artifacts: Mapping[str, StoredArtifact], prefix: str = ""
) -> Iterator[str]:
    """Yield a line for each field in which two recipes differ."""
    if first["version"] != second["version"]:
        yield f"{prefix}version: {first['version']} here, {second['version']} there"
    here, there = _flatten(first["params"]), _flatten(second["params"])
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            yield f"{prefix}{name}: {_format_value(here, name)} here, {_format_value(there, name)} there"
    if len(first["inputs"]) != len(second["inputs"]):
        yield f"{prefix}inputs: {len(first['inputs'])} here, {len(second['inputs'])} there"
    for first_input, second_input in zip(first["inputs"], second["inputs"], strict=False):
        yield from _compare_inputs(first_input, second_input, artifacts, prefix)


def _compare_inputs(
    first: Mapping[str, Any], second: Mapping[str, Any], artifacts: Mapping[str, StoredArtifact], prefix: str
) -> Iterator[str]:
    role = f"{prefix}{first['role']}"
    if first["depth"] != second["depth"]:
        yield f"{role}: depth {first['depth']} here, {second['depth']} there"
    if first["address"] == second["address"]:
        return
    here, there = artifacts.get(first["address"]), artifacts.get(second["address"])
    if here and there and here.meta["task"] == there.meta["task"]:
        yield from _compare_recipes(here.meta, there.meta, artifacts, f"{role} › ")
    elif first["label"] == second["label"]:
        yield f"{role}: another content of {first['label']}"
    else:
        yield f"{role}: {first['label']} here, {second['label']} there"


def _flatten(value: Any, name: str = "") -> dict[str, Any]:
    """Return nested mappings as one, whose keys are paths: `model.revision`."""
    if isinstance(value, Mapping):
        flat: dict[str, Any] = {}
        for key, item in value.items():
            flat |= _flatten(item, f"{name}.{key}" if name else str(key))
        return flat
    return {name: value}


def _format_value(values: Mapping[str, Any], name: str) -> str:
    return "the default" if name not in values else repr(values[name])[:_MAX_SHOWN]
