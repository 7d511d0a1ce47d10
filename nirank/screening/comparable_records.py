"""Records as duplicates are found by: each field brought to one spelling, so that databases can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nirank.blocking.words import split_tokens
from nirank.records.record import BibliographicRecord

_DOI = re.compile(r"10\.\d{4,9}/\S+")
_TAG = re.compile(r"</?[a-z][^<>]{0,40}>|&[a-z]{2,8};", re.IGNORECASE)
_COPYRIGHT = re.compile(r"(?:©|\(c\)|&copy;|\bcopyright\b)", re.IGNORECASE)
_LONGEST_COPYRIGHT = 300  # characters from its sign to the end of an abstract; farther from the end it is a word
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_ROMAN = {
    numeral: str(number)
    for number, numeral in enumerate(("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"), 1)
}
_PARTS = frozenset(
    (
        "part",
        "parts",
        "section",
        "volume",
        "vol",
        "chapter",
        "phase",
        "appendix",
        "supplement",
        "teil",
        "band",
        "partie",
        "parte",
    )
)
_ORDINALS = frozenset(
    (
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
    )
)
# What makes another publication of the same title; "response" and the like harm nothing where both titles have them.
FORMS = frozenset(
    (
        "abstract",
        "addendum",
        "comment",
        "commentary",
        "correction",
        "corrections",
        "corrigendum",
        "edition",
        "editorial",
        "errata",
        "erratum",
        "letter",
        "preprint",
        "protocol",
        "rejoinder",
        "reply",
        "response",
        "retracted",
        "retraction",
        "summary",
        "revised",
        "update",
        "updated",
        "withdrawn",
    )
)
_TYPE_TAGS = frozenset(
    (
        "ty",
        "m3",
        "pt",
        "type",
        "document_type",
        "publication_type",
        "type_of_reference",
        "type_of_work",
        "ref_type",
    )
)
_PARTICLES = frozenset(
    (
        "af",
        "al",
        "ap",
        "av",
        "da",
        "das",
        "de",
        "del",
        "den",
        "der",
        "di",
        "do",
        "dos",
        "du",
        "el",
        "la",
        "le",
        "san",
        "st",
        "ten",
        "ter",
        "van",
        "von",
        "zu",
        "zur",
    )
)
_DATABASES = frozenset(
    ("pubmed", "embase", "medline", "scopus", "cinahl", "psycinfo", "amed", "openalex", "wos", "ovid")
)
_TYPES = {
    "conference": ("conf", "cpaper", "abst", "conference", "meeting", "proceedings", "congress"),
    "preprint": ("preprint",),
    "correction": ("erratum", "corrigendum", "correction"),
}


@dataclass(frozen=True)
class ComparableRecord:
    """A record's fields in one spelling.

    doi, pmid  "" where there is none that could be one
    title      words in lower case without accents, marks and punctuation, joined by single blanks
    year       None where the record has none
    kind       'conference', 'preprint' or 'correction' by its type of publication, 'other', "" where it has no type
    """

    record: BibliographicRecord
    doi: str
    pmid: str
    title: str
    year: int | None
    kind: str

    @classmethod
    def of(cls, record: BibliographicRecord) -> ComparableRecord:
        """Bring a record's fields to one spelling."""
        return cls(
            record,
            normalise_doi(record.doi),
            normalise_pmid(record.pmid),
            " ".join(_fold_words(record.title)),
            record.year,
            _find_kind(record),
        )

    @cached_property
    def letters(self) -> str:
        """The title without blanks: `post-traumatic` and `posttraumatic` are equal."""
        return self.title.replace(" ", "")

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """What tells works of one title apart: numbers, parts, ordinals, words such as erratum, reply, protocol."""
        words = self.title.split()
        marks = []
        for place, word in enumerate(words):
            number = _ROMAN.get(word)
            if number or (place and words[place - 1] in _PARTS):
                marks.append(number or word)
            elif word in _ORDINALS or word in FORMS:
                marks.append(word)
            else:
                marks += re.findall(r"\d+", word)
        return tuple(sorted(marks))

    @property
    def facts(self) -> tuple[object, ...]:
        """All that can speak against one work: records with equal facts do not contradict each other."""
        return self.doi, self.pmid, self.marks, bool(self.title), self.year, self.kind, self.authors, self.journal

    @cached_property
    def abstract(self) -> str:
        """The abstract's words, without the line of copyright at its end."""
        text = self.record.abstract
        sign = next((m for m in _COPYRIGHT.finditer(text) if len(text) - m.start() <= _LONGEST_COPYRIGHT), None)
        return " ".join(_fold_words(text[: sign.start()] if sign else text))

    @cached_property
    def abstract_numbers(self) -> Counter[str]:
        """How often each number is in the abstract: ages, sizes and results tell two reports of one kind apart."""
        return Counter(re.findall(r"\d+", self.abstract))

    @cached_property
    def first_author(self) -> frozenset[str]:
        """The words of the first author's family name; of a name whose order cannot be told, all its words."""
        return find_family_name(self.record.authors[0]) if self.record.authors else frozenset()

    @cached_property
    def authors(self) -> frozenset[str]:
        """The words of all authors' family names."""
        return frozenset(word for author in self.record.authors for word in find_family_name(author))

    @cached_property
    def journal(self) -> tuple[str, ...]:
        """The words of the journal's name, without articles, and without what stands in brackets.

        Nothing where it names a database: in some tables a column `source` has journals, in others databases.
        """
        words = _fold_words(re.sub(r"[(\[].*?[)\]]", " ", self.record.journal))
        if _DATABASES.intersection(words):
            return ()
        return tuple(word for word in words if word not in ("the", "of", "and", "for", "in", "de", "der", "et", "und"))


def normalise_doi(text: str) -> str:
    """Return the DOI in a text in lower case, without its address and what ends a sentence; "" where there is none."""
    doi = _DOI.search(text)
    return doi[0].lower().rstrip(".,;:)]}>\"'") if doi else ""


def normalise_pmid(text: str) -> str:
    """Return the number in a text such as `PMID: 0123`; "" where there is none or it is 0."""
    number = re.fullmatch(r"\D*0*([1-9]\d{0,8})(?:\.0)?\D*", text.strip())
    return number[1] if number else ""


def find_family_name(author: str) -> frozenset[str]:
    """Return the words that may be the family name in `Moreau, Ana`, `Moreau A`, `Moreau A.B.` or `Ana Moreau`."""
    family, comma, _ = author.partition(",")
    words = family.replace(".", " ").split()
    if not comma:
        while len(words) > 1 and len(words[-1]) <= 3 and words[-1].isupper():
            words.pop()
    folded = frozenset(_fold_words(" ".join(words)))
    return frozenset(word for word in folded if len(word) > 1 and word not in _PARTICLES) or folded


def _fold_words(text: str) -> Sequence[str]:
    """Return the words of a text in lower case, without markup and accents; of an apostrophe nothing stays."""
    if "<" in text or "&" in text:
        text = _TAG.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.replace("’", "").replace("ʼ", ""))
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
        return split_tokens(text.casefold().translate(_LETTERS))
    return split_tokens(text.replace("'", ""))


def _find_kind(record: BibliographicRecord) -> str:
    types = [value.lower() for tag, value in record.fields if tag.strip().lower().replace(" ", "_") in _TYPE_TAGS]
    if not types:
        return ""
    words = [word for value in types for word in split_tokens(value)]
    return next((kind for kind, names in _TYPES.items() if any(word in names for word in words)), "other")
