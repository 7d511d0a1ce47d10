"""Documents that are queries themselves, as whole acts are: what no model that reads documents may have seen."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nirank.collections.collection import Collection
from nirank.collections.texts import Texts


def find_query_documents(docs: Texts, collections: Iterable[Collection]) -> dict[int, str]:
    """Return the documents that are queries of some collections, {row: which}.

    A document is a query where their texts are equal, with or without titles, but for case and blanks; or where it has
    the text of the query's own document, which the collection's rule `self_match` names.
    """
    names: dict[int, str] = {}
    for collection in collections:
        if collection.unit == "pair":
            continue
        own = collection.find_own_documents()
        for row, id in enumerate(collection.queries.ids):
            name = f"{collection.name} '{id}'"
            prints = [collection.queries.fingerprints[row], collection.queries.body_fingerprints[row]]
            if own is not None and own[row] >= 0:
                prints += [collection.docs.fingerprints[own[row]], collection.docs.body_fingerprints[own[row]]]
            for text in prints:
                if text:
                    names.setdefault(int(text), name)
    known = np.fromiter(names, np.uint64, len(names))
    found: dict[int, str] = {}
    for prints_of_docs in (np.asarray(docs.fingerprints), np.asarray(docs.body_fingerprints)):
        for row in np.flatnonzero(np.isin(prints_of_docs, known)).tolist():
            found.setdefault(row, names[int(prints_of_docs[row])])
    return dict(sorted(found.items()))
