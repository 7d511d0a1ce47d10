"""Lucene's analysis, postings in arrays, BM25 scores equal to Lucene's."""
