"""`nirank citations`: which acts texts refer to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from nirank.cli.groups import EPILOG

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def citations(files: tuple[str, ...]) -> None:
    """Print the acts that texts refer to: a line a reference, in order of appearance.

    A line is the reference as written, a tab and its identifier: CELEX numbers for the European Union, paths of
    legislation.gov.uk (ukpga/2006/46) for the United Kingdom, chapters and registrations (A-1, SOR-2019-105) for
    Canada. Where a mention leaves open which act it is, what else it may be follows behind another tab. A title
    without a number has no identifier; how many these are is said on standard error. FILE - is standard input.

    \b
    Example:
      nirank citations directive.txt
    """
    from nirank.citations.find import find_references
    from nirank.cli.console import set_up_logging

    set_up_logging(quiet=False, debug=False)
    n_references = n_unknown = 0
    for text in _read_files(files):
        for reference in find_references(text):
            n_references += 1
            n_unknown += not reference.identifiers
            others = () if reference.certain else reference.identifiers[1:]
            known = reference.identifiers[0] if reference.identifiers else ""
            click.echo("\t".join([" ".join(reference.text.split()), known, *([" or ".join(others)] if others else [])]))
    log.info("%d references, %d of them without an identifier", n_references, n_unknown)


def _read_files(files: tuple[str, ...]) -> Iterator[str]:
    from nirank.base.files import expand_path, read_text
    from nirank.errors import DataError

    for name in files:
        if name != "-":
            yield read_text(expand_path(Path(name)))
            continue
        try:
            yield sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"standard input: not valid UTF-8 (byte {error.start}); expected UTF-8") from None
