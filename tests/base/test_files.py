"""A file that is planned with one content is never read with another."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nirank.algebra.context import Context
from nirank.algebra.node import Job
from nirank.base.files import InputFile
from nirank.collections.importer import import_texts
from nirank.collections.sources.file_set import FileSet
from nirank.collections.sources.text_files import TextFiles
from nirank.errors import DataError
from nirank.experiment import loading
from nirank.store import LocalStore
from nirank.training import tasks

CHANGED = "changed since it was read at planning; run again"


def test_the_same_content_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    file = InputFile.of(path)
    path.write_text("d1\n")
    with file.expect_unchanged() as checked_path:
        assert checked_path.read_text() == "d1\n"


def test_other_content_of_the_same_length_and_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    file, stat = InputFile.of(path), path.stat()
    path.write_text("d2\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(DataError, match=f"^{path}: {CHANGED}$"):
        file.check()


def test_a_change_while_the_file_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    file = InputFile.of(path)
    with pytest.raises(DataError, match=CHANGED), file.expect_unchanged() as checked_path:
        checked_path.write_text("d2\n")


def test_what_is_wrong_with_other_content_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    file = InputFile.of(path)
    path.write_text("")
    with pytest.raises(DataError, match=CHANGED), file.expect_unchanged():
        raise DataError("holds no ids")


def test_what_is_wrong_with_the_planned_content_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("")
    with pytest.raises(DataError, match="holds no ids"), InputFile.of(path).expect_unchanged():
        raise DataError("holds no ids")


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    file = InputFile.of(path)
    path.unlink()
    with pytest.raises(DataError, match=CHANGED):
        file.check()


def test_a_file_that_is_not_there_cannot_be_planned(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: cannot be read"):
        InputFile.of(tmp_path / "none.txt")


@pytest.mark.parametrize("change", ["edit", "rename", "add", "remove"])
def test_a_folder_is_known_by_names_and_bytes_of_what_is_read(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "config.json").write_text("{}")
    (folder / "README.md").write_text("text")
    file = InputFile.of(folder, ("*.json",))
    (folder / "README.md").write_text("other text, which nobody reads")
    file.check()
    if change == "edit":
        (folder / "deep" / "config.json").write_text("[]")
    elif change == "rename":
        (folder / "deep" / "config.json").rename(folder / "deep" / "settings.json")
    elif change == "add":
        (folder / "more.json").write_text("{}")
    else:
        (folder / "config.json").unlink()
    with pytest.raises(DataError, match=f"model: {CHANGED}"):
        file.check()


def test_a_folder_elsewhere_with_the_same_files_is_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    first, second = (InputFile.of(tmp_path / name, ("*.json",)) for name in ("a", "b"))
    assert first.digest == second.digest


# --- imports -------------------------------------------------------------------------------------------


def _format_lines(texts: Mapping[str, str]) -> str:
    return "".join(json.dumps({"_id": id, "text": text}) + "\n" for id, text in texts.items())


def _write_folder(place: Path, docs: str, queries: str = "fruit") -> Path:
    (place / "qrels").mkdir(parents=True, exist_ok=True)
    (place / "corpus.jsonl").write_text(_format_lines({"a": docs}))
    (place / "queries.jsonl").write_text(_format_lines({"q": queries}))
    (place / "qrels" / "test.tsv").write_text("q\ta\t1\n")
    return place


@pytest.mark.parametrize("edited", ["corpus.jsonl", "queries.jsonl"])
def test_an_import_of_a_side_that_is_edited_meanwhile_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    """While the documents are imported, either side is edited; nothing may be kept under what the plan saw."""
    folder, store = _write_folder(tmp_path / "c", "apples"), LocalStore(tmp_path / "store")
    name = "_other_" + edited

    def meddle(*arguments: Any) -> Any:
        if not (folder / name).exists():
            (folder / name).write_text("")
            (folder / edited).write_text(_format_lines({"q" if edited == "queries.jsonl" else "a": "other"}))
        return import_texts(*arguments)

    monkeypatch.setattr(loading, "import_texts", meddle)
    with pytest.raises(DataError, match=f"{edited}: {CHANGED}"):
        loading.load(folder, store=store)
    monkeypatch.undo()
    _write_folder(folder, "apples")
    collection = loading.load(folder, store=store)
    assert (collection.docs[0]["text"], collection.queries[0]["text"]) == ("apples", "fruit")


def test_which_reader_reads_which_file_is_part_of_an_import(tmp_path: Path) -> None:
    """The same bytes in the same order, but the endings change places."""
    rows, table = _format_lines({"a": "apples"}), "id\ttext\nb\tbread\n"
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first = [tmp_path / "1" / "x.jsonl", tmp_path / "1" / "y.tsv"]
    second = [tmp_path / "2" / "x.tsv", tmp_path / "2" / "y.jsonl"]
    for paths in (first, second):
        for path, content in zip(paths, (rows, table), strict=True):
            path.write_text(content)
    identities = [FileSet("c", TextFiles(paths), TextFiles(paths)).get_identity("docs") for paths in (first, second)]
    assert identities[0] != identities[1]


def test_plain_queries_beside_a_version_are_no_more_queries(tmp_path: Path) -> None:
    """Two files of queries are not one file and the plain ones, from which only metadata are taken."""
    paths = [tmp_path / "queries.jsonl", tmp_path / "queries.long.jsonl"]
    for path in paths:
        path.write_text(_format_lines({path.name: "fruit"}))
    file_set = FileSet("c", TextFiles(), TextFiles(paths))
    version = FileSet("c", TextFiles(), TextFiles(paths[:1]), plain_queries=TextFiles(paths[1:]))
    assert file_set.get_identity("queries") != version.get_identity("queries")


def test_a_training_file_that_is_edited_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("query\tpositive\n")
    file = InputFile.of(path)
    path.write_text("another query\tpositive\n")
    (tmp_path / "made").mkdir()
    job = Job({"digest": file.digest}, {}, tmp_path / "made", Context(), stage=file)
    with pytest.raises(DataError, match=rf"pairs\.tsv: {CHANGED}"):
        tasks.read_file(job)
