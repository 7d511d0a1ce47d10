"""`nirank stages` and `nirank schema`: what can be written in a configuration."""

from __future__ import annotations

import click

from nirank.cli.groups import EPILOG


@click.command("stages", epilog=EPILOG)
@click.argument("name", required=False)
def list_stages(name: str | None) -> None:
    """List the stages there are, or the options of one.

    \b
    Example:
      nirank stages bm25
    """
    import dataclasses
    import inspect

    from nirank.algebra.registry import find_stage, load_stages

    if name is None:
        for each, kind in load_stages().items():
            click.echo(f"{each:14} {kind.__mro__[1].__name__:11} {(inspect.getdoc(kind) or '').splitlines()[0]}")
        return
    kind = find_stage(name)
    click.echo(inspect.getdoc(kind))
    source = f"source: {kind.source}; " if kind.source else ""
    click.echo(f"\n{source}version {kind.version}\n\noptions:")
    for one in kind.list_options():
        default = "required" if one.default is dataclasses.MISSING else f"default {one.default!r}"
        kind_of_value = getattr(one.type, "__name__", one.type)
        click.echo(f"  {one.name}: {kind_of_value}, {default}  {one.metadata.get('help', '')}")


@click.command("schema", epilog=EPILOG)
@click.argument("what", type=click.Choice(["configuration", "leaderboard"]), default="configuration")
def print_schema(what: str) -> None:
    """Print the JSON schema of configurations, for editors, or of leaderboard.json."""
    import json

    from nirank.config.schema import schema
    from nirank.results.leaderboard import results_schema

    click.echo(json.dumps(schema() if what == "configuration" else results_schema(), indent=2))
