"""How files name their columns: the known names, told apart from each other but not by how they are spelt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

# The first that is there is taken. Letter case, blanks, underscores and hyphens do not count: `Document ID`.
ID_NAMES = (
    *("_id", "id", "docid", "doc_id", "docno", "document_id", "pid", "corpus-id", "corpus_id"),
    *("qid", "query_id", "query-id", "topic_id", "pmid"),
    *("record_id", "passage_id", "question_id", "article_id", "paper_id"),
)
TITLE_NAMES = ("title", "headline", "doc_title", "document_title")
TEXT_NAMES = (
    *("text", "contents", "content", "body", "abstract", "passage", "query", "question"),
    *("doc_text", "document_text", "passage_text", "query_text", "question_text", "full_text"),
)
LABEL_NAMES = (
    *("score", "label", "relevance", "rel", "grade", "labels", "label_included", "included", "include"),
    *("is_relevant", "relevant", "judgement", "judgment", "decision", "match", "is_match", "gold"),
)
QUERY_NAMES = ("query-id", "qid", "topic_id", "query", "topic")
DOC_NAMES = ("corpus-id", "doc_id", "docno", "document_id", "document", "doc", "passage_id", "pid", "pmid")
ITERATION_NAMES = ("iteration", "iter")
# Of a table without title and text: these columns are labels, never text.
TABLE_LABEL_NAMES = (
    *("label", "labels", "label_included", "included", "include", "is_relevant", "relevant", "relevance"),
    *("judgement", "judgment", "decision"),
)

# Two columns of ids of which neither name says which one the queries are.
SIDES = (
    *(("ltable_id", "rtable_id"), ("left_id", "right_id"), ("left", "right"), ("l_id", "r_id"), ("lid", "rid")),
    *(("id1", "id2"), ("id_1", "id_2"), ("id_a", "id_b"), ("ida", "idb"), ("p1", "p2"), ("e1", "e2")),
    *(("d1", "d2"), ("record1", "record2"), ("source_id", "target_id"), ("source", "target"), ("entity1", "entity2")),
)


_MAX_SHOWN = 12


class AmbiguousName(ValueError):
    """Two columns are the same known name, spelt differently."""


@lru_cache(4096)
def normalise_name(name: str) -> str:
    """Return a name as names are compared: lower case, without blanks, underscores and hyphens."""
    return re.sub(r"[\s_\-\ufeff]+", "", name).casefold()


def find_name(names: Sequence[str], known: Sequence[str]) -> str | None:
    """Return the one of a file's names that is the first of the known ones; None if there is none.

    Of two that are spelt alike but for case and the like, the one spelt as known is taken; raises
    TwoNames if neither is.
    """
    for wanted in dict.fromkeys(map(normalise_name, known)):
        alike = [name for name in names if normalise_name(name) == wanted]
        exact = [name for name in known if name in alike]
        if exact:
            return exact[0]
        if len(alike) > 1:
            raise AmbiguousName(f"'{alike[0]}' and '{alike[1]}' are one name but for their spelling")
        if alike:
            return alike[0]
    return None


def join_names(names: Sequence[str]) -> str:
    """Return names for a message: all, or the first dozen and how many there are; those that are blank in quotes."""
    shown = ", ".join(name if name.strip() else repr(name) for name in names[:_MAX_SHOWN])
    return shown if len(names) <= _MAX_SHOWN else f"{shown}, … ({len(names):,} in all)"


def is_known(name: str, known: Sequence[str]) -> bool:
    """Tell whether a name is one of the known ones."""
    return normalise_name(name) in {normalise_name(other) for other in known}


def is_row_number(name: str) -> bool:
    """Tell whether a column is the index that pandas writes: without a name, or `Unnamed: 0`, `__index_level_0__`."""
    return not name.strip() or bool(re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name.strip()))


def find_sides(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the two columns of a header that name sides (`ltable_id`, `rtable_id`) but not which of them asks."""
    for left, right in SIDES:
        columns = [[name for name in names if normalise_name(name) == normalise_name(side)] for side in (left, right)]
        if all(columns):
            return columns[0][0], columns[1][0]
    return None
