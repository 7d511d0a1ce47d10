"""Experiments: collections × systems × seeds × folds, planned, run and evaluated into rows."""
