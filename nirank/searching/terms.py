"""Which terms of the query documents have, where a stage looked them up in an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.collections.text_view import TextView
from nirank.searching.answer import QueryTerm
from nirank.searching.query_run import QueryRun

if TYPE_CHECKING:
    from nirank.lexical.postings import Index

_MAX_TERMS = 100  # of a query that are described
_INDEX = "nirank.stages.bm25:build_index"


def find_index_node(node: Node) -> Node | None:
    """Return the index of terms that a computation reads; None where it reads none."""
    indexes = (below for role, below in node.inputs if role == "need" and below.task == _INDEX)
    return next(indexes, None) if hasattr(node.stage, "query_text") else None


class MatchedTerms:
    """The terms of the query, of a long one the rarest, and where they are."""

    def __init__(self, node: Node, index_node: Node, run: QueryRun) -> None:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.postings import Index

        self.index: Index = Index.open(run.get_value(index_node))
        texts = run.get_value(node.get_input("queries")).read(TextView(node.stage.query_text))
        terms = dict.fromkeys(next(iter(Analyzer(self.index.analyzer).tokenize(texts)), []))
        described = [self._describe(term) for term in terms]
        least = sorted((term.idf for term in described), reverse=True)[:_MAX_TERMS][-1] if described else 0.0
        self.described = tuple(term for term in described if term.idf >= least)[:_MAX_TERMS]

    def _describe(self, term: str) -> QueryTerm:
        counts = [(len(rows), self.index.fields[name].doc_count) for name, rows in self._find_postings(term)]
        idf = max((float(np.log1p((n - df + 0.5) / (df + 0.5))) for df, n in counts if df), default=0.0)
        return QueryTerm(term, max((df for df, _ in counts), default=0), idf)

    def list_matches(self, doc_rows: Sequence[int]) -> tuple[tuple[str, ...], ...]:
        """Return the terms that each document has, in the query's order."""
        wanted = np.asarray(doc_rows, np.int64)
        matches: list[list[str]] = [[] for _ in doc_rows]
        for term in (described.term for described in self.described):
            has_term = np.zeros(len(wanted), np.bool_)
            for _, rows in self._find_postings(term):
                places = np.minimum(np.searchsorted(rows, wanted), max(len(rows) - 1, 0))
                has_term |= rows[places] == wanted if len(rows) else False
            for at in np.flatnonzero(has_term).tolist():
                matches[at].append(term)
        return tuple(map(tuple, matches))

    def _find_postings(self, term: str) -> list[tuple[str, NDArray[np.int32]]]:
        """Return the rows of the documents that have a term, by field."""
        postings = []
        for name, field in self.index.fields.items():
            row = int(field.terms.find_rows([term])[0])
            ends = (0, 0) if row < 0 else field.offsets[row : row + 2].tolist()
            postings.append((name, field.docs[slice(*ends)]))
        return postings
