"""Synthetic training data: documents that stand for a collection, queries written for them, cleaned and filtered."""
