"""The section `diagnostics` of a configuration: true, names, or what is asked for and on which queries."""

from __future__ import annotations

from typing import Literal

from nirank.config.open_file import Form, OpenFile
from nirank.config.sections import SCALAR, Words, make_section, mark_form, read_value
from nirank.config.yaml_tree import Tree
from nirank.diagnostics.diagnosis import NAMES, Diagnostics, parse_diagnostics

_NAMES = {"type": "array", "items": {"enum": list(NAMES)}, "minItems": 1}
DiagnosticsKeys = make_section(
    Diagnostics,
    Words("diagnostics", "diagnostics have no key", "true, names, or {of: [reliance, time], on: {split: train}}"),
    of=(mark_form("diagnostic", least=1), NAMES),
    on=mark_form("judged"),
    encoder=mark_form("model"),
)


def _read_diagnostics(tree: Tree, file: OpenFile) -> Diagnostics | Literal[False] | None:
    if isinstance(tree.value, dict):
        return read_value(DiagnosticsKeys, Diagnostics, tree, file)
    with file.note_errors(tree):
        return parse_diagnostics(tree.plain) or False
    return None


def _read_name(tree: Tree, file: OpenFile) -> str | None:
    if not isinstance(tree.value, str):
        file.mistakes.add(tree, f"diagnostics: of: expected names such as {NAMES[0]}, got {tree.kind}")
        return None
    return tree.value


FORMS = {
    "diagnostics": Form(_read_diagnostics, lambda: [SCALAR, _NAMES, DiagnosticsKeys]),
    "diagnostic": Form(_read_name, lambda: [{"enum": list(NAMES)}]),
}
