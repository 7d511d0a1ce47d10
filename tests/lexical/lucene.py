"""Lucene's own search, as an oracle: IndexWriter, IndexSearcher, results read through Jackson."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nirank.lexical.analysis import ANALYZERS
from nirank.lexical.jvm import load_java_class as java


class Oracle:
    """One segment, one Lucene document a row, added in descending byte order of ids.

    Lucene breaks ties by the order of adding, so its order is nirank's standard order, cut included.
    """

    def __init__(self, folder: Path, ids: Sequence[str], fields: Mapping[str, Sequence[str]], analyzer: str) -> None:
        self.ids = sorted(ids, key=str.encode, reverse=True)
        rows = {id: row for row, id in enumerate(ids)}
        self.analyzer = java(ANALYZERS[analyzer])()  # nirank starts Java, so jnius is imported after it
        from jnius import cast

        self.cast = cast
        directory = java("org.apache.lucene.store.FSDirectory").open(java("java.nio.file.Paths").get(str(folder)))
        writer = java("org.apache.lucene.index.IndexWriter")(
            directory, java("org.apache.lucene.index.IndexWriterConfig")(self.analyzer)
        )
        kind = java("org.apache.lucene.document.FieldType")()
        kind.setIndexOptions(java("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
        empty = cast("java.lang.CharSequence", java("java.lang.String")(""))
        document = java("org.apache.lucene.document.Document")()
        fields_by_name = {name: java("org.apache.lucene.document.Field")(name, empty, kind) for name in fields}
        for field in fields_by_name.values():
            document.add(field)
        for id in self.ids:
            for name, field in fields_by_name.items():
                field.setStringValue(fields[name][rows[id]])
            writer.addDocument(document)
        writer.forceMerge(1)
        writer.close()
        self.reader = java("org.apache.lucene.index.DirectoryReader").open(directory)
        java("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(2**31 - 1)
        self.mapper = java("com.fasterxml.jackson.databind.ObjectMapper")()

    def search(
        self,
        texts: Sequence[str],
        weights: Mapping[str, float],
        k: int,
        k1: float = 0.9,
        b: float = 0.4,
        similarity: tuple[str, *tuple[float, ...]] | None = None,
    ) -> list[list[tuple[str, np.float32]]]:
        """Return each query's (id, float32 score), best first; by BM25 or another of Lucene's similarities."""
        name, *parameters = similarity or ("BM25Similarity", k1, b)
        searcher = java("org.apache.lucene.search.IndexSearcher")(
            self.cast("org.apache.lucene.index.IndexReader", self.reader)
        )
        searcher.setSimilarity(java(f"org.apache.lucene.search.similarities.{name}")(*parameters))
        return [self._one(searcher, text, weights, k) for text in texts]

    def _one(self, searcher: Any, text: str, weights: Mapping[str, float], k: int) -> list[tuple[str, np.float32]]:
        should = java("org.apache.lucene.search.BooleanClause$Occur").SHOULD
        builder = java("org.apache.lucene.util.QueryBuilder")(self.analyzer)
        outer = java("org.apache.lucene.search.BooleanQuery$Builder")()
        for field, weight in weights.items():
            query = builder.createBooleanQuery(field, text)
            if query is not None:
                outer.add(java("org.apache.lucene.search.BoostQuery")(query, weight), should)
        hits = json.loads(self.mapper.writeValueAsString(searcher.search(outer.build(), k)))
        return [(self.ids[hit["doc"]], np.float32(hit["score"])) for hit in hits["scoreDocs"]]
