"""The section `collections` of a configuration: what is asked of each collection, as arguments of `load`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict

from nirank.config.open_file import Form, OpenFile
from nirank.config.paths import RESOLVE_FILES, CollectionSource, resolve_source
from nirank.config.sections import SCALAR, Expectation, FormMark, Section, Text, Words, read_section
from nirank.config.yaml_tree import Tree
from nirank.forms.column_names import ColumnNames

_SOURCES = (["path"], ["docs", "queries"], ["left", "right"], ["records"])  # keys that make a collection
_TABLES = {"left", "right", "records"}
_NOT_GIVEN: Any = None
_File = Annotated[Text, RESOLVE_FILES]
_Files = Expectation("a file, or a mapping of names to files")
_Pairs = Expectation("a file, a list of files, or a mapping of names to such")
_Number = Expectation("a number")


class CollectionKeys(Section):
    """The keys of a collection: the arguments of `load`, with `path` for its source."""

    section_words: ClassVar[Words] = Words("collection", "a collection has no key", "{path: …, split: …}")
    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [*keys]} for keys in _SOURCES]})

    path: CollectionSource = _NOT_GIVEN
    split: Text = _NOT_GIVEN
    name: Text = _NOT_GIVEN
    docs: _File = _NOT_GIVEN
    queries: _File = _NOT_GIVEN
    left: _File = _NOT_GIVEN
    right: _File = _NOT_GIVEN
    records: _File = _NOT_GIVEN
    pairs: Annotated[Text | list[str] | dict[str, str | list[str]], _Pairs, RESOLVE_FILES] = _NOT_GIVEN
    exclude: Annotated[Text | list[str], Expectation("names of columns")] = _NOT_GIVEN
    ask: Text = _NOT_GIVEN
    qrels: Annotated[Text | dict[str, str | dict[str, Any]], _Files, RESOLVE_FILES] = _NOT_GIVEN
    candidates: Annotated[Text | bool, Expectation("a file, or false"), RESOLVE_FILES] = _NOT_GIVEN
    known: _File = _NOT_GIVEN
    columns: Annotated[dict[str, Any], Expectation("a mapping such as {id: key, text: [abstract, notes]}")] = _NOT_GIVEN
    min_rel: Annotated[int, _Number] = _NOT_GIVEN
    self_match: Annotated[Text | dict[str, str], Expectation("keep, id, or {key: …}")] = _NOT_GIVEN
    date: Text = _NOT_GIVEN
    time: Text = _NOT_GIVEN
    works: Annotated[Text | dict[str, str], Expectation("a metadata key, or {key: work, take: latest}")] = _NOT_GIVEN
    expect: Annotated[dict[str, int | str], Expectation("a mapping of counts or digests")] = _NOT_GIVEN
    measures: Annotated[Any, FormMark("measure", least=1)] = _NOT_GIVEN
    group: Text = _NOT_GIVEN
    max_dangling: Annotated[float, _Number] = _NOT_GIVEN
    ranges: Annotated[int, _Number] = _NOT_GIVEN


def _read_collection(tree: Tree, file: OpenFile) -> dict[str, Any] | None:
    """Return arguments of `load`."""
    if tree.text is not None:
        with file.note_errors(tree):
            return {"source": resolve_source(tree.text, file.folder)}
        return None
    given = set(tree.value) if isinstance(tree.value, dict) else set()
    if not any(given.issuperset(keys) for keys in _SOURCES):
        without = " without path" if isinstance(tree.value, dict) else ""
        file.mistakes.add(
            tree,
            "a collection is a folder, an ir_datasets id, {path: …, split: …}, or files {docs: …, queries: …},"
            f" tables of records {{left: …, right: …}} or {{records: …}}, got {tree.kind}{without}",
        )
        return None
    keys = read_section(CollectionKeys, tree, file)
    if keys is None:
        return None
    arguments = keys.collect_values()
    if "columns" in arguments and not given & _TABLES:
        with file.note_errors(tree.value["columns"]):
            ColumnNames.of(arguments["columns"])
    if "path" in arguments:
        arguments = {"source": arguments.pop("path")} | arguments
    return arguments


FORMS = {"collection": Form(_read_collection, lambda: [SCALAR, CollectionKeys])}
