"""Examples of queries for a generator's prompt: given, or drawn from training queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nirank.algebra.judged import Judged, hash_with_salt
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.flow.qrels import Qrels
from nirank.training.training_data import require_sources

Pairs = tuple[tuple[str, str], ...]  # (document, query)

_ROLE = "few_shot"  # of the drawn examples among a node's inputs
_FILE = "examples.json"


@dataclass(frozen=True)
class FewShot:
    """Examples of a document and a query that it answers, which a prompt shows; none by default.

    pairs    given ones, (document, query)
    queries  judged training queries that others are drawn from, by hash of id, each with one of its most relevant
             documents; the row says so, and evaluated ones are refused, as wherever something is trained
    n        how many are drawn
    """

    pairs: Pairs = ()
    queries: Judged | None = None
    n: int = 3
    doc_text: View = TITLE_AND_TEXT
    query_text: View = TITLE_AND_TEXT

    def __post_init__(self) -> None:
        fit_fields(self, "examples")
        blank = [pair for pair in self.pairs if not all(text.strip() for text in pair)]
        if blank:
            raise ConfigError(f"examples: expected a document and a query in each pair, got {list(blank[0])}")
        if self.n < 1:
            raise ConfigError(f"examples: n must be 1 or more, got {self.n}")

    def describe_identity(self) -> list[list[str]]:
        """Return what a prompt depends on beside inputs."""
        return [list(pair) for pair in self.pairs]

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        """Return the node that draws examples, with its role; nothing where none are drawn."""
        if self.queries is None:
            return ()
        # Only queries that are drawn from count as seen.
        judged = self.queries if self.queries.sample is not None else replace(self.queries, sample=self.n)
        opened = require_sources(sides).open_judged(judged, "trained")
        assert opened.judgements is not None, "checked where judged queries are opened"
        inputs = (("queries", opened.queries), ("docs", opened.docs), ("judgements", opened.judgements))
        views = {"doc_text": self.doc_text, "query_text": self.query_text}
        params: dict[str, Any] = {"n": self.n} | {name: view for name, view in views.items() if view != TITLE_AND_TEXT}
        label = f"{self.n} examples for prompts"
        return ((_ROLE, Node(f"{__name__}:draw_examples", 1, params, inputs, offline=True, label=label)),)

    def read_pairs(self, inputs: Mapping[str, Sequence[Any]]) -> Pairs:
        """Return the examples, the given ones first.

        inputs  opened, by role
        """
        drawn = tuple(
            (document, query)
            for folder in inputs.get(_ROLE, ())
            for document, query in json.loads((Path(folder) / _FILE).read_text())["pairs"]
        )
        return (*self.pairs, *drawn)

    def __repr__(self) -> str:
        return to_expression(self)


def draw_examples(job: Job) -> None:
    """Draw queries by hash of id, each with the first by hash of its documents of the greatest grade."""
    doc_view, query_view = (TextView(job.params.get(name, TITLE_AND_TEXT)) for name in ("doc_text", "query_text"))
    queries, docs, qrels = (job.get_input(name) for name in ("queries", "docs", "judgements"))
    pairs = _draw_pairs(queries, docs, qrels, doc_view, query_view, job.params["n"])
    if not pairs:
        raise DataError("examples: none of the training queries has a relevant document with text")
    (job.folder / _FILE).write_text(json.dumps({"pairs": pairs}, ensure_ascii=False, indent=1) + "\n")
    job.context.declare("examples for prompts", {"drawn": len(pairs)})


def _draw_pairs(
    queries: Texts, docs: Texts, qrels: Qrels, doc_view: TextView, query_view: TextView, n: int
) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for row in sorted(range(len(queries)), key=lambda row: hash_with_salt(queries.ids[row], "few shot")):
        part = slice(*qrels.offsets[row : row + 2].tolist())
        grades = {
            doc: grade
            for doc, grade in zip(qrels.rows[part].tolist(), qrels.grades[part].tolist(), strict=True)
            if grade >= qrels.min_rel and doc >= 0
        }
        relevant = sorted(grades, key=lambda doc: (-grades[doc], hash_with_salt(docs.ids[doc], "few shot")))
        texts = docs.read(doc_view, np.array(relevant, np.int64))
        document = next(filter(str.strip, texts), None)
        (query,) = queries.read(query_view, np.array([row]))
        if document is not None and query.strip():
            pairs.append((document, query))
        if len(pairs) == n:
            break
    return pairs


def cut_words(text: str, n: int) -> str:
    """Return the first n words of a text, joined by single blanks."""
    return " ".join(text.split()[:n])


def write_completion_prompt(pairs: Sequence[tuple[str, str]], document: str) -> str:
    """Return a prompt that is to be completed, in the form of InPars (Bonifacio et al., SIGIR 2022).

    pairs  examples: documents, each with its query
    """
    examples = [
        f"Example {number}:\nDocument: {text}\nRelevant Query: {query}\n\n"
        for number, (text, query) in enumerate(pairs, 1)
    ]
    return f"{''.join(examples)}Example {len(pairs) + 1}:\nDocument: {document}\nRelevant Query:"
