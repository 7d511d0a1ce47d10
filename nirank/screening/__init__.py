"""Screening: records ranked for reviewers, decisions kept on disk, and the page on which they are made."""
