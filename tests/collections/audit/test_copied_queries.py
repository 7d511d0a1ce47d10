"""Queries whose text some document has, found a block of documents at a time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections.audit import own_documents
from nirank.collections.collection import Collection

TEXTS = st.sampled_from(["", "red wine", "Red wine", "tea", "green tea", "black coffee"])


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=9), st.lists(TEXTS, min_size=1, max_size=6))
def test_copied_queries_are_those_whose_text_a_document_has(docs: list[str], queries: list[str]) -> None:
    named_docs = {f"d{at}": text for at, text in enumerate(docs)}
    named_queries = {f"q{at}": text for at, text in enumerate(queries)}
    collection = Collection.of(named_docs, named_queries, check=False)
    texts = {text.lower() for text in docs if text}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_documents, "_BLOCK", 2)
        copied = own_documents._find_copied_queries(collection)
    assert copied.tolist() == [at for at, text in enumerate(queries) if text.lower() in texts]
