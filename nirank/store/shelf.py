"""The store as a person looks at it: what is there, why it is not the same as something else, what can go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node, Stored
from nirank.base.amounts import format_size
from nirank.base.identity import to_canonical_json
from nirank.errors import ConfigError, suggest
from nirank.store.local import LocalStore, check_files, is_earlier
from nirank.store.unfinished import leftovers

_SHOWN = 120  # characters of a value


@dataclass(frozen=True)
class Item:
    """Something in the store: an artifact, or a memo's space.

    address  32 hexadecimal digits, the folder's name
    depth    of a ranking that was cut
    kind     'texts', 'ranking', 'pairs', 'folder', …, 'memo', 'unfinished' (what a training goes on from), or
             'leftover' (what is being written, or was when its process was killed)
    age_s    since it was written
    earlier  stored under earlier rules of addresses, so that nothing finds it any more
    """

    folder: Path
    address: str
    kind: str
    label: str
    bytes: int
    age_s: float
    depth: int | None = None
    earlier: bool = False


def contents(store: LocalStore) -> list[Item]:
    """Return everything in the store, the largest first."""
    now = time.time()
    found = [
        Item(
            one.folder,
            one.meta["address"],
            one.meta["kind"],
            one.meta["label"],
            sum(file["bytes"] for file in one.meta["files"].values()),
            now - (one.folder / "artifact.json").stat().st_mtime,
            one.meta["depth"],
            is_earlier(one.meta),
        )
        for one in store.artifacts()
    ]
    for folder, memo in store.all_memos():
        (what, _), *_ = memo.space.items()
        label = f"{what}, {len(memo):,} rows of {memo.kind.itemsize} bytes"
        sizes = [path.stat() for path in folder.iterdir()]
        newest = max(one.st_mtime for one in sizes)
        found.append(Item(folder, folder.name, "memo", label, sum(one.st_size for one in sizes), now - newest))
    found += [
        Item(left.folder, left.folder.name, "leftover", left.label, left.bytes, now - left.changed)
        for left in leftovers(store.root)
    ]
    for folder in store.root.glob("scratch/*"):
        files = [path.stat() for path in folder.rglob("*") if path.is_file()]
        newest = max((one.st_mtime for one in files), default=folder.stat().st_mtime)
        size = sum(one.st_size for one in files)
        found.append(Item(folder, folder.name, "unfinished", "what a training goes on from", size, now - newest))
    return sorted(found, key=lambda one: (-one.bytes, one.address))


def told_of_earlier(described: Iterable[Mapping[str, Any]]) -> str:
    """Say how much is stored under earlier rules of addresses, and how to remove it; '' where nothing is."""
    sizes = [sum(file["bytes"] for file in meta["files"].values()) for meta in described if is_earlier(meta)]
    if not sizes:
        return ""
    return (
        f"the store holds {len(sizes):,} artifacts ({format_size(sum(sizes))}) that an earlier version addressed by"
        " other rules: they are computed again; nirank cache rm --earlier removes the old ones"
    )


def chosen(
    items: Sequence[Item],
    addresses: Sequence[str] = (),
    *,
    kinds: Sequence[str] = (),
    older_s: float | None = None,
    larger: float | None = None,
    earlier: bool = False,
) -> list[Item]:
    """Return the items that all conditions hold for; an address is given by its first digits.

    Raises ConfigError for an address or a kind that nothing has.
    """
    wrong = [f"nothing stored has an address that begins with '{one}'" for one in addresses if not _named(items, [one])]
    there = sorted({one.kind for one in items})
    wrong += [
        f"nothing stored is of kind '{kind}'; there are {', '.join(there) or 'none'}{suggest(kind, there)}"
        for kind in kinds
        if kind not in there
    ]
    if wrong:
        raise ConfigError(*wrong)
    kept = _named(items, addresses) if addresses else items
    return [
        one
        for one in kept
        if (not kinds or one.kind in kinds)
        and (older_s is None or one.age_s >= older_s)
        and (larger is None or one.bytes >= larger)
        and (one.earlier or not earlier)
    ]


def _named(items: Sequence[Item], addresses: Sequence[str]) -> list[Item]:
    return [one for one in items if one.address.startswith(tuple(addresses))]


def used_memos(store: LocalStore, nodes: Iterable[Node]) -> set[str]:
    """Return the names of the memos that nodes use.

    An artifact says which it used. Of a node that is not stored, or was before artifacts said so, it is only known
    which model it runs: it may use every memo of that model, and those that name none.
    """
    used: set[str] = set()
    maybe: set[str | None] = set()
    for node in nodes:
        stored = store.find(node)
        if stored is not None and "memos" in stored.meta:
            used.update(stored.meta["memos"])
        else:
            maybe |= _models(node.params) or {None}
    for folder, memo in store.all_memos():
        if maybe & (_models(memo.space) or {None}):
            used.add(folder.name)
    return used


def _models(value: Any) -> set[str | None]:
    """Return the identities of models inside options or a memo's space, as text."""
    if not isinstance(value, Mapping):
        return set()
    found: set[str | None] = {to_canonical_json(dict(one)) for key, one in value.items() if _is_model(key, one)}
    return found.union(*map(_models, value.values()))


def _is_model(key: str, value: Any) -> bool:
    return key == "model" and isinstance(value, Mapping)


def remove(store: LocalStore, items: Iterable[Item]) -> list[Item]:
    """Remove items, and return those that a living process is at work on: they stay.

    Each is gone at once, by a rename, before its files are; who is killed meanwhile leaves a leftover.
    Raises StoreError where something cannot be removed.
    """
    busy = []
    for item in items:
        if item.kind == "leftover":
            gone = store.discard_leftover(item.folder)
        else:
            gone = item.kind != "unfinished" or not store.is_computed(item.address)
            if gone:
                store.discard(item.folder)
        if not gone:
            busy.append(item)
    return busy


def verify(store: LocalStore, items: Sequence[Item], damaged: Callable[[Item, str], None]) -> int:
    """Read every byte of items, remove what is not as it was written, and return how many were damaged."""
    n = 0
    memos = dict(store.all_memos())
    descriptions = {one.folder: one.meta for one in store.artifacts()}
    for item in items:
        if item.kind in ("unfinished", "leftover"):
            continue  # whoever goes on from there looks for himself
        if item.kind == "memo":
            lost = memos[item.folder].check()
            if lost:
                damaged(item, f"{lost} of its segments")
            n += lost > 0
            continue
        try:
            check_files(item.folder, descriptions[item.folder])
        except (OSError, ValueError) as error:
            store.discard(item.folder)
            damaged(item, str(error))
            n += 1
    return n


def differences(store: LocalStore, address: str) -> tuple[Stored, Stored | None, list[str]]:
    """Return an artifact, its nearest relative (same task, fewest fields that differ), and what differs.

    Where an input differs, the field of the input's own recipe is named, as far as the store knows it.
    Raises ConfigError where the address names no artifact, or several.
    """
    known = list(store.artifacts())
    named = {one.meta["address"]: one for one in known if one.meta["address"].startswith(address)}
    if len(named) != 1:
        several = ", ".join(sorted(named)[:5])
        raise ConfigError(
            f"several artifacts have an address that begins with '{address}': {several}"
            if named
            else f"no artifact has an address that begins with '{address}'; nirank cache ls lists them"
        )
    (one,) = named.values()
    by_address = {each.meta["address"]: each for each in known}
    best: tuple[int, float, Stored, list[str]] | None = None
    for other in by_address.values():
        if other.meta["task"] != one.meta["task"] or other.meta["address"] == one.meta["address"]:
            continue
        lines = list(_compare(one.meta, other.meta, by_address))
        age = -(other.folder / "artifact.json").stat().st_mtime
        if lines and (best is None or (len(lines), age) < best[:2]):
            best = (len(lines), age, other, lines)
    return (one, None, []) if best is None else (one, best[2], best[3])


def _compare(
    one: Mapping[str, Any], other: Mapping[str, Any], known: Mapping[str, Stored], where: str = ""
) -> Iterator[str]:
    if one["version"] != other["version"]:
        yield f"{where}version: {one['version']} here, {other['version']} there"
    here, there = _flat(one["params"]), _flat(other["params"])
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            yield f"{where}{name}: {_said(here, name)} here, {_said(there, name)} there"
    if len(one["inputs"]) != len(other["inputs"]):
        yield f"{where}inputs: {len(one['inputs'])} here, {len(other['inputs'])} there"
    for mine, theirs in zip(one["inputs"], other["inputs"], strict=False):
        yield from _compare_inputs(mine, theirs, known, where)


def _compare_inputs(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], known: Mapping[str, Stored], where: str
) -> Iterator[str]:
    role = f"{where}{mine['role']}"
    if mine["depth"] != theirs["depth"]:
        yield f"{role}: depth {mine['depth']} here, {theirs['depth']} there"
    if mine["address"] == theirs["address"]:
        return
    below, other = known.get(mine["address"]), known.get(theirs["address"])
    if below and other and below.meta["task"] == other.meta["task"]:
        yield from _compare(below.meta, other.meta, known, f"{role} › ")
        return
    labels = f"{mine['label']} here, {theirs['label']} there"
    same = mine["label"] == theirs["label"]
    yield f"{role}: {'another content of ' + mine['label'] if same else labels}"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, item in value.items():
            found |= _flat(item, f"{name}.{key}" if name else str(key))
        return found
    return {name: value}


def _said(values: Mapping[str, Any], name: str) -> str:
    return "the default" if name not in values else repr(values[name])[:_SHOWN]
