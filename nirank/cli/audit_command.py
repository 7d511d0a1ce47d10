"""`nirank audit`: what is wrong or odd about collections."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from nirank.cli.groups import EPILOG
from nirank.errors import NirankError

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
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
    from nirank.report.audit import (
        describe_audit,
        describe_failed_audit,
        format_audit_json,
        format_audit_markdown,
        format_audit_text,
    )
    from nirank.report.folder import write_text
    from nirank.report.place import AUDIT, report_write_errors, require_place

    set_up_logging(quiet=False, debug=False)
    if out is not None:
        require_place(out, AUDIT)
    audits = []
    for source in collections:
        for open_collection in _list_openers(source, {"split": split, "queries": queries}):
            started = time.perf_counter()
            try:
                audits.append(describe_audit(open_collection(), time.perf_counter() - started))
            except NirankError as error:
                audits.append(describe_failed_audit(source, error.messages))
            click.echo(format_audit_text(audits[-1]))
    if out is not None:
        with report_write_errors(out):
            write_text(out / "audit.json", format_audit_json(audits))
            write_text(out / "audit.md", format_audit_markdown(audits))
        log.info("written to %s", out)
    if any(finding["severity"] == "error" for values in audits for finding in values["findings"]):
        sys.exit(2)


def _list_openers(source: str, options: dict[str, Any]) -> list[Callable[[], Any]]:
    """Return what opens each collection that an argument of `audit` means."""
    from nirank.experiment.loading import load, load_alone

    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        from nirank.config.reader import load_config

        def open_entry(entry: Mapping[str, Any]) -> Any:
            arguments = {**entry, **{key: value for key, value in options.items() if value is not None}}
            return load(arguments.pop("source", None), **arguments, check=False)

        return [partial(open_entry, entry) for entry in load_config(path).collections]
    if path.is_file():
        return [lambda: load_alone(path)]
    return [lambda: load(source, **options, check=False)]
