"""`nirank records`: what is in files of bibliographic records."""

from __future__ import annotations

from pathlib import Path

import click

from nirank.cli.groups import EPILOG


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--merge",
    "merged",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write all records of all files, duplicates merged, in the form that OUT's ending says; OUT.merges.tsv lists"
    " every merge and why.",
)
@click.option(
    "--duplicates",
    "pairs",
    type=click.Path(path_type=Path),
    metavar="TSV",
    help="Write the pairs of duplicates with what joined them, and those that were held apart with why.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def records(files: tuple[Path, ...], merged: Path | None, pairs: Path | None, as_json: bool) -> None:
    """Say what was read of files of records: counts, labels, duplicates, and what was not understood.

    RIS, NBIB (PubMed), EndNote XML, PubMed XML, and tables (CSV, TSV, XLSX) of databases and reviewing tools, told by
    their content. Several files are one search. Nothing is merged or written unless you ask.

    \b
    Examples:
      nirank records pubmed.nbib embase.ris rayyan.csv
      nirank records pubmed.nbib embase.ris --merge search.ris
    """
    import json

    from nirank.base.files import expand_path
    from nirank.records.files import read_record_file
    from nirank.report.text import WIDTH
    from nirank.screening.merged_search import write_search
    from nirank.screening.record_summary import format_summary, summarise_files

    read = [read_record_file(expand_path(path)) for path in files]
    summary = summarise_files(read)
    if merged is not None or pairs is not None:
        summary |= {"written": write_search(read, merged and expand_path(merged), pairs and expand_path(pairs))}
    text = json.dumps(summary, indent=1, ensure_ascii=False) if as_json else format_summary(summary, WIDTH)
    click.echo(text)
