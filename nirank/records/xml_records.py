"""XML exports: parsed without entities of their own, and each record's elements as paths and texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nirank.errors import DataError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_CHUNK = 1 << 16  # characters
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")


def find_root_name(text: str) -> str:
    """Return the name of a document's root element, '' where there is none."""
    match = _ROOT.search(text)
    return "" if match is None else match[1]


def parse_xml(text: str | bytes, path: Path) -> Element:
    """Return the root element of a document; of bytes the declaration says the encoding.

    Raises DataError for one that declares entities, which could grow without bounds, and, with its line, for what is
    not well-formed, such as the rest of an export that broke off.
    """
    from xml.etree import ElementTree

    if _declares_entities(text):
        raise DataError(f"{path}: declares XML entities, which are not expanded; expected a file without them")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{path}:{error.position[0]}: not well-formed XML ({error}); is it whole?") from None
    except (ValueError, LookupError) as error:  # of an encoding that the parser does not have
        raise DataError(f"{path}: cannot be read as XML ({error})") from None


def _declares_entities(text: str | bytes) -> bool:
    """Tell whether a document declares entities, as a parser sees it: comments and literals may look like elements."""
    from xml.parsers import expat

    class Answer(Exception):
        pass

    def answer(is_declared: bool) -> NoReturn:
        raise Answer(is_declared)

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = lambda *_: answer(True)
    parser.StartElementHandler = lambda *_: answer(False)
    try:
        for begin in range(0, len(text), _CHUNK):
            parser.Parse(text[begin : begin + _CHUNK])
    except Answer as given:
        return bool(given.args[0])
    except expat.ExpatError:
        pass  # what reads all of it says where
    return False


def list_fields(element: Element, inline: Collection[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every element below one that holds text, and (path@name, value) of attributes before it.

    inline  elements that are markup of a text, such as <i>: a part of the text around them
    """
    for child in element:
        inner = f"{path}/{child.tag}" if path else str(child.tag)
        for name, value in child.items():
            yield f"{inner}@{name}", value
        if all(grandchild.tag in inline for grandchild in child):
            text = "".join(child.itertext())
            yield inner, text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        else:
            yield from list_fields(child, inline, inner)
