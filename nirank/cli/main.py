"""The command line. Standard output is the result; everything else goes to standard error."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from nirank.cli.audit_command import audit
from nirank.cli.block_command import block
from nirank.cli.cache_commands import cache
from nirank.cli.citations_command import citations
from nirank.cli.groups import EPILOG, CommandGroup
from nirank.cli.guard import run_guarded
from nirank.cli.records_command import records
from nirank.cli.reference_commands import list_stages, print_schema
from nirank.cli.report_command import report
from nirank.cli.run_command import run
from nirank.cli.run_file_commands import compare, evaluate
from nirank.cli.sample_command import sample
from nirank.cli.screen_command import screen
from nirank.cli.search_command import search
from nirank.cli.serve_command import serve
from nirank.cli.verify_command import verify


@click.group(
    cls=CommandGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="nirank")
def cli() -> None:
    """Compare retrieval systems on leaderboards that can be trusted.

    \b
    Example: nirank run experiments/quickstart/quickstart.yaml
    """


for command in (
    run,
    verify,
    records,
    search,
    serve,
    screen,
    block,
    citations,
    sample,
    audit,
    evaluate,
    compare,
    report,
    cache,
    list_stages,
    print_schema,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every mistake is a sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):  # what a console has no signs for is replaced; files are UTF-8 anyway
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run_guarded(lambda: _invoke(given), debug="--debug" in given))


def _invoke(arguments: list[str]) -> None:
    """Run a command. Click's own `main` takes a closed pipe for a failure; a shell's completion needs it."""
    if any(name.startswith("_NIRANK_COMPLETE") for name in os.environ):
        cli.main(arguments, prog_name="nirank")
    with cli.make_context("nirank", arguments) as context:
        cli.invoke(context)


if __name__ == "__main__":
    main()
