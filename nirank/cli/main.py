"""The command line. Standard output is the result; everything else goes to standard error."""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from nirank.cli.cache import cache
from nirank.cli.runs import EPILOG, Commands, command_line, compare, evaluate, require_folder
from nirank.errors import NirankError

log = logging.getLogger("nirank")

# What a machine refuses anybody: a full or read-only disk, no permission, names too long, too many files.
_OF_THE_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ENOSPC", "EDQUOT", "EROFS", "ENAMETOOLONG", "ELOOP", "EMFILE", "ENFILE", "EFBIG")
    if hasattr(errno, name)
)


@click.group(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="nirank")
def cli() -> None:
    """Compare retrieval systems on leaderboards that can be trusted.

    \b
    Example:
      nirank run experiments/quickstart/quickstart.yaml
    """


@cli.command(epilog=EPILOG)
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
    from nirank.cli.console import ConsoleReporter, log_to, set_up_logging

    set_up_logging(quiet=quiet, debug=debug)
    from nirank.config.reader import load_config

    parsed = load_config(config, overrides)
    from nirank.engines import LocalEngine
    from nirank.experiment.experiment import Experiment
    from nirank.store import open_store

    store = open_store(parsed.store)
    folder = out or Path(f"{config.stem}-results")
    if not check and not explain:
        require_folder(folder)
    engine = LocalEngine(workers) if workers else None
    collections = _load_all(parsed.collections, store, limit_queries)
    experiment = Experiment(
        collections,
        parsed.systems,
        parsed.measures,
        store=store,
        device=parsed.device,
        significance=parsed.significance,
        engine=engine,
        seeds=parsed.seeds,
        folds=parsed.folds,
        max_memory=parsed.max_memory if max_memory is None else max_memory,
    )
    if check:
        experiment.check(files=True)
    if check or explain:
        text = mask_secrets(experiment.explain())
        click.echo(text if explain else f"{config}: ok, {text.splitlines()[-1]}")
        return
    experiment.check()  # before anything is written
    from nirank.report.place import results_place

    with results_place(folder):
        log_to(folder / "nirank.log")
        _say_findings(experiment.collections, quiet)
        result = experiment.run(ConsoleReporter(quiet=quiet), time_again=time_again)
        if engine is not None:
            engine.close()
        result.save(folder, config=parsed.resolved, command=command_line(), config_file=str(config))
    click.echo(mask_secrets(str(result.table(details=details))))
    log.info("written to %s", folder)
    if result.failed:
        sys.exit(1)


def _load_all(asked: Sequence[Any], store: Any, limit: int | None) -> list[Any]:
    """Load all collections, so that the mistakes of all are told at once."""
    from nirank.errors import ConfigError, DataError
    from nirank.experiment.loading import load

    loaded: list[Any] = []
    wrong: list[str] = []
    for arguments in asked:
        options = dict(arguments)
        try:
            one = load(options.pop("source", None), **options, store=store)
            loaded.append(one if limit is None else one.sample(limit))
        except (ConfigError, DataError) as error:
            wrong += error.messages
    if wrong:
        raise DataError(*wrong)
    return loaded


def _say_findings(collections: Sequence[Any], quiet: bool) -> None:
    for one in collections:
        for finding in one.findings:
            examples = f" ({', '.join(finding.examples)})" if finding.examples else ""
            level = logging.INFO if quiet or finding.severity == "note" else logging.WARNING
            log.log(level, "%s: %s%s", finding.severity, finding.message, examples)


@cli.command(epilog=EPILOG)
@click.argument("collections", nargs=-1, required=True, metavar="COLLECTION...")
@click.option("--split", help="The split to audit [test, or the only one].")
@click.option("--queries", help="The version of the queries [the plain one].")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write audit.json and audit.md there.")
def audit(collections: tuple[str, ...], split: str | None, queries: str | None, out: Path | None) -> None:
    """Say what is wrong or odd about collections, those of a configuration, or single files.

    \b
    Example:
      nirank audit path/to/scifact --split train --out scifact-audit
      nirank audit config.yaml corpus.csv judgements.tsv
    """
    import time

    from nirank.cli.console import set_up_logging
    from nirank.report.audit import audit_json, audit_markdown, audit_text, audit_values, failed_audit
    from nirank.report.folder import write_text
    from nirank.report.place import AUDIT, require_place, told

    set_up_logging(quiet=False, debug=False)
    if out is not None:
        require_place(out, AUDIT)
    audits = []
    for source in collections:
        for open_one in _to_audit(source, {"split": split, "queries": queries}):
            began = time.perf_counter()
            try:
                audits.append(audit_values(open_one(), time.perf_counter() - began))
            except NirankError as error:
                audits.append(failed_audit(source, error.messages))
            click.echo(audit_text(audits[-1]))
    if out is not None:
        with told(out):
            write_text(out / "audit.json", audit_json(audits))
            write_text(out / "audit.md", audit_markdown(audits))
        log.info("written to %s", out)
    if any(finding["severity"] == "error" for one in audits for finding in one["findings"]):
        sys.exit(2)


def _to_audit(source: str, options: dict[str, Any]) -> list[Callable[[], Any]]:
    """Return what opens each collection that an argument of `audit` means."""
    from nirank.experiment.loading import load, load_alone

    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        from nirank.config.reader import load_config

        def open_asked(asked: Any) -> Any:
            arguments = {**asked, **{key: value for key, value in options.items() if value is not None}}
            return load(arguments.pop("source", None), **arguments, check=False)

        return [partial(open_asked, asked) for asked in load_config(path).collections]
    if path.is_file():
        return [lambda: load_alone(path)]
    return [lambda: load(source, **options, check=False)]


cli.add_command(evaluate)
cli.add_command(compare)
cli.add_command(cache)


@cli.command("stages", epilog=EPILOG)
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


@cli.command("schema", epilog=EPILOG)
@click.argument("what", type=click.Choice(["configuration", "leaderboard"]), default="configuration")
def print_schema(what: str) -> None:
    """Print the JSON schema of configurations, for editors, or of leaderboard.json."""
    import json

    from nirank.config.schema import schema
    from nirank.results.leaderboard import results_schema

    click.echo(json.dumps(schema() if what == "configuration" else results_schema(), indent=2))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; every mistake is a sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):  # what a console has no signs for is replaced; files are UTF-8 anyway
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_guarded(lambda: _invoked(given), debug="--debug" in given))


def _invoked(arguments: list[str]) -> None:
    """Run a command. Click's own `main` takes a closed pipe for a failure; a shell's completion needs it."""
    if any(name.startswith("_NIRANK_COMPLETE") for name in os.environ):
        cli.main(arguments, prog_name="nirank")
    with cli.make_context("nirank", arguments) as context:
        cli.invoke(context)


def _silenced(code: int) -> int:
    """Return an exit code; what is still to be written to standard output goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _guarded(command: Callable[[], Any], *, debug: bool) -> int:
    from nirank.base.secrets import mask_secrets

    try:
        command()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was finished is stored, run the same command again to go on", err=True)
        return 130
    except BrokenPipeError:
        return _silenced(0)
    except NirankError as error:
        for message in error.messages:
            click.echo(mask_secrets(message), err=True)
        log.debug("traceback", exc_info=True)
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            click.echo(f"{error.filename or 'standard output'}: {error.strerror}", err=True)
            log.debug("traceback", exc_info=True)
            return 2 if error.filename else _silenced(2)
        if debug:
            raise
        log.debug("traceback", exc_info=True)
        files = [one.baseFilename for one in log.handlers if isinstance(one, logging.FileHandler)]
        where = f"the traceback is in {files[0]}" if files else "run again with --debug for the traceback"
        click.echo(mask_secrets(f"nirank failed: {type(error).__name__}: {error}; {where}"), err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()
