"""`nirank screen`: the records of a search ranked for a review, by its question and by what has been decided."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nirank.cli.groups import EPILOG, ListCommand
from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.plan.reporter import Reporter
    from nirank.records.record import RecordFile
    from nirank.screening.project import Project
    from nirank.screening.review_options import ReviewOptions
    from nirank.screening.simulation import Simulation
    from nirank.stopping.rule import StoppingRule

log = logging.getLogger("nirank")

_PATH = click.Path(path_type=Path)
_DECIMALS = {"last_rel": 0, "ATD": 1}  # of measures in ranks
_RULES = ("consecutive", "knee", "hypergeometric")  # asked where none are named


@click.command(cls=ListCommand, epilog=EPILOG)
@click.argument("records", type=_PATH, metavar="FILE", required=False)
@click.option("--question", metavar="TEXT", help="What the review asks, in a sentence or its main words.")
@click.option("--labels", type=_PATH, metavar="FILE", help="Decisions on records, by id [those in FILE].")
@click.option("--out", type=_PATH, metavar="FILE", help="The ranked records: .ris, .csv, .tsv, .xlsx, .nbib or .xml.")
@click.option("--serve", is_flag=True, help="Open a page on this machine, on which records are decided.")
@click.option("--project", type=_PATH, metavar="DIR", help="Keeps a review, and takes it up again [FILE-review].")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Of the page [any that is free].")
@click.option("--simulate", is_flag=True, help="All labels are known: read the records again, and measure.")
@click.option("--prior", "priors", multiple=True, metavar="ID", help="A record known before the simulated review.")
@click.option("--stop", "stops", multiple=True, metavar="RULE", help=f"Stopping rules [{', '.join(_RULES)}].")
@click.option("--model", metavar="MODEL", help="Vectors beside BM25: hub id, folder or pkg:PACKAGE/path.")
@click.option("--policy", metavar="NAME", help="Learns from decisions: elas_u4, elas_u3, nb, auto_tar [elas_u4].")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of what is drawn [0].")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the summary.")
def screen(
    records: Path | None,
    question: str | None,
    labels: Path | None,
    out: Path | None,
    serve: bool,
    project: Path | None,
    port: int | None,
    simulate: bool,
    priors: tuple[str, ...],
    stops: tuple[str, ...],
    model: str | None,
    policy: str | None,
    seed: int | None,
    quiet: bool,
) -> None:
    """Rank the records of a search for a review: every record that comes in goes out.

    \b
    Examples:
      nirank screen records.ris --question "vitamin D to prevent fractures" --out ranked.ris
      nirank screen records.ris --question "vitamin D to prevent fractures" --serve
    """
    from nirank.cli.console import ConsoleReporter, set_up_logging
    from nirank.records.files import find_form_to_write
    from nirank.screening.review_options import ReviewOptions

    set_up_logging(quiet=quiet, debug=False)
    _check_actions(out, serve=serve, simulate=simulate, project=project, port=port, priors=priors)
    if out is not None:
        find_form_to_write(out)
    given = ReviewOptions(question, labels, model, policy, seed)
    reporter = ConsoleReporter(quiet=quiet)
    if simulate:
        for line in _simulate(_require_file(records), given, priors, stops, out, reporter):
            click.echo(line)
    elif serve or project is not None:
        for line in _work_on_project(records, project, given, stops, out, port if serve else None, reporter):
            click.echo(line)
    else:
        assert out is not None
        for line in _rank(_require_file(records), given, out, reporter):
            click.echo(line)


def _check_actions(
    out: Path | None, *, serve: bool, simulate: bool, project: Path | None, port: int | None, priors: Sequence[str]
) -> None:
    if simulate and (serve or project is not None):
        raise ConfigError("--simulate plays a review again, and keeps none; leave out --serve and --project")
    if not (out or serve or simulate):
        raise ConfigError("--out FILE says where the ranked records go; --serve opens the page, --simulate measures")
    if port is not None and not serve:
        raise ConfigError("--port: is the page's; give --serve too")
    if priors and not simulate:
        raise ConfigError("--prior: is for --simulate; elsewhere all records with a decision are known")


def _require_file(records: Path | None) -> Path:
    if records is None:
        raise ConfigError("FILE is missing: the records, as a database or a reviewing tool exports them")
    return records


def _rank(path: Path, given: ReviewOptions, out: Path, reporter: Reporter) -> Iterator[str]:
    """Rank a file's records, by its labels where there are some; yield what a summary says."""
    from nirank.records.files import read_record_file
    from nirank.screening.ranked_records import explain_records, rank_from_labels, write_ranked

    file = read_record_file(path)
    yield describe_file(file)
    labels = given.read_labels(file.records)
    given.require_basis(labels)
    ranked = given.rank_first(file.records, reporter)
    how = given.describe_first()
    if labels:
        ranked = rank_from_labels(
            file.records,
            labels,
            policy=given.chosen_policy,
            seed=given.chosen_seed,
            question=given.asked,
            first=ranked,
        )
        n_included = sum(labels.values())
        learnt = f"{given.chosen_policy} from {len(labels):,} decisions ({n_included:,} included)"
        how = f"{learnt}; before there is a model: {how}"
    write_ranked(out, file, ranked, explain_records(file.records, given.asked, labels), labels)
    yield f"ranked by {how}"
    yield f"{len(file.records):,} records, as many as came in: {out}"


def describe_file(file: RecordFile) -> str:
    """Say what was read."""
    tool = f" of {file.tool}" if file.tool else ""
    odd = f"; not understood: {sum(file.findings.values()):,} (nirank records says what)"
    return f"{file.path}: {len(file.records):,} records, {file.format}{tool}{odd if file.findings else ''}"


def _work_on_project(
    records: Path | None,
    folder: Path | None,
    given: ReviewOptions,
    stops: Sequence[str],
    out: Path | None,
    port: int | None,
    reporter: Reporter,
) -> Iterator[str]:
    """Begin a review or take it up, write its records if asked to, and serve it if there is a port."""
    from nirank.screening.stopping_options import choose_rules

    rules = choose_rules(stops or _RULES, for_people=True)
    with _open_project(records, folder, given, reporter) as project:
        counts = project.state.count_answers()
        yield (
            f"{project.folder}: {project.state.n:,} records, {len(project.plan.known):,} decided before the review;"
            f" {counts['included']:,} included, {counts['excluded']:,} excluded, {counts['maybe']:,} maybe,"
            f" {counts['skipped']:,} skipped, {counts['open']:,} to do"
        )
        if out is not None:
            from nirank.screening.exports import write_review
            from nirank.screening.serving import rank_open

            write_review(out, project, project.state.list_answers(), rank_open(project))
            yield f"{project.state.n:,} records, as many as came in: {out}"
        if port is not None:
            yield from _serve(project, rules, port)


def _open_project(records: Path | None, folder: Path | None, given: ReviewOptions, reporter: Reporter) -> Project:
    from nirank.records.files import read_record_file
    from nirank.screening.project import Project, exists, require_place

    if folder is None:
        folder = Path(f"{_require_file(records).stem}-review")
    if exists(folder):
        project = Project.open(folder, records)
        try:
            given.check_plan(project.plan, folder)
        except ConfigError:
            project.close()
            raise
        return project
    path = _require_file(records)
    require_place(folder)
    file = read_record_file(path)
    return Project.begin(folder, file, given.make_plan(file.records, reporter))


def _serve(project: Project, rules: Mapping[str, StoppingRule], port: int) -> Iterator[str]:
    from nirank.screening.serving import open_server

    with open_server(project, rules, port) as server:
        yield f"open {server.url} in a browser; Ctrl-C ends, and the same command goes on where you stopped"
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            yield f"ended; every decision is in {project.folder}"


def _simulate(
    path: Path, given: ReviewOptions, priors: Sequence[str], stops: Sequence[str], out: Path | None, reporter: Reporter
) -> Iterator[str]:
    import numpy as np

    from nirank.records.files import read_record_file
    from nirank.screening import simulation
    from nirank.screening.known_labels import find_priors
    from nirank.screening.policies import begin_review
    from nirank.screening.ranked_records import explain_records, write_ranked
    from nirank.screening.stopping_options import choose_rules

    rules = choose_rules(stops or _RULES, for_people=False)
    file = read_record_file(path)
    yield describe_file(file)
    labels = given.read_labels(file.records)
    simulation.require_all_labels(file.records, labels)
    values = np.array([labels[row] for row in range(len(labels))], dtype=np.int8)
    known = dict.fromkeys([*find_priors(file.records), *simulation.find_rows(file.records, priors)])
    rows = np.array(list(known), dtype=np.int64)
    first = given.rank_first(file.records, reporter)
    review = begin_review(file.records, given.chosen_policy, given.chosen_seed, first.order, given.asked, len(rows))
    log.info("reading %s records again", f"{len(values):,}")
    played = simulation.simulate_review(values, rows, review, list(rules.values()))
    yield from describe_simulation(played, given.chosen_policy, given.describe_first())
    if out is not None:
        ranking = simulation.rank_as_read(played, rows, len(values))
        write_ranked(out, file, ranking, explain_records(file.records, given.asked, {}), labels)
        yield f"{len(values):,} records in the order of reading, as many as came in: {out}"


def describe_simulation(played: Simulation, policy: str, first: str) -> Iterator[str]:
    """Say what a simulated review came to: the curve, measures and what became of stopping rules."""
    n, n_relevant = len(played.labels), int(played.labels.sum())
    yield f"simulated: {policy}; before there is a model: {first}"
    yield f"{n_relevant:,} of {n:,} records are relevant; {played.n_priors:,} priors are left out of all that follows"
    yield ""
    yield f"{'records read':>20}  {'found':>8}  {'recall':>7}"
    for share, n_read, n_found in played.curve:
        yield f"{n_read:>12,} ({share:>3} %)  {n_found:>8,}  {n_found / max(n_relevant, 1):>7.1%}"
    yield ""
    values = [
        f"{name} {value:,.{_DECIMALS.get(name, 4)}f}" for name, value in played.measures.items() if value is not None
    ]
    yield from (", ".join(values[at : at + 4]) for at in range(0, len(values), 4))
    yield ""
    yield f"{'stopping rule':<32}  {'read':>8}  {'effort':>7}  {'recall':>7}  promise"
    for rule, end in played.ends:
        promise = rule.promise
        words = "none" if promise is None else f"recall {promise.recall:.4g}, {promise.confidence:.4g} sure"
        knows = {"labels": "", "sample": "; with a sample", "truth": "; knows all labels"}[rule.asks]
        never = "" if end.stopped or rule.asks != "labels" else " (never stops)"
        yield f"{rule.title:<32}  {end.read:>8,}  {end.effort:>7.1%}  {end.recall:>7.1%}  {words}{knows}{never}"
