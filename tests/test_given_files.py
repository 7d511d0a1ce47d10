"""A file that is planned with one content is never read with another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nirank.errors import DataError
from nirank.files import GivenFile

CHANGED = "changed since it was read at planning; run again"


def test_the_same_content_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    given = GivenFile.of(path)
    path.write_text("d1\n")
    with given.reading() as where:
        assert where.read_text() == "d1\n"


def test_other_content_of_the_same_length_and_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    given, stat = GivenFile.of(path), path.stat()
    path.write_text("d2\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(DataError, match=f"^{path}: {CHANGED}$"):
        given.check()


def test_a_change_while_the_file_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    given = GivenFile.of(path)
    with pytest.raises(DataError, match=CHANGED), given.reading() as where:
        where.write_text("d2\n")


def test_what_is_wrong_with_other_content_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    given = GivenFile.of(path)
    path.write_text("")
    with pytest.raises(DataError, match=CHANGED), given.reading():
        raise DataError("holds no ids")


def test_what_is_wrong_with_the_planned_content_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("")
    with pytest.raises(DataError, match="holds no ids"), GivenFile.of(path).reading():
        raise DataError("holds no ids")


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("d1\n")
    given = GivenFile.of(path)
    path.unlink()
    with pytest.raises(DataError, match=CHANGED):
        given.check()


def test_a_file_that_is_not_there_cannot_be_planned(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: cannot be read"):
        GivenFile.of(tmp_path / "none.txt")


@pytest.mark.parametrize("change", ["edit", "rename", "add", "remove"])
def test_a_folder_is_known_by_names_and_bytes_of_what_is_read(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "config.json").write_text("{}")
    (folder / "README.md").write_text("text")
    given = GivenFile.of(folder, ("*.json",))
    (folder / "README.md").write_text("other text, which nobody reads")
    given.check()
    if change == "edit":
        (folder / "deep" / "config.json").write_text("[]")
    elif change == "rename":
        (folder / "deep" / "config.json").rename(folder / "deep" / "settings.json")
    elif change == "add":
        (folder / "more.json").write_text("{}")
    else:
        (folder / "config.json").unlink()
    with pytest.raises(DataError, match=f"model: {CHANGED}"):
        given.check()


def test_a_folder_elsewhere_with_the_same_files_is_the_same(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    one, other = (GivenFile.of(tmp_path / name, ("*.json",)) for name in ("a", "b"))
    assert one.digest == other.digest
