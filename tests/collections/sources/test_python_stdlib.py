"""The embedded collection."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirank.collections.sources.python_stdlib import StandardLibrary, extract_first_sentence, read_module
from nirank.errors import DataError

MODULE = '''
"""The module's own docstring."""
import functools

def wrapped(a):
    """Return a twice. And more.

    Details: ünïcode.
    """
    b = a
    c = b
    return 2 * c

@functools.cache
def decorated(a):
    "Remember what was computed before"  # a comment that stays
    if a:
        return 1
    return 2

class Shop:
    """Sell things of all kinds, e.g. bread."""

    def sell(self, thing):
        """Sell one thing now."""
        self.sold = thing
        self.left = 0
        return thing

    def _hide(self):
        """Nobody sees this one here."""
        return (1,
                2,
                3)

def short(a):
    """Too short to be found."""
    return a

def silent(a):
    """Two words."""
    return [a,
            a,
            a]

def _private(a):
    """A private thing is not found."""
    return [a,
            a,
            a]
'''


def test_pairs_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(MODULE, encoding="utf-8")
    pairs = {pair.id: pair for pair in read_module("shop", tmp_path / "shop.py")}
    assert {id: pair.sentence for id, pair in pairs.items()} == {
        "shop.wrapped": "Return a twice.",
        "shop.decorated": "Remember what was computed before",
        "shop.Shop": "Sell things of all kinds, e.g. bread.",
        "shop.Shop.sell": "Sell one thing now.",
    }
    assert pairs["shop.wrapped"].source == "def wrapped(a):\n    b = a\n    c = b\n    return 2 * c"
    assert pairs["shop.decorated"].source.startswith(
        "@functools.cache\ndef decorated(a):\n      # a comment that stays\n"
    )
    assert pairs["shop.Shop.sell"].source.startswith("def sell(self, thing):\n    self.sold")
    assert "Sell" not in pairs["shop.Shop"].source and "Nobody" not in pairs["shop.Shop"].source


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One.  Two.", "One."),
        ("  Spread over\n    two lines\n\n  and more.", "Spread over two lines"),
        ("Use version 3.11 of it! Now.", "Use version 3.11 of it!"),
        ("Some, i.e. few. Rest", "Some, i.e. few."),
        ("", ""),
    ],
)
def test_first_sentence(docstring: str, sentence: str) -> None:
    assert extract_first_sentence(docstring) == sentence


def test_the_running_interpreter() -> None:
    library = StandardLibrary()
    pairs = {pair.id: pair for pair in library.pairs}
    assert len(pairs) == len(library.pairs), "ids are distinct"
    assert 2000 < len(pairs) < 4000
    dedent = pairs["textwrap.dedent"]
    assert dedent.sentence == "Remove any common leading whitespace from every line in `text`."
    assert dedent.source.startswith("def dedent(text):") and "Remove any common" not in dedent.source
    leaves = [id for id in pairs if id.split(".")[0] in ("test", "idlelib", "lib2to3") or "._" in f".{id}"]
    assert not leaves
    leaks = [pair.id for pair in library.pairs if len(pair.sentence.split()) > 5 and pair.sentence in pair.source]
    assert len(leaks) < 5, "a few comments repeat their docstring"
    nameless = [pair.id for pair in library.pairs if f" {pair.id.rpartition('.')[2]}" not in pair.source]
    assert not nameless
    module = [pair for pair in library.pairs if pair.id.startswith("textwrap.")]
    assert module == list(read_module("textwrap", library.modules["textwrap"])), "the same every time"
    assert library.get_identity("docs") == StandardLibrary().get_identity("docs") != library.get_identity("queries")


def test_an_interpreter_without_sources(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Python sources"):
        StandardLibrary(tmp_path).get_identity("docs")
