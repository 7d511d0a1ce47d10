"""What documents are called and which of them they cite, computed once for all stages that read citations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes
from nirank.citations.catalogue import Catalogue
from nirank.citations.graph import CitationGraph
from nirank.collections.document_names import CITES, make_catalogue, read_documents
from nirank.collections.texts import Texts
from nirank.flow.scope import Scope

_A_NAME = 2_000  # bytes of a document's names: as strings in lists, and as words
_A_CHARACTER = 50  # bytes of a character of a text while it is read: its words, and where they stand
_LONGEST = 4 << 20  # characters of a text that is reckoned with


def plan_catalogue(sides: Sides) -> Node:
    """Return the node of the names of all documents."""
    inputs = (("docs", sides.docs),)
    label = f"names of {sides.docs.label}"
    return Node(f"{__name__}:write_catalogue", 2, inputs=inputs, offline=True, memory=estimate_names, label=label)


def plan_graph(sides: Sides) -> Node:
    """Return the node of the citations among documents."""
    inputs = (("docs", sides.docs), ("catalogue", plan_catalogue(sides)))
    label = f"citations among {sides.docs.label}"
    return Node(f"{__name__}:write_graph", 2, inputs=inputs, offline=True, memory=estimate_reading, label=label)


def estimate_names(sizes: Sizes) -> MemoryNeed:
    """Return what the names of all documents take in memory."""
    return MemoryNeed(_A_NAME * sizes.docs)


def estimate_reading(sizes: Sizes) -> MemoryNeed:
    """Return what finding citations takes: the names, and one text."""
    longest = min(sizes.text_bytes + sizes.query_bytes + sizes.doc_bytes, _LONGEST)
    return MemoryNeed(_A_NAME * sizes.docs + _A_CHARACTER * longest)


def write_catalogue(job: Job) -> None:
    """Write the names of all documents."""
    docs: Texts = job.get_input("docs")
    text = json.dumps(make_catalogue(docs).to_json())
    (job.folder / "catalogue.json").write_text(text, encoding="utf-8")


def write_graph(job: Job) -> None:
    """Write which documents each document cites, in its text and in metadata `cites`."""
    docs: Texts = job.get_input("docs")
    catalogue = Catalogue(**json.loads((job.get_input("catalogue") / "catalogue.json").read_text(encoding="utf-8")))
    documents = job.context.track(read_documents(docs), len(docs), "reading citations")
    cited = []
    for _, title, metadata, text in documents:
        citations = catalogue.find_citations(f"{title}\n{text}")
        cited.append([*_list_marked_up(metadata, catalogue), *(row for citation in citations for row in citation.rows)])
    CitationGraph.of(cited).save(job.folder)


def _list_marked_up(metadata: Mapping[str, Any], catalogue: Catalogue) -> list[int]:
    """Return the documents that a law names in its mark-up, as a list under `cites`."""
    links = metadata.get(CITES)
    return [row for link in links or () if isinstance(link, str) for row in catalogue.resolve_link(link)]


def open_catalogue(ctx: Context, index: int = 0) -> Catalogue:
    """Open the names that `plan_catalogue` planned."""
    path = ctx.input_folder(index) / "catalogue.json"
    return Catalogue(**json.loads(path.read_text(encoding="utf-8")))


def mark_voters(scope: Scope, query: int) -> NDArray[np.bool_]:
    """Return which documents may have a say for a query, (n_docs,) bool: those whose dates the scope allows.

    Candidates, masks and own documents restrict what is given, not what is known; dates restrict both.
    """
    voters = np.ones(len(scope.docs), np.bool_)
    rows = np.arange(len(scope.docs))
    for rule in scope.ranges:
        voters &= rule.allows(query, rows)
    return voters
