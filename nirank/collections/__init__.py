"""Texts, queries, judgements, candidates; readers and the audit."""
