"""The text of an HTML document: blocks and rows of tables become lines; scripts and styles are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nirank.forms.html_tree import split_names

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SKIPPED = split_names("head title script style noscript template svg iframe object select button")
_HEADINGS = split_names("h1 h2 h3 h4 h5 h6")
_LINES = split_names(
    "address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hr legend li main nav ol p section summary table tbody tfoot thead tr ul"
)
_CELLS = frozenset({"td", "th"})


class HtmlText(NamedTuple):
    """What a document says: its title (the first heading, else <title>) and its text, lines apart from that heading."""

    title: str
    text: str


def read_html_text(root: Element) -> HtmlText:
    """Return title and text of a document."""
    heading = next((text for element in root.iter() if element.tag in _HEADINGS and (text := _join(element))), "")
    title = heading or next((_join(element) for element in root.iter("title")), "")
    lines = collect_lines(root)
    if lines and lines[0] == heading:
        lines = lines[1:]
    return HtmlText(title, "\n".join(lines))


def collect_lines(element: Element) -> list[str]:
    """Return the lines of an element: one for each block; the cells of a row are joined by blanks into one."""
    pieces: list[str] = []
    _collect(element, pieces, in_cell=False, verbatim=False)
    return [line for part in "".join(pieces).split("\n") if (line := " ".join(part.split()))]


def _collect(element: Element, pieces: list[str], *, in_cell: bool, verbatim: bool) -> None:
    tag = str(element.tag)
    if tag in SKIPPED:
        return
    verbatim = verbatim or tag == "pre"
    is_line = (tag in _LINES or tag == "pre") and not (in_cell and tag != "tr")
    edge = "\n" if is_line else " " if tag in _LINES or tag in _CELLS else ""
    pieces.append(edge)
    pieces.append(_blank_breaks(element.text, verbatim))
    for child in element:
        _collect(child, pieces, in_cell=in_cell or tag in _CELLS, verbatim=verbatim)
        pieces.append(_blank_breaks(child.tail, verbatim))
    pieces.append(edge)


def _blank_breaks(text: str | None, verbatim: bool) -> str:
    if text is None:
        return ""
    return text if verbatim else text.replace("\n", " ")


def _join(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
