"""Search: the pipelines of an experiment asked one query, at a terminal or over HTTP."""
