"""What is odd about the texts of one side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from nirank.collections.audit.scripts import find_main_script
from nirank.collections.findings import MAX_EXAMPLES, Finding, Severity
from nirank.collections.importer import ImportFacts
from nirank.collections.readers.record_files import CONFLICT
from nirank.collections.texts import Texts

# What the importer counted: code, its tally, severity, its message about `n of N documents`.
_TALLIES: tuple[tuple[str, str, Severity, str], ...] = (
    ("converted-ids", "converted", "warning", "have ids that were numbers and became strings"),
    ("made-texts", "made_texts", "note", "have a title or a text that was no string (a number, a list, a date)"),
    ("encoding-damage", "damaged", "warning", "contain U+FFFD, the sign of text that was decoded wrongly"),
    ("replaced-surrogates", "replaced", "warning", "had halves of characters, replaced by U+FFFD"),
    ("mojibake", "mojibake", "warning", "look as if UTF-8 had been read in another encoding (Ã¶ for ö)"),
    ("markup", "markup", "note", "contain HTML entities or tags"),
    ("title-only", "title_only", "note", "have a title and no text"),
    ("title-twice", "title_twice", "note", "have a text that begins with their title: title and text count it twice"),
    ("upper-case", "upper_case", "note", "are all upper case; what keeps case does not match them"),
)


def audit_side(texts: Texts, what: str, facts: ImportFacts | None, *, may_be_blank: bool = False) -> Iterator[Finding]:
    """Yield what is odd about documents or queries.

    may_be_blank  whether all queries may be without text, as records of a table may, which are then in no pair
    """
    if not len(texts):
        yield Finding(f"no-{what}", "error", 0, f"there are no {what}")
        return
    # The queries here may be those of one split; the importer counted those of all.
    if facts is not None and facts.records == len(texts):
        blank_count, examples = facts.empty.count, tuple(facts.empty.examples)
    else:
        rows = np.flatnonzero(texts.blank_rows)
        blank_count, examples = len(rows), tuple(texts.ids.take(rows[:MAX_EXAMPLES]))
    if blank_count:
        # A collection of ids alone can still be ranked by run files; queries without text cannot.
        are_useless = blank_count == len(texts) and what == "queries" and not may_be_blank
        severity: Severity = "error" if are_useless else "warning"
        yield Finding(
            f"empty-{what}", severity, blank_count, f"{blank_count:,} of {len(texts):,} {what} have no text", examples
        )
    with_whitespace = np.flatnonzero(np.asarray(pc.match_substring_regex(texts.ids.strings, r"[\s\x1c-\x1f\x85\p{Z}]")))
    if len(with_whitespace):
        yield Finding(
            "whitespace-ids",
            "warning",
            len(with_whitespace),
            f"{len(with_whitespace):,} ids of {what} contain whitespace; they cannot be written to TREC files",
            tuple(map(repr, texts.ids.take(with_whitespace[:MAX_EXAMPLES]))),
        )
    script = find_main_script(texts)
    if script not in (None, "Latin"):
        message = f"{what} are mostly in {script} script; the default analyzer of bm25 is English, choose one that fits"
        yield Finding("script", "note", len(texts), message)
    if facts is None:
        return
    for code, name, severity, message in _TALLIES:
        tally = getattr(facts, name)
        if tally.count and (code != "upper-case" or 2 * tally.count >= facts.records):
            text = f"{tally.count:,} of {facts.records:,} {what} {message}"
            yield Finding(code, severity, tally.count, text, tuple(tally.examples))
    conflicts = facts.keys.get(CONFLICT, 0)
    if conflicts:
        message = (
            f"{conflicts:,} of {facts.records:,} {what} were included by one reviewer and excluded by another"
            f" ({CONFLICT}); as labels they count as included"
        )
        yield Finding("reviewers-disagree", "warning", conflicts, message)
    copies = facts.keys.get("duplicate_of", 0)
    if copies:
        message = f"{copies:,} of {facts.records:,} {what} say in their metadata that they are copies (duplicate_of)"
        yield Finding("stated-copies", "note", copies, message)


def audit_repeated_queries(queries: Texts) -> Iterator[Finding]:
    """Yield the queries whose text is that of another one."""
    fingerprints = np.asarray(queries.fingerprints)
    with_text = np.flatnonzero(fingerprints)
    _, first, group = np.unique(fingerprints[with_text], return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[group] != np.arange(len(with_text)))
    if len(repeated):
        pairs = zip(
            with_text[first[group[repeated[:MAX_EXAMPLES]]]].tolist(),
            with_text[repeated[:MAX_EXAMPLES]].tolist(),
            strict=True,
        )
        examples = tuple(f"{queries.ids[first_row]} = {queries.ids[second_row]}" for first_row, second_row in pairs)
        message = f"{len(repeated):,} of {len(queries):,} queries have the same text as an earlier one"
        yield Finding("repeated-queries", "note", len(repeated), message, examples)
