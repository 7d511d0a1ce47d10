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
        for stage_name, kind in load_stages().items():
            click.echo(f"{stage_name:14} {kind.__mro__[1].__name__:11} {(inspect.getdoc(kind) or '').splitlines()[0]}")
        return
    kind = find_stage(name)
    click.echo(inspect.getdoc(kind))
    source = f"source: {kind.source}; " if kind.source else ""
    click.echo(f"\n{source}version {kind.version}\n\noptions:")
    for option in kind.list_options():
        default = "required" if option.default is dataclasses.MISSING else f"default {option.default!r}"
        type_name = getattr(option.type, "__name__", option.type)
        click.echo(f"  {option.name}: {type_name}, {default}  {option.metadata.get('help', '')}")


@click.command("schema", epilog=EPILOG)
@click.argument("what", type=click.Choice(["configuration", "leaderboard"]), default="configuration")
def print_schema(what: str) -> None:
    """Print the JSON schema of configurations, for editors, or of leaderboard.json."""
    import json

    from nirank.config.schema import build_schema
    from nirank.results.leaderboard import results_schema

    click.echo(json.dumps(build_schema() if what == "configuration" else results_schema(), indent=2))
