"""Queries are written for chosen documents, and cleaned: two computations of a plan."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import DataError, StageError
from nirank.synthesis.cleaning import Cleaning
from nirank.synthesis.generator import Generator, Writing
from nirank.synthesis.query_table import QueryTable
from nirank.synthesis.selected_docs import SelectedDocs

_DOCS, _SELECTED = "docs", "selected"  # roles that no generator's input may have


def compile_queries(generator: Generator, selected: Node, sides: Sides, doc_text: View = TITLE_AND_TEXT) -> Node:
    """Return the computation that has queries written for chosen documents: a folder with a `QueryTable`.

    selected  gives `SelectedDocs` of the sides' documents
    """
    params: dict[str, Any] = {"generator": dict(generator.describe_identity()), "per_doc": generator.per_doc}
    if doc_text != TITLE_AND_TEXT:
        params["doc_text"] = doc_text
    return Node(
        f"{__name__}:write_queries",
        1,
        params,
        ((_SELECTED, selected), (_DOCS, sides.docs), *generator.plan_inputs(sides)),
        offline=True,
        memory=generator.estimate_memory,
        stage=generator,
        label=f"queries by {generator.title}",
    )


def compile_cleaning(written: Node, docs: Node, cleaning: Cleaning, doc_text: View = TITLE_AND_TEXT) -> Node:
    """Return the computation that cleans written queries: a folder with a `QueryTable`.

    docs  that they are for; only what looks at them depends on them
    """
    params: dict[str, Any] = {"rules": cleaning.describe_identity()}
    if cleaning.reads_docs and doc_text != TITLE_AND_TEXT:
        params["doc_text"] = doc_text
    return Node(
        f"{__name__}:clean_queries",
        1,
        params,
        (("written", written), *(((_DOCS, docs),) if cleaning.reads_docs else ())),
        offline=True,
        stage=cleaning,
        label="cleaned queries",
    )


def write_queries(job: Job) -> None:
    """Have a generator write, and keep everything as it was written."""
    generator: Generator = job.stage
    ctx = job.context
    if dict(generator.describe_identity()) != job.params["generator"]:
        raise DataError(f"{generator.title}: changed since it was read at planning; run again")
    selected, docs = SelectedDocs.open(job.get_input(_SELECTED)), job.get_input(_DOCS)
    texts = generator.read_docs(docs, selected.rows, TextView(job.params.get("doc_text", TITLE_AND_TEXT)))
    inputs = {role: values for role, values in job.inputs.items() if role not in (_DOCS, _SELECTED)}
    readable = [text for text in texts if text.strip()]
    started = time.perf_counter()
    written = iter(list(generator.write_queries(readable, inputs, ctx)) if readable else [])
    seconds = ctx.memo_use["found_s"] + ctx.memo_use["computed_s"] or time.perf_counter() - started
    places, numbers, writings = [], [], []
    for place, text in enumerate(texts):
        queries = next(written) if text.strip() else [Writing("", reason="document without text")]
        if len(queries) > generator.per_doc:
            raise StageError(f"{generator.title}: wrote {len(queries)} queries; expected {generator.per_doc} at most")
        for number, writing in enumerate(queries or [Writing("", reason="no query in the document")]):
            places.append(place)
            numbers.append(number)
            writings.append(writing)
    reasons = [writing.reason and f"writing: {writing.reason}" for writing in writings]
    counts = Counter(filter(None, reasons))
    logprobs = [np.nan if writing.logprob is None else writing.logprob for writing in writings]
    raw = [writing.text for writing in writings]
    kept = len(writings) - counts.total()
    table = QueryTable(
        selected.rows[places],
        selected.clusters[places],
        np.array(numbers, np.int64),
        raw,
        raw,
        np.array(logprobs, np.float32),
        np.array([writing.tokens for writing in writings], np.int32),
        reasons,
        counts={"documents": len(selected), "written": kept, **counts, "kept": kept},
    )
    table.save(job.folder)
    ctx.declare("queries", dict(table.counts))
    ctx.declare("writing", {"seconds": round(seconds, 3), "tokens": int(table.tokens.sum())})


def clean_queries(job: Job) -> None:
    """Clean written queries."""
    cleaning: Cleaning = job.stage
    table = QueryTable.open(job.get_input("written"))
    documents = None
    if cleaning.reads_docs:
        view = TextView(job.params.get("doc_text", TITLE_AND_TEXT))
        rows, inverse = np.unique(table.docs, return_inverse=True)
        texts = list(job.get_input(_DOCS).read(view, rows))
        documents = [texts[place] for place in inverse.tolist()]
    cleaned = cleaning.clean_table(table, documents)
    cleaned.save(job.folder)
    job.context.declare("queries", dict(cleaned.counts))
