"""The section `expected` of a configuration: the scores that it is known for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nirank.config.mistakes import Mistakes
from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import Words, make_section, read_value
from nirank.config.yaml_tree import Tree
from nirank.errors import suggest
from nirank.results.expected import ExpectedScores

ExpectedKeys = make_section(
    ExpectedScores,
    Words("expected", "expected scores have no key", "{scores: {scifact/test: {BM25: {nDCG@10: 0.679}}}}"),
)


def _read_expected(tree: Tree, file: OpenFile) -> ExpectedScores | None:
    """Read expected scores; systems that there are not are noted at once."""
    expected = read_value(ExpectedKeys, ExpectedScores, tree, file)
    if expected is None:
        return None
    known = file.list_names("systems")
    for mapping in (*tree.value["scores"].value.values(), *filter(None, [tree.value.get("tolerances")])):
        _note_unknown(mapping, known, "expected: there is no system", file.mistakes)
    return expected


def note_unknown_scores(tree: Tree, measures: Mapping[str, Sequence[str]], mistakes: Mistakes) -> None:
    """Note at their places collections and measures that a run has no score of.

    tree      the section
    measures  of each collection, as `title_groups` names it
    """
    scores = tree.value["scores"]
    _note_unknown(scores, list(measures), "expected: there is no collection", mistakes)
    for collection, systems in scores.value.items():
        for values in systems.value.values() if collection in measures else ():
            _note_unknown(values, measures[collection], f"expected: {collection} has no measure", mistakes)


def _note_unknown(mapping: Tree, known: Sequence[str], message: str, mistakes: Mistakes) -> None:
    """Note the keys of a mapping that are not known."""
    for name in mapping.value:
        if name not in known:
            listing = f"expected one of {', '.join(known)}"
            mistakes.add(mapping.find_key(name), f"{message} '{name}'{suggest(name, known)}\n{listing}")


FORMS = {"expected": Form(_read_expected, lambda: [ExpectedKeys])}
