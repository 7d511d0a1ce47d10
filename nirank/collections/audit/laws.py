"""What the readers of laws lost of a law, or found without a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.importer import ImportFacts
from nirank.collections.readers.laws import BARE, LOST
from nirank.collections.texts import Texts


def audit_laws(texts: Texts, what: str, facts: ImportFacts | None) -> Iterator[Finding]:
    """Yield the provisions whose numbers the text lacks, and those whose number and heading are all their text."""
    for key, code, message in (
        (LOST, "lost-provisions", "numbered provisions of {} not in their text"),
        (BARE, "bare-provisions", "provisions of {} without text but number and heading"),
    ):
        if facts is None or not facts.keys.get(key):
            continue
        lists = [(row, value) for row, value in enumerate(texts.read_metadata(key)) if isinstance(value, Sequence)]
        count = sum(len(value) for _, value in lists)
        if count:
            examples = tuple(f"{texts.ids[row]}: {value[0]}" for row, value in lists[:MAX_EXAMPLES])
            text = f"{count:,} {message.format(f'{len(lists):,} {what}')}"
            yield Finding(code, "warning" if key == LOST else "note", count, text, examples)
