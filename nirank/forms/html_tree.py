"""HTML as a tree: what browsers read, however it is closed, with the standard library's parser."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder


def split_names(names: str) -> frozenset[str]:
    """Return the names of elements that a text lists between blanks."""
    return frozenset(names.split())


MAX_DEPTH = 150  # elements inside each other; deeper ones are read as siblings, which no text needs
_VOID = split_names("area base br col embed hr img input link meta param source track wbr")
_BLOCKS = split_names(
    "address article aside blockquote center dd details div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody td tfoot th thead tr ul"
)
# An element that opens ends these where they are open, up to the nearest of the second set.
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset({"li"}), frozenset({"ul", "ol"})),
    "dt": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "dd": (frozenset({"dt", "dd"}), frozenset({"dl"})),
    "tr": (frozenset({"tr", "td", "th"}), frozenset({"table"})),
    "td": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "th": (frozenset({"td", "th"}), frozenset({"tr", "table"})),
    "option": (frozenset({"option"}), frozenset({"select"})),
}
_SCOPES = frozenset({"td", "th", "table", "body", "html"})  # a <p> inside does not end one outside
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]+)|^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)""", re.I)
_HEAD_BYTES = 2048


def parse_html(text: str) -> Element:
    """Return the root of a document, <html>, with names in lower case; nothing is refused, what is not closed ends."""
    parser = _TreeParser()
    parser.feed(text)
    parser.close()
    return parser.finish()


def decode_html(raw: bytes) -> str:
    """Return a document's text in the encoding that it names, else UTF-8; bytes that are none become U+FFFD."""
    if raw.startswith(codecs.BOM_UTF8):
        return raw[len(codecs.BOM_UTF8) :].decode("utf-8", "replace")
    match = _CHARSET.search(raw[:_HEAD_BYTES])
    name = (match[1] or match[2]).decode("ascii") if match else "utf-8"
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = "utf-8"
    if codec in ("iso8859-1", "ascii"):
        codec = "cp1252"  # as browsers read what says so
    if codec.startswith("utf-16"):  # what could be searched for the name is not
        codec = "utf-8"
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(codec, "replace")


class _TreeParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._builder = TreeBuilder()
        self._open: list[str] = []
        self._builder.start("html", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._start(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._start(tag, attrs):
            self.handle_endtag(tag)

    def _start(self, tag: str, attrs: list[tuple[str, str | None]]) -> bool:
        """Begin an element, ending what it ends; return whether it is open now."""
        if tag == "html":
            return False
        if tag in _BLOCKS and "p" in self._open:
            self._end_open(frozenset({"p"}), _SCOPES)
        if tag in _ENDS:
            self._end_open(*_ENDS[tag])
        self._builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in _VOID or len(self._open) >= MAX_DEPTH:
            self._builder.end(tag)
            return False
        self._open.append(tag)
        return True

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while True:
                last = self._open.pop()
                self._builder.end(last)
                if last == tag:
                    return

    def handle_data(self, data: str) -> None:
        self._builder.data(data)

    def _end_open(self, ended: frozenset[str], scopes: frozenset[str]) -> None:
        """End the outermost open element of some names inside the nearest scope, with all that is open in it."""
        first = None
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at] in ended:
                first = at
            elif self._open[at] in scopes:
                break
        if first is not None:
            while len(self._open) > first:
                self._builder.end(self._open.pop())

    def finish(self) -> Element:
        while self._open:
            self._builder.end(self._open.pop())
        self._builder.end("html")
        return self._builder.close()
