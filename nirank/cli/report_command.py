"""`nirank report`: the pages of results again, or one leaderboard of several runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from nirank.cli.groups import EPILOG, get_command_line, require_results_folder

log = logging.getLogger("nirank")

_PATH = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("runs", type=_PATH, nargs=-1, required=True, metavar="RUN...")
@click.option("--out", type=_PATH, metavar="DIR", help="Where the leaderboard goes; needed for several runs.")
@click.option("--names", metavar="A,B,...", help="What the runs are called [their folders' names].")
@click.option("--baseline", help="Compare all others with this system.")
@click.option("--test", type=click.Choice(["randomisation", "t"]), help="[as the runs have it]")
@click.option("--correction", help="Over all comparisons of a table, such as holm. [as the runs have it]")
@click.option("--alpha", type=float, help="Level of the tests. [as the runs have it]")
@click.option("--resamples", type=int, help="Of tests and intervals. [as the runs have it]")
@click.option("--seed", type=int, help="Of the resampling. [as the runs have it]")
@click.option("--intervals", is_flag=True, help="In leaderboard.tex, each mean's interval too.")
@click.option("--details", is_flag=True, help="Print the other tables too.")
def report(
    runs: tuple[Path, ...], out: Path | None, names: str | None, intervals: bool, details: bool, **significance: Any
) -> None:
    """Make the pages of a run again, or one leaderboard of several runs.

    RUN is a folder that `nirank run` or `nirank evaluate` wrote. One alone gets its report.html, leaderboard.md, .csv
    and .tex anew. Several become one leaderboard in --out, whose systems are compared with each other; what cannot be
    compared (other judgements, queries, documents, rules) is refused.

    \b
    Example:
      nirank report monday-results friday-results --out both
    """
    from nirank.cli.console import set_up_logging

    set_up_logging(quiet=False, debug=False)
    from nirank.errors import ConfigError
    from nirank.report import format_text, make_brief_grids, make_detail_grids, read_report
    from nirank.report.files import rewrite_pages
    from nirank.report.merging import merge_reports

    given = {name: value for name, value in significance.items() if value is not None}
    if out is None:
        if len(runs) > 1:
            raise click.UsageError("several runs become one leaderboard in a folder of its own: name it with --out DIR")
        if given or names:
            wanted = ", ".join(f"--{name}" for name in (*given, *(["names"] if names else [])))
            raise click.UsageError(f"{wanted} changes the leaderboard, which needs a folder of its own: --out DIR")
        found = read_report(runs[0])
        rewrite_pages(runs[0], found, intervals=intervals)
    else:
        if any(run.absolute() == out.absolute() for run in runs):
            raise ConfigError(f"--out {out}: is one of the runs, which stay as they are; name another folder")
        require_results_folder(out)
        called = None if names is None else [name.strip() for name in names.split(",")]
        if called is not None and (len(called) != len(runs) or len(set(called)) < len(called) or "" in called):
            raise ConfigError(f"--names {names}: expected {len(runs)} different names, one for each run")
        folders = list(runs) if called is None else dict(zip(called, runs, strict=True))
        command = get_command_line()
        found = merge_reports(folders, out, significance=given, intervals=intervals, command=command)
    make_grids = make_detail_grids if details else make_brief_grids
    click.echo(format_text(found.rows, found.measures, make_grids(found.rows, found.measures)))
    log.info("written to %s", out or runs[0])
