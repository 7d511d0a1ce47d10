"""`nirank citations`: which acts texts refer to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import click

from nirank.cli.groups import EPILOG

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--collection",
    metavar="PATH",
    help="Name the documents of a collection, of a file or of a folder of texts, by their ids; titles of theirs are"
    " found too.",
)
def citations(files: tuple[str, ...], collection: str | None) -> None:
    """Print the acts that texts refer to: a line a reference, in order of appearance.

    A line is the reference as written, a tab and its identifier: CELEX numbers for the European Union, paths of
    legislation.gov.uk (ukpga/2006/46) for the United Kingdom, chapters and registrations (A-1, SOR-2019-105) for
    Canada. A title without a number has no identifier. How many these are is said on standard error, and so is what
    else a mention may be that leaves open which act it is. Laws in XML or HTML are read by their text. FILE - is
    standard input.

    \b
    Examples:
      nirank citations directive.txt
      nirank citations regulation.xml --collection corpus.jsonl
    """
    from nirank.citations.find import find_references
    from nirank.citations.reference import merge_references
    from nirank.cli.console import set_up_logging
    from nirank.collections.document_names import make_catalogue
    from nirank.experiment.loading import load_documents

    set_up_logging(quiet=False, debug=False)
    docs = None if collection is None else load_documents(collection)
    catalogue = None if docs is None else make_catalogue(docs)
    n_references = n_unknown = 0
    others: dict[str, tuple[str, ...]] = {}
    for text in _read_files(files):
        named = [] if catalogue is None else catalogue.find_citations(text)
        rows = {citation.reference: citation.rows for citation in named}
        for reference in merge_references(rows, find_references(text)):
            if docs is None:
                names = reference.identifiers[:1] if reference.certain else reference.identifiers
            else:
                names = tuple(docs.ids[row] for row in rows.get(reference, ()))
            n_references += 1
            n_unknown += not names
            written = " ".join(reference.text.split())
            click.echo(f"{written}\t{''.join(names[:1])}")
            if names[1:]:
                others[written] = names
    for written, names in others.items():
        log.info("%s: %s, or else %s", written, names[0], " or ".join(names[1:]))
    unknown = "without an identifier" if docs is None else "of no document of the collection"
    log.info("%d references, %d of them %s", n_references, n_unknown, unknown)


def _read_files(files: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts of files; of laws in XML and of HTML what a reader sees."""
    from nirank.base.files import expand_path, read_text
    from nirank.collections.readers.laws import holds_law, read_law
    from nirank.collections.readers.plain_texts import HTML, read_html_record
    from nirank.errors import DataError
    from nirank.forms.column_names import TextColumns

    for name in files:
        path = expand_path(name)
        if name == "-":
            try:
                yield sys.stdin.buffer.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise DataError(f"standard input: not valid UTF-8 (byte {error.start}); expected UTF-8") from None
        elif path.is_file() and holds_law(path):
            yield from (f"{law.title}\n{law.text}" for law in read_law(path, "docs", TextColumns()))
        elif path.suffix.lower().removeprefix(".") in HTML.endings:
            record = read_html_record(path)
            yield f"{record.title}\n{record.text}"
        else:
            yield read_text(path)
