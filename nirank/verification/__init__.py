"""Verification: whether an experiment still gives the scores that it is known for."""
