"""Training data that documents alone give, without judged queries: their fields, copies of them, their codes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from nirank.config.open_file import Form, OpenFile
from nirank.config.paths import SourcePath
from nirank.config.sections import SCALAR, Words, make_form, make_section, mark_form, read_value
from nirank.config.yaml_tree import Tree
from nirank.training.codes import Codes
from nirank.training.copies import Copies
from nirank.training.training_sets import Fields
from nirank.training.watch import WatchCodes

FieldsKeys = make_section(
    Fields,
    Words("data", "fields have no key", "{fields: {query: title, positive: text}}"),
    without=["source", "query", "positive"],
    fields=(mark_form("field_names"), ...),
    path=SourcePath,
)
CopiesKeys = make_section(
    Copies,
    Words("data", "copies have no key", "{copies: {of: docs, n: 1}}"),
    without=["source", "of", "operators", "n", "seed"],
    copies=(mark_form("copy_options"), ...),
    path=SourcePath,
)
CopyOptions = make_section(
    Copies,
    Words("copies", "copies have no key", "{of: docs, operators: [del, drop_col], n: 1}"),
    without=["source", "text", "sample", "on_overlap"],
)
FieldNames = make_section(
    Fields,
    Words("fields", "fields have no key", "{query: title, positive: text}"),
    without=["source", "sample", "on_overlap"],
)
_OPTIONS = ("key", "min_docs", "passages", "where", "without")  # stand under `codes`, the others beside it
CodesKeys = make_section(
    Codes,
    Words("data", "codes have no key", "{codes: {key: eurovoc}}"),
    without=["source", *_OPTIONS],
    codes=(mark_form("code_options"), ...),
    path=SourcePath,
)
CodeOptions = make_section(
    Codes,
    Words("codes", "codes have no key", "{key: eurovoc, min_docs: 5}", "codes: '{key}', of the metadata, is missing"),
    without=[field.name for field in dataclasses.fields(Codes) if field.name not in _OPTIONS],
)
WatchCodesKeys = make_section(
    WatchCodes,
    Words("watch", "watch of held-out codes has no key", "{held_out: 0.1, patience: 3}"),
    held_out=(float, ...),
)


def make_fields(*, fields: Mapping[str, Any], path: str | None = None, **values: Any) -> Fields:
    """Return the training data that `{fields: {…}}` and the keys beside it say."""
    return Fields(source=path, **fields, **values)


def make_copies(*, copies: Mapping[str, Any], path: str | None = None, **values: Any) -> Copies:
    """Return the training data that `{copies: {…}}` and the keys beside it say."""
    return Copies(source=path, **copies, **values)


def make_codes(*, codes: Mapping[str, Any], path: str | None = None, **values: Any) -> Codes:
    """Return the training data that `{codes: {…}}` and the keys beside it say."""
    return Codes(source=path, **codes, **values)


def _read_options(tree: Tree, file: OpenFile) -> dict[str, Any] | None:
    """Read what stands under `codes`: the metadata key alone, or a mapping."""
    return read_value(CodeOptions, dict, tree if isinstance(tree.value, dict) else tree.replace({"key": tree}), file)


FORMS = {
    "field_names": make_form(FieldNames, dict),
    "copy_options": make_form(CopyOptions, dict),
    "code_options": Form(_read_options, lambda: [CodeOptions, SCALAR]),
}
