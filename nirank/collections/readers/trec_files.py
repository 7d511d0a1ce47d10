"""TREC's text files: documents between <DOC> tags, topics between <top> tags or in XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES, MAX_PARSED_BYTES, read_lines, read_text
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns

_ENDINGS = ("trec", "sgml", "xml")  # of documents as of topics: the first lines tell which
_BEGINS_DOC = re.compile(r"<doc(\s[^<>]*)?>", re.IGNORECASE)
_BEGINS_TOPIC = re.compile(r"<(top|topics?)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_OPEN = re.compile(r"<DOC(\s[^<>]*)?>", re.IGNORECASE)
_CLOSE = re.compile(r"</DOC\s*>", re.IGNORECASE)
_DOC_ID = re.compile(r"\b(?:id|docno)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_DOCNO = re.compile(r"<(DOCNO|DOCID)\s*>\s*(.*?)\s*</\1\s*>", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"<top\b[^<>]*?\b(?:number|num|id)\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_TITLE = re.compile(r"<(TITLE|HEADLINE|HL|TTL)\b[^<>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_TOP = re.compile(r"</?top\b[^<>]*>", re.IGNORECASE)
# A field begins where its tag does; of other tags only one that begins a line: <b> inside a title is markup.
_FIELD = re.compile(
    r"<(num|number|title|desc|description|narr|narrative|dom|smry|con|fac|def)\b[^<>]*>|^[ \t]*<([a-z][\w-]*)[^<>]*>",
    re.IGNORECASE | re.MULTILINE,
)
_LABEL = re.compile(
    r"^(Number|Domain|Topic|Title|Description|Summary|Narrative|Concepts?(?:\(s\))?|Factors?(?:\(s\))?"
    r"|Definitions?(?:\(s\))?)\s*:\s*",
    re.IGNORECASE,
)
_NAMES = {
    "number": "num",
    "desc": "description",
    "narr": "narrative",
    "dom": "domain",
    "smry": "summary",
    "con": "concepts",
    "fac": "factors",
    "def": "definitions",
}
_TOPIC_TEXTS = ("title", "query", "question", "summary", "description")


def has_documents(lines: Sequence[str]) -> bool:
    """Tell whether there is a <DOC> among a file's first lines."""
    return bool(_BEGINS_DOC.search(_select_markup(lines)))


def has_topics(lines: Sequence[str]) -> bool:
    """Tell whether there is a <top> or <topic> among a file's first lines."""
    return bool(_BEGINS_TOPIC.search(_select_markup(lines)))


def _select_markup(lines: Sequence[str]) -> str:
    """Return the lines that begin with a tag: there may be comments, an XML declaration and blank lines before it."""
    text = "".join(lines).lstrip()
    return text if text.startswith("<") else "\n".join(line for line in map(str.lstrip, lines) if line[:1] == "<")


def read_docs(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the documents of a file of <DOC> … </DOC>, with DOCNO, a TITLE or HEADLINE, and all other text.

    The number may also be an attribute, `<DOC id="…">`; markup may stand between documents. Raises DataError,
    file:line, for a document without number or end, or of more than 64 MiB.
    """
    parts: list[str] = []
    begin, size, attribute_id = 0, 0, ""
    for number, line in read_lines(path):
        while line:
            mark = (_CLOSE if begin else _OPEN).search(line)
            before = line if mark is None else line[: mark.start()]
            if begin:
                inner = _OPEN.search(before)
                if inner is not None:
                    raise DataError(f"{path}:{number}: a <DOC> inside the one of line {begin}; expected </DOC> first")
                parts.append(before)
                size += len(before)
                if size > MAX_LINE_BYTES:
                    raise DataError(f"{path}:{begin}: the <DOC> is longer than {MAX_LINE_BYTES >> 20} MiB")
            elif _CLOSE.search(before):
                raise DataError(f"{path}:{number}: a </DOC> without <DOC>")
            elif _TAG.sub("", before).strip():
                raise DataError(f"{path}:{number}: text outside <DOC> and </DOC>: '{before.strip()[:40]}'")
            if mark is None:
                break
            line = line[mark.end() :]
            if begin:
                yield _make_document("".join(parts), attribute_id, path, begin)
                begin = 0
            else:
                parts, begin, size = [], number, 0
                attribute = _DOC_ID.search(mark[1] or "")
                attribute_id = attribute[1] if attribute else ""
    if begin:
        raise DataError(f"{path}:{begin}: the <DOC> has no </DOC>")


def _make_document(body: str, attribute_id: str, path: Path, line: int) -> Record:
    docno = _DOCNO.search(body)
    if docno is not None:
        body = body[: docno.start()] + body[docno.end() :]
    id = html.unescape(docno[2]) if docno is not None and docno[2] else attribute_id
    if not id:
        raise DataError(f"{path}:{line}: the document has no <DOCNO>")
    titles = [html.unescape(" ".join(_TAG.sub(" ", match[1]).split())) for match in _TITLE.findall(body)]
    text = html.unescape(_TAG.sub(" ", _TITLE.sub(" ", body))).strip()
    return Record(id, " ".join(filter(None, titles)), text, {}, line)


def read_topics(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the topics of a file: `text` is the title (or query), description and narrative are metadata.

    Both the old form, `<top> <num> Number: 301 <title> …`, and XML, `<topic number="1"><query>…`. A
    topic of the old form ends at </top> or where the next begins. One without a title has its
    description as text. Raises DataError for a topic without a number, and a file without topics.
    """
    content = read_text(path, MAX_PARSED_BYTES)
    count = 0
    for body, line in _split_topics(content, path):
        count += 1
        yield _parse_topic(body, path, line)
    if not count:
        for record in _read_xml_topics(content, path):
            count += 1
            yield record
    if not count:
        raise DataError(f"{path}: holds no topics; expected <top> … </top> or XML with <topic number=…>")


def _split_topics(content: str, path: Path) -> Iterator[tuple[str, int]]:
    """Yield each <top> with what stands up to </top>, or the next <top>, or the end, and the line where it begins."""
    opened: tuple[int, int, str] | None = None  # where the body begins, in which line, and the tag
    line, seen = 1, 0
    for mark in _TOP.finditer(content):
        line, seen = line + content.count("\n", seen, mark.start()), mark.start()
        closes = mark[0][1] == "/"
        if opened is not None:
            yield f"{opened[2]}{content[opened[0] : mark.start()]}", opened[1]
        elif closes:
            raise DataError(f"{path}:{line}: a </top> without <top>")
        opened = None if closes else (mark.end(), line, mark[0])
    if opened is not None:
        yield f"{opened[2]}{content[opened[0] :]}", opened[1]


def _parse_topic(body: str, path: Path, line: int) -> Record:
    fields: dict[str, str] = {}
    marks = list(_FIELD.finditer(body))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        raw = body[mark.end() : None if following is None else following.start()]
        tag = (mark[1] or mark[2]).lower()
        name = _NAMES.get(tag, tag)
        text = _LABEL.sub("", " ".join(html.unescape(_TAG.sub(" ", raw)).split()))
        fields[name] = f"{fields[name]} {text}".strip() if name in fields else text
    fields.pop("top", None)
    attribute = _NUMBER.match(body)
    number = fields.pop("num", "") or (attribute[1] if attribute else "")
    if not number:
        raise DataError(f"{path}:{line}: the topic has no <num>")
    title = fields.pop("title", "")
    metadata = {name: text for name, text in fields.items() if text}
    return Record(number, "", title or metadata.get("description", ""), metadata, line)


def _read_xml_topics(content: str, path: Path) -> Iterator[Record]:
    from xml.etree import ElementTree

    if "<!ENTITY" in content:  # never expanded: a file could blow up memory
        raise DataError(f"{path}: declares XML entities; expected plain topics")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as error:
        line = f":{error.position[0]}" if isinstance(error, ElementTree.ParseError) else ""
        raise DataError(f"{path}{line}: not valid XML ({error})") from None
    topics = (element for element in root.iter() if element.tag.lower() in ("topic", "top"))
    for position, topic in enumerate(topics, 1):
        fields = {}
        for element in topic:
            tag = element.tag.lower()
            fields[_NAMES.get(tag, tag)] = " ".join("".join(element.itertext()).split())
        inside = [fields.pop(name) for name in ("num", "id", "identifier") if fields.get(name)]
        number = topic.get("number") or topic.get("id") or topic.get("num") or next(iter(inside), "")
        if not number:
            raise DataError(f"{path}: topic {position} has no number")
        key = next((name for name in _TOPIC_TEXTS if fields.get(name)), None)
        text = " ".join((topic.text or "").split()) if key is None else fields[key]
        metadata = {name: value for name, value in fields.items() if value and (name != key or key == "description")}
        yield Record(number, "", text, metadata, position)


TREC_DOCUMENTS = TextFormat("TREC documents", read_docs, _ENDINGS, has_documents)
TREC_TOPICS = TextFormat("TREC topics", read_topics, _ENDINGS, has_topics)
