"""`nirank evaluate` and `nirank compare`: run files that were made elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nirank.cli.groups import EPILOG, ListCommand, get_command_line, require_results_folder

if TYPE_CHECKING:
    from nirank.experiment.result import Result

log = logging.getLogger("nirank")

_CELL = 8  # characters of a number
_PATH = click.Path(path_type=Path)


def _evaluate_by_protocol(qrels: Path, runs: tuple[Path, ...], protocol: str, out: Path | None) -> str:
    """Evaluate runs as a year's script does, write files where they are wanted, and return the table."""
    from nirank.experiment.run_files import evaluate_tar_runs
    from nirank.report.protocol import make_protocol_grid, write_protocol
    from nirank.report.text import align_grid

    evaluations, rows, manifest = evaluate_tar_runs(qrels, runs, protocol, command=get_command_line())
    year: Any = protocol[-4:]
    grid = make_protocol_grid(f"{qrels.name}, {protocol}", evaluations, year)
    if out is not None:
        write_protocol(out, grid, rows, evaluations, year, manifest)
        log.info("written to %s", out)
    return align_grid(grid)


def _add_options(command: Any) -> Any:
    """Add the options of both commands: what counts, and how systems are compared."""
    for option in reversed(
        (
            click.option("--qrels", type=_PATH, required=True, help="Judgements: three or four columns."),
            click.option(
                "--min-rel", type=click.IntRange(min=1), default=1, show_default=True, help="Least relevant grade."
            ),
            click.option("--candidates", type=_PATH, help="What each query could be given: pairs, or judgements."),
            click.option("--known", type=_PATH, help="Pairs or judgements known before (seeds), taken out."),
            click.option("--common-queries", is_flag=True, help="Use the queries that every run has results for."),
            click.option(
                "--order-by",
                type=click.Choice(["score", "rank", "line"]),
                default="score",
                show_default=True,
                help="Which of a run's columns to believe.",
            ),
            click.option(
                "--duplicates",
                type=click.Choice(["refuse", "best", "first"]),
                default="refuse",
                show_default=True,
                help="A document twice in a query.",
            ),
            click.option(
                "--test", type=click.Choice(["randomisation", "t"]), default="randomisation", show_default=True
            ),
            click.option("--correction", default="holm", show_default=True, help="Over all comparisons of the table."),
            click.option("--alpha", type=float, default=0.05, show_default=True, help="Level of the tests."),
            click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resampling."),
        )
    ):
        command = option(command)
    return command


def _evaluate_runs(
    runs: Mapping[str, Path],
    measures: Sequence[str],
    baseline: str | None,
    *,
    qrels: Path,
    test: str,
    correction: str,
    alpha: float,
    seed: int,
    **options: Any,
) -> Result:
    """Evaluate run files and compare them, by the options of both commands."""
    from nirank.evaluation.comparisons import Significance
    from nirank.experiment.run_files import evaluate_runs

    significance = Significance(test, correction, alpha, seed=seed, baseline=baseline)  # type: ignore[arg-type]
    return evaluate_runs(qrels, runs, measures, significance=significance, **options)


@click.command(epilog=EPILOG, cls=ListCommand)
@click.option("--run", "runs", type=_PATH, multiple=True, required=True, metavar="FILE...", help="TREC run files.")
@click.option("--measures", multiple=True, metavar="NAME...", help="Such as nDCG@10 AP R@100 [nDCG@10].")
@click.option(
    "--protocol",
    type=click.Choice(["clef-tar-2017", "clef-tar-2018", "clef-tar-2019"]),
    help="As the script of that year computes it; --out writes each topic's values too.",
)
@click.option("--baseline", help="Compare all others with this run.")
@click.option("--out", type=_PATH, metavar="DIR", help="Write leaderboard and report there.")
@_add_options
def evaluate(
    runs: tuple[Path, ...],
    measures: tuple[str, ...],
    protocol: str | None,
    baseline: str | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Evaluate run files made elsewhere, and compare them.

    \b
    Example:
      nirank evaluate --qrels qrels.txt --run a.run b.run.gz --measures nDCG@10 AP --baseline a.run
    """
    from nirank.cli.console import set_up_logging
    from nirank.experiment.run_files import name_runs

    set_up_logging(quiet=False, debug=False)
    if protocol is not None:
        source = click.get_current_context().get_parameter_source
        ignored = ("measures", "baseline", *(name for name in options if name != "qrels"))
        given = [name for name in ignored if source(name) is not ParameterSource.DEFAULT]
        if given:
            listed = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise click.UsageError(
                f"--protocol {protocol} has measures and rules of its own, and compares no runs; leave out {listed}"
            )
        require_results_folder(out)
        click.echo(_evaluate_by_protocol(options["qrels"], runs, protocol, out))
        return
    require_results_folder(out)
    files = name_runs(runs)
    baseline = next((name for name, path in files.items() if baseline == str(path)), baseline)
    result = _evaluate_runs(files, measures or ("nDCG@10",), baseline, **options)
    click.echo(str(result.table()))
    if out is not None:
        result.save(out, command=get_command_line())
        log.info("written to %s", out)


@click.command(epilog=EPILOG)
@click.argument("a", type=_PATH)
@click.argument("b", type=_PATH)
@click.option("--measure", default="nDCG@10", show_default=True, help="Compared query by query.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="How many queries are shown.")
@click.option("--out", type=_PATH, metavar="DIR", help="Write leaderboard and report there.")
@_add_options
def compare(a: Path, b: Path, measure: str, top: int, out: Path | None, **options: Any) -> None:
    """Compare two run files query by query, the greatest difference first.

    \b
    Example:
      nirank compare a.run b.run --qrels qrels.txt --measure AP
    """
    from nirank.cli.console import set_up_logging
    from nirank.experiment.run_files import list_differences
    from nirank.report.grid import format_value

    set_up_logging(quiet=False, debug=False)
    require_results_folder(out)
    result = _evaluate_runs({"A": a, "B": b}, [measure], "A", **options)
    rows = list_differences(result, "A", "B", measure)
    width = max(len("query"), *(len(query) for query, *_ in rows[:top]))
    click.echo(
        f"A {a}, B {b}, {measure}\n{'query'.ljust(width)}"
        + "".join(f"  {label.rjust(_CELL)}" for label in ("A", "B", "B - A"))
    )
    for query, value_a, value_b, difference in rows[:top]:
        cells = (format_value(measure, value_a), format_value(measure, value_b), format_value(measure, difference, "+"))
        click.echo("  ".join([query.ljust(width), *(cell.rjust(_CELL) for cell in cells)]))
    family = next(iter(result.comparisons.values()))
    (comparison,) = family.pairs
    mean, low, high = (format_value(measure, value, "+") for value in (comparison.difference, *comparison.interval))
    p_value = f"p {comparison.p:.4f}" if comparison.n > 1 else family.describe_tests()
    missing = f" ({comparison.no_value:,} more without a value)" if comparison.no_value else ""
    click.echo(
        f"{comparison.n} queries{missing}: B - A {mean} ({low} to {high}), {p_value};"
        f" {comparison.wins} won, {comparison.ties} tied, {comparison.losses} lost"
    )
    if out is not None:
        result.save(out, command=get_command_line())
        log.info("written to %s", out)
