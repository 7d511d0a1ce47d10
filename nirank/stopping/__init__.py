"""Stopping rules: when a review may end, what a rule promises, and how often the promise holds."""
