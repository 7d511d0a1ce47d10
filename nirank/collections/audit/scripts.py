"""Writing systems: which script a side's texts are mostly in."""

from __future__ import annotations

import unicodedata
from collections import Counter

import numpy as np

from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts

_SAMPLE = 50  # texts looked at, evenly spread
_CHARACTERS = 400  # of each
_NAMES = {"Cjk": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese", "Hangul": "Korean"}


def find_main_script(texts: Texts) -> str | None:
    """Return the script of most letters in a sample ('Latin', 'Cyrillic', 'Chinese'); None without letters."""
    rows = np.unique(np.linspace(0, len(texts) - 1, min(_SAMPLE, len(texts))).astype(np.int64))
    counts: Counter[str] = Counter()
    for text in texts.read(TextView(texts.text_columns), rows):
        for letter in text[:_CHARACTERS]:
            if letter.isalpha():
                counts["LATIN" if letter.isascii() else unicodedata.name(letter, "?").split()[0]] += 1
    if not counts:
        return None
    name = counts.most_common(1)[0][0].title()
    return _NAMES.get(name, name)
