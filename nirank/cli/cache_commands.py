"""`nirank cache`: look into the store, ask why, check it, make room."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nirank.cli.groups import CommandGroup
from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.store.inventory import StoredItem
    from nirank.store.local import LocalStore

log = logging.getLogger("nirank")


@click.group("cache", cls=CommandGroup)
def cache() -> None:
    """Look into the store of computations, check it, and make room.

    The store is the folder that NIRANK_STORE names, else nirank's folder in your cache directory.
    """


def _add_conditions(command: Any) -> Any:
    """Add the conditions that artifacts and memos are chosen by; all that are given must hold."""
    for option in (
        click.option("--kind", "kinds", multiple=True, metavar="KIND", help="texts, ranking, folder, memo …"),
        click.option("--older", metavar="AGE", help="Written longer ago than this, such as 7d or 12h."),
        click.option("--larger", metavar="SIZE", help="Of this size at least, such as 100MB."),
        click.option(
            "--unreachable",
            type=click.Path(path_type=Path),
            metavar="CONFIG",
            multiple=True,
            help="What no system of this configuration needs or uses; may be repeated.",
        ),
        click.option("--earlier", is_flag=True, help="What an earlier version addressed by other rules."),
        click.option("--store", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Another store."),
        click.argument("addresses", nargs=-1, metavar="[ADDRESS]..."),
    ):
        command = option(command)
    return command


@cache.command()
@_add_conditions
def ls(folder: Path | None, **conditions: Any) -> None:
    r"""List what is stored, the largest first.

    \b
    Example:
      nirank cache ls --larger 100MB
    """
    from nirank.base.amounts import format_size

    _, items = _select_items(folder, **conditions)
    for item in items:
        depth = "" if item.depth is None else f" to depth {item.depth}"
        click.echo(
            f"{item.address[:12]}  {format_size(item.bytes):>9}  {_format_age(item.age_s):>7}  {item.kind:8} "
            f" {item.label}{depth}{' (addressed by earlier rules)' if item.earlier else ''}"
        )
    click.echo(f"{len(items)} stored, {format_size(sum(item.bytes for item in items))}")
    outdated = [item.bytes for item in items if item.earlier]
    if outdated:
        click.echo(
            f"{len(outdated)} of them, {format_size(sum(outdated))}, were addressed by an earlier version's rules"
            " and are found no more: nirank cache rm --earlier"
        )


@cache.command()
@click.argument("address")
@click.option("--store", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Another store.")
def why(address: str, folder: Path | None) -> None:
    r"""Say what an artifact was made from, and what distinguishes it from its nearest relative.

    \b
    Example:
      nirank cache why 71155971978b
    """
    import json

    from nirank.plan.costs import format_seconds
    from nirank.store.differences import explain_differences

    artifact, relative, lines = explain_differences(_open_store(folder), address)
    meta, cost = artifact.meta, artifact.meta.get("cost") or {}
    click.echo(f"{meta['address']}  {meta['label']}")
    click.echo(f"task      {meta['task']}, version {meta['version']}")
    click.echo(f"options   {json.dumps(meta['params'], ensure_ascii=False)}")
    for parent in meta["inputs"]:
        depth = "" if parent["depth"] is None else f" to depth {parent['depth']}"
        click.echo(f"from      {parent['role']}: {parent['address'][:12]} {parent['label']}{depth}")
    if cost:
        click.echo(f"computed  {cost['at']} on {cost['machine']} in {format_seconds(cost['wall_s'])}")
    click.echo(f"in        {artifact.folder}")
    if relative is None:
        click.echo("nothing else in the store was made by this task")
        return
    click.echo(f"differs from its nearest relative, {relative.meta['address'][:12]} {relative.meta['label']}, in")
    for line in lines:
        click.echo(f"  {line}")


@cache.command()
@_add_conditions
def verify(folder: Path | None, **conditions: Any) -> None:
    r"""Read every byte and remove what is damaged; it is computed again when it is needed.

    \b
    Example:
      nirank cache verify
    """
    from nirank.base.amounts import format_size
    from nirank.store.inventory import verify_items

    store, items = _select_items(folder, **conditions)
    n_damaged = verify_items(
        store, items, lambda item, reason: click.echo(f"damaged, removed: {item.address[:12]} {item.label} ({reason})")
    )
    click.echo(f"{len(items)} checked, {format_size(sum(item.bytes for item in items))}: {n_damaged or 'none'} damaged")
    if n_damaged:
        raise click.exceptions.Exit(1)


@cache.command()
@_add_conditions
@click.option("--all", "everything", is_flag=True, help="Everything that is stored.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, remove nothing.")
def rm(folder: Path | None, everything: bool, dry_run: bool, **conditions: Any) -> None:
    r"""Remove what the conditions choose; what is needed again is computed again.

    \b
    Example:
      nirank cache rm --older 30d --larger 1GB --dry-run
    """
    from nirank.base.amounts import format_size
    from nirank.store.inventory import remove_items

    if everything == any(conditions.values()):
        raise click.UsageError("name addresses or conditions, or --all")
    store, items = _select_items(folder, **conditions)
    if not dry_run:
        busy = remove_items(store, items)
        for item in busy:
            click.echo(f"{item.address[:12]} stays, a process is at work on it: {item.label}", err=True)
        items = [item for item in items if item not in busy]
    outcome = "would be removed" if dry_run else "removed"
    for item in items if dry_run else ():
        click.echo(f"{item.address[:12]}  {format_size(item.bytes):>9}  {item.kind:8}  {item.label}")
    click.echo(f"{len(items)} {outcome}, {format_size(sum(item.bytes for item in items))}")


def _open_store(folder: Path | None) -> LocalStore:
    """Open the store in a folder, or the user's."""
    from nirank.store import open_store

    return open_store(folder)


def _select_items(
    folder: Path | None,
    addresses: Sequence[str],
    kinds: Sequence[str],
    older: str | None,
    larger: str | None,
    unreachable: Sequence[Path],
    earlier: bool,
) -> tuple[LocalStore, list[StoredItem]]:
    """Return the store, and what all conditions choose of it."""
    from nirank.base.amounts import parse_age, parse_size
    from nirank.store.inventory import list_items, select_items

    store = _open_store(folder)
    items = select_items(
        list_items(store),
        addresses,
        kinds=kinds,
        older_s=None if older is None else parse_age(older),
        larger=None if larger is None else parse_size(larger),
        earlier=earlier,
    )
    if unreachable:
        reached = {path.resolve() for config in unreachable for path in _find_reached_folders(config, store)}
        items = [item for item in items if item.folder.resolve() not in reached]
    return store, items


def _find_reached_folders(config: Path, store: LocalStore) -> set[Path]:
    """Return the artifacts that a configuration's systems and collections need, and the memos that they use."""
    from nirank.config.experiments import load_collections, make_experiment
    from nirank.config.reader import load_config
    from nirank.store.inventory import find_used_memos

    configuration = load_config(config)
    collections = load_collections(configuration, store)
    if not collections:
        raise ConfigError(f"{config}: names no collection")
    experiment = make_experiment(configuration, collections, store)
    nodes = experiment.list_nodes()
    memos = find_used_memos(store, nodes)  # looks for every node's artifact
    scratch_folders = map(store.get_scratch_folder, nodes)
    return {*store.used_folders, *scratch_folders, *(store.root / "memos" / name for name in memos)}


def _format_age(seconds: float) -> str:
    """Return an age in its greatest unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
