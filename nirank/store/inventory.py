"""The store as a person looks at it: what is in it, what can be removed, what is damaged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node
from nirank.base.amounts import format_size
from nirank.base.identity import to_canonical_json
from nirank.errors import ConfigError, suggest
from nirank.store.leftovers import list_leftovers
from nirank.store.local import LocalStore, check_files, has_earlier_addressing


@dataclass(frozen=True)
class StoredItem:
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


def list_items(store: LocalStore) -> list[StoredItem]:
    """Return everything in the store, the largest first."""
    now = time.time()
    items = [*_list_artifacts(store, now), *_list_memos(store, now), *_list_scratch_folders(store, now)]
    for leftover in list_leftovers(store.root):
        name, age_s = leftover.folder.name, now - leftover.changed
        items.append(StoredItem(leftover.folder, name, "leftover", leftover.label, leftover.bytes, age_s))
    return sorted(items, key=lambda item: (-item.bytes, item.address))


def _list_artifacts(store: LocalStore, now: float) -> Iterator[StoredItem]:
    for artifact in store.read_artifacts():
        meta = artifact.meta
        yield StoredItem(
            artifact.folder,
            meta["address"],
            meta["kind"],
            meta["label"],
            sum(file["bytes"] for file in meta["files"].values()),
            now - (artifact.folder / "artifact.json").stat().st_mtime,
            meta["depth"],
            has_earlier_addressing(meta),
        )


def _list_memos(store: LocalStore, now: float) -> Iterator[StoredItem]:
    for folder, memo in store.open_all_memos():
        (purpose, _), *_ = memo.space.items()
        label = f"{purpose}, {len(memo):,} rows of {memo.row_type.itemsize} bytes"
        stats = [path.stat() for path in folder.iterdir()]
        newest = max(stat.st_mtime for stat in stats)
        yield StoredItem(folder, folder.name, "memo", label, sum(stat.st_size for stat in stats), now - newest)


def _list_scratch_folders(store: LocalStore, now: float) -> Iterator[StoredItem]:
    for folder in store.root.glob("scratch/*"):
        stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
        newest = max((stat.st_mtime for stat in stats), default=folder.stat().st_mtime)
        size = sum(stat.st_size for stat in stats)
        yield StoredItem(folder, folder.name, "unfinished", "what a training goes on from", size, now - newest)


def describe_earlier(descriptions: Iterable[Mapping[str, Any]]) -> str:
    """Say how much is stored under earlier rules of addresses, and how to remove it; '' where nothing is."""
    earlier = filter(has_earlier_addressing, descriptions)
    sizes = [sum(file["bytes"] for file in meta["files"].values()) for meta in earlier]
    if not sizes:
        return ""
    return (
        f"the store holds {len(sizes):,} artifacts ({format_size(sum(sizes))}) that an earlier version addressed by"
        " other rules: they are computed again; nirank cache rm --earlier removes the old ones"
    )


def select_items(
    items: Sequence[StoredItem],
    addresses: Sequence[str] = (),
    *,
    kinds: Sequence[str] = (),
    older_s: float | None = None,
    larger: float | None = None,
    earlier: bool = False,
) -> list[StoredItem]:
    """Return the items that all conditions hold for; an address is given by its first digits.

    Raises ConfigError for an address or a kind that nothing has.
    """
    mistakes = [
        f"nothing stored has an address that begins with '{address}'"
        for address in addresses
        if not _match_addresses(items, [address])
    ]
    known = sorted({item.kind for item in items})
    mistakes += [
        f"nothing stored is of kind '{kind}'; there are {', '.join(known) or 'none'}{suggest(kind, known)}"
        for kind in kinds
        if kind not in known
    ]
    if mistakes:
        raise ConfigError(*mistakes)
    return [
        item
        for item in (_match_addresses(items, addresses) if addresses else items)
        if (not kinds or item.kind in kinds)
        and (older_s is None or item.age_s >= older_s)
        and (larger is None or item.bytes >= larger)
        and (item.earlier or not earlier)
    ]


def _match_addresses(items: Sequence[StoredItem], addresses: Sequence[str]) -> list[StoredItem]:
    return [item for item in items if item.address.startswith(tuple(addresses))]


def find_used_memos(store: LocalStore, nodes: Iterable[Node]) -> set[str]:
    """Return the names of the memos that nodes use.

    An artifact says which it used. Of a node that is not stored, or was before artifacts said so, it is only known
    which model it runs: it may use every memo of that model, and those that name none.
    """
    used: set[str] = set()
    models: set[str | None] = set()  # of nodes that do not say; None: a node without a model
    for node in nodes:
        stored = store.find(node)
        if stored is not None and "memos" in stored.meta:
            used.update(stored.meta["memos"])
        else:
            models |= _find_models(node.params) or {None}
    for folder, memo in store.open_all_memos():
        if models & (_find_models(memo.space) or {None}):
            used.add(folder.name)
    return used


def _find_models(value: Any) -> set[str | None]:
    """Return the identities of models inside options or a memo's space, as text."""
    if not isinstance(value, Mapping):
        return set()
    models: set[str | None] = {to_canonical_json(dict(item)) for key, item in value.items() if _is_model(key, item)}
    return models.union(*map(_find_models, value.values()))


def _is_model(key: str, value: Any) -> bool:
    return key == "model" and isinstance(value, Mapping)


def remove_items(store: LocalStore, items: Iterable[StoredItem]) -> list[StoredItem]:
    """Remove items, and return those that a living process is using: they stay.

    Each is renamed first, so that it is gone at once; a process that is killed meanwhile leaves a leftover.
    Raises StoreError where something cannot be removed.
    """
    busy = []
    for item in items:
        if item.kind == "leftover":
            is_free = store.discard_leftover(item.folder)
        else:
            is_free = item.kind != "unfinished" or not store.is_in_progress(item.address)
            if is_free:
                store.discard(item.folder)
        if not is_free:
            busy.append(item)
    return busy


def verify_items(store: LocalStore, items: Sequence[StoredItem], tell: Callable[[StoredItem, str], None]) -> int:
    """Read every byte of items, remove the damaged ones, `tell` of each, and return how many they are."""
    count = 0
    memos = dict(store.open_all_memos())
    descriptions = {artifact.folder: artifact.meta for artifact in store.read_artifacts()}
    for item in items:
        if item.kind in ("unfinished", "leftover"):
            continue  # the process that resumes from there checks them itself
        if item.kind == "memo":
            lost = memos[item.folder].check()
            if lost:
                tell(item, f"{lost} of its segments")
            count += lost > 0
            continue
        try:
            check_files(item.folder, descriptions[item.folder])
        except (OSError, ValueError) as error:
            store.discard(item.folder)
            tell(item, str(error))
            count += 1
    return count
