"""Documents of a collection that a person should look at, chosen as those are that queries are written for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node, Store
from nirank.algebra.sides import Sides
from nirank.algebra.walk import transform
from nirank.base.files import expand_path
from nirank.base.identity import SEED
from nirank.collections.collection import Collection
from nirank.collections.sources.clef_tar import is_clef_tar
from nirank.collections.sources.file_set import FileSet, find_side_files
from nirank.collections.sources.lookup import open_source
from nirank.collections.sources.text_files import TextFiles
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import NirankError
from nirank.experiment.loading import import_side
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.reporter import Reporter
from nirank.synthesis.selected_docs import SelectedDocs
from nirank.synthesis.selection import Selection


def load_docs(source: str | Path, store: Store) -> Texts:
    """Return the documents of a collection, which needs no queries and no judgements; or of files of texts alone."""
    path = expand_path(source)
    if path.is_file() or (path.is_dir() and not is_clef_tar(path)):
        files = (find_side_files(path, "docs") if path.is_dir() else None) or TextFiles.find(path, "collection")
        docs, _ = import_side(FileSet(path.name, files, TextFiles()), "docs", store)
    else:
        docs, _ = import_side(open_source(source, None)[0], "docs", store)
    return docs


def sample_documents(
    docs: Texts | Collection,
    selection: Selection,
    *,
    store: Store | str | Path | None = None,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> SelectedDocs:
    """Choose documents of a collection, in an order that is representative wherever one stops reading.

    docs   documents, or a collection with them: no query and no judgement is read
    selection  without a seed of its own it has seed 0
    store  where vectors and clusters are kept, a store or its folder; None: the user's store
    """
    from nirank.store import open_store

    texts = docs.docs if isinstance(docs, Collection) else docs
    view = TextView(selection.text)
    texts.text_fields.select_fields(view, f"selection: text {view}")
    leaf = Node.leaf("texts", texts.digest, "documents")
    seeded: Selection = transform(selection, lambda value: 0 if value is SEED else value)
    node = seeded.compile_node(Sides(leaf, leaf, device=device))
    opened = open_store(store) if store is None or isinstance(store, (str, Path)) else store
    runner = Runner(opened, {leaf.address: texts}, reporter or Reporter(), device)
    try:
        selected = SelectedDocs.open(runner.get_value(node))
    except FailedNode as failed:
        if isinstance(failed.__cause__, NirankError):
            raise failed.__cause__ from None
        raise
    return selected.take(order_by_share(selected.clusters, selected.sizes))


def order_by_share(clusters: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of documents so that the first m are shared out among clusters by size, for every m.

    Next is always a document of the cluster with the greatest size / (2 · documents before + 1), as Sainte-Laguë gives
    seats to parties. Of equal ones the lower cluster number comes first; without clusters the order stays.

    clusters  (n,) of each document, those of one cluster together and in their order; all -1: there are none
    sizes     (k,) documents of each cluster in the collection
    """
    if not len(sizes):
        return np.arange(len(clusters))
    starts = np.flatnonzero(np.diff(clusters, prepend=-1))
    before = np.arange(len(clusters)) - np.repeat(starts, np.diff(np.append(starts, len(clusters))))
    return np.lexsort((clusters, (2 * before + 1) / sizes[clusters]))
