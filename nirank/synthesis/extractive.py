"""Queries that are taken from the documents themselves: no model writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.judged import hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes, estimate_library_memory
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.stages.bm25 import BM25
from nirank.synthesis.extraction import ParsedDoc, split_words
from nirank.synthesis.generator import Generator, Writing
from nirank.training.questions import normalise_question

Kind = Literal["title", "sentence", "claim", "phrase", "terms", "question"]

_VERSION = 2  # raised where other queries come out
_BLOCK = 256  # documents whose words are analysed together
_SPARE = 4  # further queries of a kind that are looked for, since some will be no new ones
_MOST_WORDS = 200  # a longer title is none
_QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "english": ("what is known about {phrase}?", "what is the role of {phrase}?", "what are the effects of {phrase}?"),
    "german": ("Was ist über {phrase} bekannt?",),
    "french": ("Que sait-on de {phrase} ?",),
    "spanish": ("¿Qué se sabe de {phrase}?",),
    "italian": ("Che cosa si sa di {phrase}?",),
    "portuguese": ("O que se sabe sobre {phrase}?",),
    "dutch": ("Wat is er bekend over {phrase}?",),
}


@dataclass(frozen=True)
class Extractive(Generator):
    """Take queries from documents, the most telling words and sentences first.

    How much a term says is TF-IDF: its frequency in the document, BM25's idf over the collection. Sentences, claims
    and phrases are chosen one after the other by the sum of their terms' weights, which halve once a query has the
    term, so that the next one says something else (QUITE, Zou et al., KDD 2021).

    kinds      title     the document's title
               sentence  a sentence
               claim     a part of a sentence, between commas and without what stands in brackets
               phrase    two to four words without a stop word between them
               terms     the words of the terms that say most, in their order
               question  a question about a phrase
    per_doc    the first query of each kind in turn, then the second of each …; a kind that has none is passed over
    rotate     begin with another kind in each document, by hash, so that one query a document gives all kinds
    terms      how many words the queries of kind 'terms' have
    words      at most in a sentence or claim
    questions  templates with {phrase}, one of them by hash; none: those of the analyzer's language
    analyzer   a language: which words say nothing, and which are the same

    No query has all terms of its document.
    """

    kinds: tuple[Kind, ...] = ("title", "sentence", "terms")
    per_doc: int = 1
    rotate: bool = False
    terms: int = 6
    words: int = 32
    questions: tuple[str, ...] = ()
    analyzer: str = "english"

    def __post_init__(self) -> None:
        from nirank.lexical.analysis import check_analyzer

        fit_fields(self, "extractive")
        check_analyzer(self.analyzer)
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ConfigError(
                f"extractive: kinds are some of {', '.join(get_args(Kind))}, each once, got {list(self.kinds)}"
            )
        for name, least in (("per_doc", 1), ("terms", 1), ("words", 3)):
            if getattr(self, name) < least:
                raise ConfigError(f"extractive: {name} must be {least} or more, got {getattr(self, name)}")
        wrong = [template for template in self.questions if "{phrase}" not in template]
        if wrong:
            raise ConfigError(f"extractive: questions: expected {{phrase}} in each, got {wrong[0]!r}")
        if "question" in self.kinds and not self._templates:
            raise ConfigError(
                f"extractive: there are no questions for analyzer '{self.analyzer}'; give some as `questions`, each"
                " with {phrase} in it"
            )

    @property
    def title(self) -> str:
        return f"extraction ({', '.join(self.kinds)})"

    @property
    def _templates(self) -> tuple[str, ...]:
        return self.questions or _QUESTIONS.get(self.analyzer, ())

    def describe_identity(self) -> Mapping[str, Any]:
        options = {name: value for name, value in asdict(self).items() if name != "per_doc"}
        if "question" in self.kinds:
            options["questions"] = self._templates
        return {"extractive": _VERSION, **options}

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        return tuple(("index", node) for node in BM25(analyzer=self.analyzer).plan_inputs(sides))

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(estimate_library_memory("java"))

    def read_docs(self, docs: Texts, rows: NDArray[np.int64], view: TextView) -> Sequence[str]:
        """Return each document with its title, '' where it has none, as the first line."""
        names = () if view.template is not None or view.marked else docs.find_fields(view)
        if "title" not in names:
            return [f"\n{text}" for text in docs.read(view, rows)]
        others = tuple(name for name in names if name != "title")
        bodies: Sequence[str] = list(docs.read(TextView(others), rows)) if others else [""] * len(rows)
        titles = docs.read(TextView("title"), rows)
        return [f"{' '.join(title.split())}\n{body}" for title, body in zip(titles, bodies, strict=True)]

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.postings import Index
        from nirank.lexical.weights import analyze_words, select_greatest, tf_idf

        index = Index.open(inputs["index"][0])
        tool = Analyzer(index.analyzer)
        for start in range(0, len(docs), _BLOCK):
            parts = [text.partition("\n")[::2] for text in docs[start : start + _BLOCK]]
            words = [split_words(f"{title} {body}") for title, body in parts]
            terms = analyze_words((word for doc_words in words for word in doc_words), tool)
            tokens = [[term for word in doc_words for term in terms[word]] for doc_words in words]
            for (title, body), weights in zip(parts, tf_idf(tokens, index.fields[""]), strict=True):
                ranked = select_greatest(weights, len(weights))
                doc = ParsedDoc(title, body, ranked, terms, 2 * self.per_doc + _SPARE)
                yield [Writing(query) for query in self._choose_queries(doc)]

    def _choose_queries(self, doc: ParsedDoc) -> list[str]:
        text = f"{doc.title}\n{doc.body}"
        first = hash_with_salt(text, "kinds") % len(self.kinds) if self.rotate else 0
        lists = [self._rank(kind, doc, text) for kind in (*self.kinds[first:], *self.kinds[:first])]
        chosen: dict[str, str] = {}
        while lists and len(chosen) < self.per_doc:
            for ranked in lists.copy():
                query = next((query for query in ranked if self._is_query(query, doc, chosen)), None)
                if query is None:
                    lists.remove(ranked)
                else:
                    chosen[normalise_question(query)] = query
        return list(islice(chosen.values(), self.per_doc))

    def _is_query(self, query: str, doc: ParsedDoc, chosen: Mapping[str, str]) -> bool:
        question = normalise_question(query)
        return bool(question) and question not in chosen and not doc.find_terms(query) >= doc.all_terms

    def _rank(self, kind: Kind, doc: ParsedDoc, text: str) -> Iterator[str]:
        """Return the queries of a kind, the best first."""
        if kind == "title":
            return iter([doc.title] if len(doc.title.split()) <= _MOST_WORDS else [])
        if kind == "sentence":
            return doc.rank_sentences(self.words)
        if kind == "claim":
            return doc.rank_clauses(self.words)
        if kind == "phrase":
            return doc.rank_phrases()
        if kind == "terms":
            return doc.rank_terms(self.terms)
        return self._ask(doc.rank_phrases(), text)

    def _ask(self, phrases: Iterator[str], text: str) -> Iterator[str]:
        for number, phrase in enumerate(phrases):
            template = self._templates[hash_with_salt(text, f"question {number}") % len(self._templates)]
            yield template.replace("{phrase}", phrase)

    def __repr__(self) -> str:
        return to_expression(self)
