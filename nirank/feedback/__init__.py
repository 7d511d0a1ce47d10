"""Feedback: which documents somebody should judge next, from those judged so far. Arrays in, arrays out."""
