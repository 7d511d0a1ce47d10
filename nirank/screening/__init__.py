"""Screening: review projects of one's own records, from a file to decisions, a ranking and a reason to stop."""
