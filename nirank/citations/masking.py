"""Texts without what they cite."""

from __future__ import annotations

from nirank.citations.catalogue import Catalogue
from nirank.citations.find import find_references
from nirank.citations.reference import Reference, merge_references

_MAX_ROUNDS = 20  # two references that a mask brings together may look like a third; each round has fewer digits


def list_masked(text: str, catalogue: Catalogue) -> list[Reference]:
    """Return the references of a text that are masked, in order of appearance."""
    known = [citation.reference for citation in catalogue.find_citations(text)]
    others = [reference for reference in find_references(text) if reference.certain or not reference.identifiers]
    return merge_references(known, others)


def mask_references(text: str, catalogue: Catalogue, mark: str) -> tuple[str, int]:
    """Return the text with a mark for every reference, and how many there were.

    What names a document of the catalogue goes, and what is an act's number or name elsewhere; a number that may be
    one, and is none of the catalogue's, stays. Nothing that names a document of the catalogue is left.
    """
    total = 0
    for _ in range(_MAX_ROUNDS):
        spans = list_masked(text, catalogue)
        if not spans:
            break
        total += len(spans)
        parts, end = [], 0
        for reference in spans:
            parts += [text[end : reference.start], mark]
            end = reference.end
        text = "".join([*parts, text[end:]])
    return text, total
