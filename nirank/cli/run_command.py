"""`nirank run`: a configuration becomes a leaderboard."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nirank.cli.groups import EPILOG, get_command_line, require_results_folder

if TYPE_CHECKING:
    from nirank.collections.collection import Collection
    from nirank.experiment.result import Result
    from nirank.results.expected import ExpectedScores

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Find every mistake, compute nothing.")
@click.option("--explain", is_flag=True, help="Print what would be computed, compute nothing.")
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change one value, e.g. systems.BM25.bm25.k1=1.2."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Where results go [CONFIG's name + -results]."
)
@click.option(
    "--limit-queries", type=click.IntRange(min=1), metavar="N", help="Use N queries a collection, chosen by hash of id."
)
@click.option("--time", "time_again", is_flag=True, help="Time again what queries cost where results are stored.")
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes that run models [0: this one].")
@click.option("--engine", metavar="NAME", help="Who runs models: local (processes), ray, or ray:ADDRESS of a cluster.")
@click.option("--max-memory", metavar="SIZE", help="Hold no more main memory, such as 4GB; what cannot is refused.")
@click.option("--details", is_flag=True, help="Print the other tables too: recall after each stage, intervals, ties.")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the table.")
@click.option("--debug", is_flag=True, help="Print everything, with tracebacks.")
def run(
    config: Path,
    check: bool,
    explain: bool,
    overrides: tuple[str, ...],
    out: Path | None,
    limit_queries: int | None,
    time_again: bool,
    workers: int,
    engine: str | None,
    max_memory: str | None,
    details: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Run a configuration: print the leaderboard and write it to a folder.

    \b
    Example:
      nirank run config.yaml --limit-queries 20
    """
    from nirank.base.secrets import mask_secrets
    from nirank.cli.console import ConsoleReporter, log_to_file, set_up_logging

    set_up_logging(quiet=quiet, debug=debug)
    from nirank.config.reader import load_config

    configuration = load_config(config, overrides)
    from nirank.config.experiments import load_collections, make_experiment
    from nirank.engines import make_engine
    from nirank.store import open_store

    store = open_store(configuration.store)
    folder = out or Path(f"{config.stem}-results")
    if not check and not explain:
        require_results_folder(folder)
    runs = not check and not explain
    work_engine = make_engine(engine or configuration.engine, workers) if runs else None
    collections = load_collections(configuration, store)
    configuration.check_expected(collections)
    if limit_queries is not None:
        collections = [collection.sample(limit_queries) for collection in collections]
    experiment = make_experiment(configuration, collections, store, engine=work_engine, max_memory=max_memory)
    if check:
        experiment.check(files=True)
    if check or explain:
        text = mask_secrets(experiment.explain())
        click.echo(text if explain else f"{config}: ok, {text.splitlines()[-1]}")
        return
    experiment.check()  # before anything is written
    from nirank.report.place import hold_folder

    with hold_folder(folder):
        log_to_file(folder / "nirank.log")
        _log_findings(experiment.collections, quiet)
        result = experiment.run(ConsoleReporter(quiet=quiet), time_again=time_again)
        if work_engine is not None:
            work_engine.close()
        result.save(folder, config=configuration.resolved, command=get_command_line(), config_file=str(config))
    click.echo(mask_secrets(str(result.table(details=details))))
    log.info("written to %s", folder)
    if configuration.expected is not None and configuration.expected.limit_queries == limit_queries:
        _log_checks(configuration.expected, result)
    if result.failed:
        sys.exit(1)


def _log_findings(collections: Sequence[Collection], quiet: bool) -> None:
    """Log what the audits found: notes where details are logged, the rest as warnings."""
    for collection in collections:
        for finding in collection.findings:
            examples = f" ({', '.join(finding.examples)})" if finding.examples else ""
            level = logging.INFO if quiet or finding.severity == "note" else logging.WARNING
            log.log(level, "%s: %s%s", finding.severity, finding.message, examples)


def _log_checks(expected: ExpectedScores, result: Result) -> None:
    """Log in a line whether the scores are those that the configuration expects."""
    from nirank.verification.check import check_scores, describe_checks

    checks = check_scores(expected, result)
    is_right = all(check.status == "ok" for check in checks)
    log.log(logging.INFO if is_right else logging.WARNING, "%s", describe_checks(checks))
