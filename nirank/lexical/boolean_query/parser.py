"""From the text of a Boolean query to its tree. Nothing fails: what is not understood is kept as words, and counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace

from nirank.lexical.boolean_query.statements import split_statements
from nirank.lexical.boolean_query.tokens import Token, split_tokens
from nirank.lexical.boolean_query.tree import BooleanQuery, Heading, Operation, Operator, Part, Term, walk_parts

_MESH = ("mesh", "mh", "majr", "sh", "subheading")  # how tags begin that name a subject heading
_LIMIT = re.compile(r"(?:limit\s+#?(\d+)\s+to\b|(?:remove|deduplicate) duplicates from\s+#?(\d+)).*", re.IGNORECASE)
_LINES = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")
_LINE = re.compile(r"[s#]?(\d{1,3})", re.IGNORECASE)
_MOST_LINES = 999  # that are named at once
_DEEPEST = 40  # brackets within each other; more are no query of people
_STARTS = ("word", "quoted", "exp", "(", "lines")


def parse_boolean_query(text: str) -> BooleanQuery:
    """Return the tree of a query in PubMed's or Ovid's syntax, of one statement or of lines that name earlier ones.

    Lines that no other line names are joined by 'or'. PubMed reads operators from left to right; in Ovid AND and NOT
    bind closer than OR. Adjacent words are a phrase.
    """
    statements = split_statements(text)
    counts: Counter[str] = Counter(statements=len(statements))
    is_pubmed = _is_pubmed(statements)
    parsed: list[Part | None] = []
    used: set[int] = set()
    for statement in statements:
        parser = _Parser(statement, parsed, counts, left_to_right=is_pubmed)
        parsed.append(parser.parse())
        used |= parser.used
    roots = [part for at, part in enumerate(parsed) if part is not None and at not in used]
    root = _join("or", roots) if roots else None
    for part in walk_parts(root):
        counts[_name(part)] += len(part.parts) - 1 if isinstance(part, Operation) else 1
        if isinstance(part, Term):
            counts["truncated words"] += sum(any(mark in word for mark in "$*?#") for word in part.words)
    return BooleanQuery(root, {name: n for name, n in sorted(counts.items()) if n})


def _is_pubmed(statements: Sequence[str]) -> bool:
    kinds = Counter(token.kind for statement in statements for token in split_tokens(statement))
    return kinds["tag"] > kinds["fields"] + kinds["slash"]


class _Parser:
    """Reads one statement by recursive descent.

    earlier  the statements before it, as they were read
    used     of which it names these
    """

    def __init__(
        self, statement: str, earlier: Sequence[Part | None], counts: Counter[str], *, left_to_right: bool
    ) -> None:
        self.earlier, self.counts, self.left_to_right = earlier, counts, left_to_right
        self.used: set[int] = set()
        self.lines = {id(part) for part in earlier}
        self.depth = 0
        limit = _LIMIT.fullmatch(statement)
        if limit is not None and self._is_line(int(limit.group(1) or limit.group(2))):
            self.counts["limits"] += 1
            statement = f"#{limit.group(1) or limit.group(2)}"
        self.tokens = list(split_tokens(statement))
        self.at = 0

    def parse(self) -> Part | None:
        """Return the statement's tree; None: it says nothing."""
        parts = []
        while self.at < len(self.tokens):
            part = self._read_operation(0)
            if part is not None:
                parts.append(part)
            if self._peek() == ")":
                self._skip("brackets without a partner")
            elif self.at < len(self.tokens) and part is None:
                self._skip("operators without a part")
        return _join("and", parts) if parts else None

    def _peek(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else ""

    def _take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _skip(self, why: str) -> None:
        self.counts[f"not understood: {why}"] += 1
        self.at += 1

    def _read_operation(self, level: int) -> Part | None:
        """Return what the operators of a level, and all that bind closer, join."""
        levels: tuple[tuple[str, ...], ...] = (("or",), ("and", "not"), ("adj",))
        if self.left_to_right:
            levels = (("or", "and", "not"), ("adj",))
        if level == len(levels):
            return self._read_part()
        part = self._read_operation(level + 1)
        while True:
            kind = self._peek()
            if kind in levels[level]:
                token = self._take()
                right = self._read_operation(level + 1)
                if part is None or right is None:
                    self.counts["not understood: operators without a part"] += 1
                    part = right if part is None and kind != "not" else part
                else:
                    part = _add(kind, part, right, _read_distance(token))
            elif kind in _STARTS and "and" in levels[level]:
                right = self._read_operation(level + 1)
                if right is None:
                    return part
                self.counts["not understood: no operator between two parts"] += 1
                part = right if part is None else _add("and", part, right, None)
            else:
                return part

    def _read_part(self) -> Part | None:
        """Return a bracket, lines, words or a heading, with its fields."""
        while self._peek() in ("odd", "tag", "fields", "slash"):
            self._skip("signs")
        kind = self._peek()
        while self._peek() == "(" and self.depth == _DEEPEST:
            self._skip("brackets in very many others")
        kind = self._peek()
        if kind == "(":
            self._take()
            self.depth += 1
            part = self._read_operation(0)
            self.depth -= 1
            if self._peek() == ")":
                self._take()
            elif part is not None:
                self.counts["not understood: brackets without a partner"] += 1
            return self._read_fields(part)
        if kind == "lines":
            part = self._read_lines(self._take().text)
            while self._peek() == "tag":
                self._take()  # or/1-7 [keywords]: a remark
            return part
        if kind in ("word", "quoted", "exp"):
            return self._read_words()
        return None

    def _read_words(self) -> Part | None:
        """Return the words that stand together: a line's number, a heading or a term."""
        exploded = self._peek() == "exp"
        texts, quoted = [], False
        while self._peek() in ("word", "quoted", "exp"):
            token = self._take()
            if token.kind == "quoted":
                quoted = True
                texts.append(token.text[1:-1])
            elif token.kind == "word":
                texts.append(token.text)
        name = " ".join(" ".join(texts).split())
        line = _LINE.fullmatch(name)
        if line is not None and not quoted and self._peek() not in ("fields", "tag", "slash"):
            number = int(line.group(1))
            if self._is_line(number):
                self.used.add(number - 1)
                return self.earlier[number - 1]
        if self._peek() == "slash":
            qualifiers = tuple(re.findall(r"[a-z]{2}", self._take().text.lower()))
            while self._peek() == "tag":
                self._take()  # [Diagnosis]: the qualifier in words
            return Heading(name.lstrip("*"), exploded, qualifiers) if name else None
        if self._peek() == "tag" and _names_heading(self.tokens[self.at].text.strip("[] ").lower()):
            return _make_heading(name, (self._take().text.strip("[] ").lower(),))
        words = tuple(word for word in (text.strip(",.:;'!") for text in name.split()) if re.search(r"\w", word))
        if not words:
            self.counts["not understood: signs"] += 1
            return None
        return self._read_fields(Term(words, quoted))

    def _read_fields(self, part: Part | None) -> Part | None:
        """Return a part with the fields behind it."""
        while self._peek() in ("fields", "tag"):
            token = self._take()
            text = token.text.strip("[]. ").lower()
            if "=" in text or part is None:
                continue  # [mp=title, abstract]: what Ovid says of its own field
            fields = tuple(re.split(r"\s*,\s*|\s*/\s*", text)) if token.kind == "fields" else (text,)
            part = _put_fields(part, fields, self.lines)
        return part

    def _read_lines(self, text: str) -> Part | None:
        """Return the earlier lines that `or/1-5` or `#3` names."""
        numbers: list[int] = []
        for low, high in _LINES.findall(text):
            first = int(low)
            numbers += range(first, min(int(high or low), first + _MOST_LINES) + 1)
        known = [number for number in dict.fromkeys(numbers) if self._is_line(number)]
        self.counts["not understood: lines that are not there"] += len(set(numbers)) - len(known)
        self.used |= {number - 1 for number in known}
        parts = [part for part in (self.earlier[number - 1] for number in known) if part is not None]
        operator: Operator = "and" if text.lower().startswith("and") else "or"
        return _join(operator, parts) if parts else None

    def _is_line(self, number: int) -> bool:
        return 1 <= number <= len(self.earlier)


def _read_distance(token: Token) -> int | None:
    digits = re.sub(r"\D", "", token.text)
    return int(digits) if digits else None


def _add(kind: str, left: Part, right: Part, distance: int | None) -> Part:
    operator: Operator = kind  # type: ignore[assignment]
    if isinstance(left, Operation) and (left.operator, left.distance) == (operator, distance):
        return replace(left, parts=(*left.parts, right))
    return Operation(operator, (left, right), distance)


def _join(operator: Operator, parts: Sequence[Part]) -> Part:
    return parts[0] if len(parts) == 1 else Operation(operator, tuple(parts))


def _put_fields(part: Part, fields: tuple[str, ...], lines: Set[int]) -> Part:
    """Return a part whose terms are searched in some fields; earlier lines, and terms with fields, keep theirs."""
    if id(part) in lines:
        return part
    if isinstance(part, Operation):
        return replace(part, parts=tuple(_put_fields(inner, fields, lines) for inner in part.parts))
    if isinstance(part, Heading) or part.fields:
        return part
    if any(map(_names_heading, fields)):
        return _make_heading(" ".join(part.words), fields)
    return replace(part, fields=fields)


def _names_heading(field: str) -> bool:
    return field.startswith(_MESH)


def _make_heading(name: str, fields: Sequence[str]) -> Heading:
    """Return a heading of what is tagged as one; Ovid's `sh` is that heading alone."""
    plain, *qualifiers = name.split("/")
    exploded = not any("noexp" in field or field == "sh" for field in fields)
    return Heading(plain.strip(" ,"), exploded, tuple(qualifiers))


def _name(part: Part) -> str:
    if isinstance(part, Operation):
        return part.operator
    return "headings" if isinstance(part, Heading) else "phrases" if part.is_phrase else "terms"
