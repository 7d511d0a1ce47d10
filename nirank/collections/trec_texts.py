"""TREC's text files: documents between <DOC> tags, topics between <top> tags or in XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from nirank.collections.records import Record
from nirank.errors import DataError
from nirank.files import read_lines, read_text

_TAG = re.compile(r"<[^<>]*>")
_DOCNO = re.compile(r"<DOCNO>\s*(.*?)\s*</DOCNO>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<(TITLE|HEADLINE|HL|TTL)>(.*?)</\1>", re.IGNORECASE | re.DOTALL)
_TOP = re.compile(r"<top\b[^>]*>(.*?)</top>", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"<(num|title|desc|narr)>\s*(.*?)\s*(?=<(?:num|title|desc|narr|/)|\Z)", re.IGNORECASE | re.DOTALL)
_LABEL = re.compile(r"^(Number|Topic|Description|Narrative)\s*:\s*", re.IGNORECASE)


def read_docs(path: Path) -> Iterator[Record]:
    """Yield the documents of a file of <DOC> … </DOC>, with DOCNO, a TITLE or HEADLINE, and all other text.

    Raises DataError, file:line, for a document without DOCNO or end.
    """
    lines: list[str] = []
    begin = 0
    for number, line in read_lines(path):
        mark = line.strip().upper()
        if mark == "<DOC>":
            if lines:
                raise DataError(f"{path}:{number}: a <DOC> inside the one of line {begin}; expected </DOC> first")
            begin, lines = number, [line]
        elif mark == "</DOC>":
            if not lines:
                raise DataError(f"{path}:{number}: a </DOC> without <DOC>")
            yield _doc("".join(lines[1:]), path, begin)
            lines = []
        elif lines:
            lines.append(line)
        elif mark:
            raise DataError(f"{path}:{number}: text outside <DOC> and </DOC>: '{line.strip()[:40]}'")
    if lines:
        raise DataError(f"{path}:{begin}: the <DOC> has no </DOC>")


def _doc(body: str, path: Path, line: int) -> Record:
    found = _DOCNO.search(body)
    if found is None or not found[1]:
        raise DataError(f"{path}:{line}: the document has no <DOCNO>")
    body = body[: found.start()] + body[found.end() :]
    titles = [html.unescape(" ".join(_TAG.sub(" ", one[1]).split())) for one in _TITLE.findall(body)]
    text = html.unescape(_TAG.sub(" ", _TITLE.sub(" ", body))).strip()
    return Record(found[1], " ".join(filter(None, titles)), text, {}, line)


def read_topics(path: Path) -> Iterator[Record]:
    """Yield the topics of a file: `text` is the title (or query), description and narrative are metadata.

    Both the old form, `<top> <num> Number: 301 <title> …`, and XML, `<topic number="1"><query>…`.
    Raises DataError for a topic without a number, or a file without topics.
    """
    whole = read_text(path)
    old = list(_TOP.finditer(whole))
    topics = [_old_topic(one[1], path, whole.count("\n", 0, one.start()) + 1) for one in old] or list(_xml(whole, path))
    if not topics:
        raise DataError(f"{path}: holds no topics; expected <top> … </top> or XML with <topic number=…>")
    yield from topics


def _old_topic(body: str, path: Path, line: int) -> Record:
    fields = {one[1].lower(): _LABEL.sub("", " ".join(one[2].split())) for one in _FIELD.finditer(body)}
    number = fields.pop("num", "")
    if not number:
        raise DataError(f"{path}:{line}: the topic has no <num>")
    longer = (("desc", "description"), ("narr", "narrative"))
    metadata = {name: fields[key] for key, name in longer if fields.get(key)}
    return Record(number, "", fields.get("title", ""), metadata, line)


def _xml(whole: str, path: Path) -> Iterator[Record]:
    from xml.etree import ElementTree

    if "<!ENTITY" in whole:  # never expanded: a file could blow up memory
        raise DataError(f"{path}: declares XML entities; expected plain topics")
    try:
        root = ElementTree.fromstring(whole)
    except ElementTree.ParseError as error:
        raise DataError(f"{path}:{error.position[0]}: not valid XML ({error})") from None
    for at, topic in enumerate((one for one in root.iter() if one.tag.lower() in ("topic", "top")), 1):
        number = topic.get("number") or topic.get("id") or topic.get("num")
        if not number:
            raise DataError(f"{path}: topic {at} has no number")
        fields = {one.tag.lower(): " ".join("".join(one.itertext()).split()) for one in topic}
        key = next((name for name in ("title", "query", "question", "summary") if fields.get(name)), None)
        text = fields.pop(key) if key else " ".join((topic.text or "").split())
        yield Record(number, "", text, {name: one for name, one in fields.items() if one}, at)
