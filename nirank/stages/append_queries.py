"""Append queries to documents, so that searches by their words find them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.doc_queries import QueriesOption
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import TextMap, option, stage
from nirank.base.files import InputFile, read_lines
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError, StageError
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.stages._blocks import estimate_block_memory, replace_texts
from nirank.stages._paths import check_path, find_path

_TEXT = "text"


@stage
class AppendQueries(TextMap):
    """Append queries to the text of each document: `fold(AppendQueries(SyntheticQueries(…)), BM25())`.

    Nogueira et al., Document Expansion by Query Prediction, 2019; with a filter among the queries, doc2query-- of
    Gospodinov, MacAvaney and Macdonald, ECIR 2023. Titles and other columns stay as they are. How many words the
    documents had, and how many were appended, is stated.

    queries  how a plan writes them
    path     instead: a file with a document's id, a tab and a query in each line; may contain {collection} and {split};
             its content counts, not its name. Queries of documents that are not there are counted
    """

    queries: QueriesOption = option(default=None, identity=False, help="how queries are written")
    path: str = option(default="", identity=False, help="or a file: document id, tab, query")

    name = "append_queries"

    def check(self) -> None:
        if (self.queries is None) == (not self.path):
            raise ConfigError(
                f"append_queries: expected either queries or path, got {'both' if self.path else 'neither'}"
            )
        if self.path:
            check_path(self.name, self.path)

    def list_models(self) -> tuple[str, ...]:
        return () if self.queries is None else self.queries.base_names

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        if self.queries is not None:
            return (self.queries.compile_texts(sides),)
        file = InputFile.of(find_path(self.name, self.path, sides))
        params = {"content": file.digest}
        label = f"read {file.path.name}"
        task = f"{__name__}:read_query_file"
        return (Node(task, 1, params, kind="texts", offline=True, from_user=True, stage=file, label=label),)

    def describe_texts(self, texts: TextFields) -> TextFields:
        return texts if _TEXT in texts.columns else texts.merge_columns()

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return estimate_block_memory(sizes)

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        queries: Texts = ctx.inputs[0]
        docs = [id.rpartition("#")[0] for id in queries.ids]
        rows = texts.ids.find_rows(docs)
        if len(texts) and len(rows) and (rows < 0).all():
            raise StageError(
                f"append_queries: no text has the id of a document that queries were written for ('{docs[0]}', …);"
                " expected documents, as a view: fold(append_queries, of)"
            )
        ctx.count("queries_without_document", int((rows < 0).sum()))
        words = {"documents": 0, "appended": 0}
        view = TextView(_TEXT if _TEXT in texts.columns else TITLE_AND_TEXT)
        expanded = replace_texts(texts, _append(texts, view, queries, rows, words), ctx)
        growth = words["appended"] / words["documents"] if words["documents"] else 0.0
        ctx.declare("words", {**words, "growth": round(growth, 4)})
        kept = texts.columns if _TEXT in texts.columns else {}
        columns = {**kept, **expanded.columns}
        return Texts(texts.ids, columns, np.arange(len(texts)), reads_all_columns=texts.reads_all_columns)


def read_query_file(job: Job) -> Texts:
    """Read a file of documents' ids and queries."""
    file: InputFile = job.stage
    numbers: defaultdict[str, int] = defaultdict(int)
    ids, queries = [], []
    with file.expect_unchanged() as path:
        for number, line in read_lines(path):
            doc, tab, query = line.rstrip("\r\n").partition("\t")
            if not tab and not doc.strip():
                continue
            if not tab or not doc:
                raise DataError(f"{path}:{number}: expected a document's id, a tab and a query")
            ids.append(f"{doc}#{numbers[doc]}")
            queries.append({_TEXT: query})
            numbers[doc] += 1
    if not ids:
        raise DataError(f"{file.path}: holds no queries; expected a document's id, a tab and a query in each line")
    return Texts.from_columns(Ids.of(ids), queries)


def _append(
    texts: Texts, view: TextView, queries: Texts, rows: NDArray[np.int64], words: dict[str, int]
) -> Iterator[str]:
    """Yield the texts with their queries, and count the words of both.

    rows  of the text that each query is for; below 0: of none
    """
    order = np.argsort(rows, kind="stable")[(rows < 0).sum() :]
    following = queries.read(TextView(_TEXT), order)
    counts = np.bincount(rows[order], minlength=len(texts)).tolist()
    for text, count in zip(texts.read(view), counts, strict=True):
        appended = " ".join(islice(following, count))
        words["documents"] += len(text.split())
        words["appended"] += len(appended.split())
        yield f"{text} {appended}".strip()
