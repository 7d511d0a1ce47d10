"""Texts, Markdown and HTML: one document or query a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES, read_bytes, read_text, strip_packed_suffix
from nirank.collections.readers.law_html import LawPage, describe_law_page, holds_law_page
from nirank.collections.readers.laws import make_law_record
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.forms.column_names import TextColumns
from nirank.forms.html_text import read_html_text
from nirank.forms.html_tree import decode_html, parse_html
from nirank.forms.id_columns import find_ending

TEXT_ENDINGS, MARKDOWN_ENDINGS, HTML_ENDINGS = ("txt", "text"), ("md", "markdown"), ("html", "htm", "xhtml")
VERSION = 3  # of the reading of Markdown and HTML; raised when the same file would be read otherwise
_MARKDOWN_HEADING = re.compile(
    r"\A\s*(?:#{1,6}[ \t]+(?P<marked>[^\n]*?)[ \t]*#*[ \t]*"
    r"|(?P<underlined>[^\n#>*\-\s][^\n]*)\n[ \t]*(?:={2,}|-{2,})[ \t]*)"
    r"(?:\n|\Z)"
)
_BEGINS_HTML = re.compile(r"(?:\s++|<\?xml[^>]*+>|<!--.*?-->)*+<(?:!doctype\s++html|html)\b", re.IGNORECASE | re.DOTALL)


def read_plain_texts(paths: Sequence[Path], folder: Path) -> Iterator[Record]:
    """Yield one record a file, whose id is its name inside the folder ('cases/000001.txt'), without .gz or .zst.

    Markdown that begins with a heading, and HTML, have a title. Raises DataError naming the file for bytes that are not
    UTF-8 (HTML may name another encoding) and a text of more than 64 MiB.
    """
    for path in paths:
        yield read_plain_text(path)._replace(id=name_file(path, folder), file=str(path))


def read_plain_text(path: Path) -> Record:
    """Return a file as a record whose id is the file's name."""
    ending, id = find_ending(path), name_file(path, None)
    if ending in HTML_ENDINGS:
        return read_html_record(path)._replace(id=id)
    text = read_text(path, MAX_LINE_BYTES)
    heading = _MARKDOWN_HEADING.match(text) if ending in MARKDOWN_ENDINGS else None
    if heading is None:
        return Record(id, "", text, {}, 1)
    return Record(id, (heading["marked"] or heading["underlined"] or "").strip(), text[heading.end() :], {}, 1)


def name_file(path: Path, folder: Path | None) -> str:
    """Return the id of a document that is a file: the file's name, inside the folder if there is one."""
    return strip_packed_suffix(path.name if folder is None else path.relative_to(folder).as_posix())


def begins_html(lines: Sequence[str]) -> bool:
    """Tell whether a file's first lines begin an HTML document."""
    return bool(_BEGINS_HTML.match("".join(lines)))


def read_html_record(path: Path) -> Record:
    """Return a page as a record without an id: a law with its parts, else title and text."""
    root = parse_html(decode_html(read_bytes(path, MAX_LINE_BYTES)))
    if holds_law_page(root):
        return make_law_record(root, LawPage(), describe_law_page(root))._replace(id="")
    title, text = read_html_text(root)
    return Record("", title, text, {}, 1)


def _read_html(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    yield read_html_record(path)


HTML = TextFormat("HTML", _read_html, HTML_ENDINGS, begins_html, version=VERSION)
