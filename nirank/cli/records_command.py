"""`nirank records`: what is in files of bibliographic records."""

from __future__ import annotations

from pathlib import Path

import click

from nirank.cli.groups import EPILOG


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def records(files: tuple[Path, ...], as_json: bool) -> None:
    """Say what was read of files of records: counts, labels, duplicates, and what was not understood.

    RIS, NBIB (PubMed), EndNote XML, PubMed XML, and tables (CSV, TSV, XLSX) of databases and reviewing tools, told by
    their content. Nothing is written.

    \b
    Example:
      nirank records pubmed.nbib embase.ris rayyan.csv
    """
    import json

    from nirank.base.files import expand_path
    from nirank.records.files import read_record_file
    from nirank.report.text import WIDTH
    from nirank.screening.record_summary import format_summary, summarise_files

    summary = summarise_files([read_record_file(expand_path(path)) for path in files])
    text = json.dumps(summary, indent=1, ensure_ascii=False) if as_json else format_summary(summary, WIDTH)
    click.echo(text)
