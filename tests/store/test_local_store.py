"""The store: whole artifacts or none, found at their depth or deeper."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nirank.errors import StoreError
from nirank.node import Node
from nirank.store import LocalStore, open_store

NODE = Node("module:function", 1, {"a": 1}, label="toy")


def put(store: LocalStore, node: Node = NODE, text: str = "data", **meta: object) -> None:
    with store.commit(node, {"inputs": [], **meta}) as folder:
        (folder / "data.txt").write_text(text)


def at_depth(depth: int | None) -> Node:
    return Node("module:function", 1, {"a": 1}, depth=depth)


def test_what_is_committed_is_found_with_its_description(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.find(NODE) is None
    put(store)
    found = store.find(NODE)
    assert found is not None
    assert (found.folder / "data.txt").read_text() == "data"
    described = json.loads((found.folder / "artifact.json").read_text())
    assert described["label"] == "toy"
    assert described["files"]["data.txt"]["bytes"] == 4
    assert store.checksums(NODE) == {described["checksum"]}
    assert not any((tmp_path / "unfinished").iterdir())


def test_a_failed_commit_leaves_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(RuntimeError), store.commit(NODE, {}) as folder:
        (folder / "data.txt").write_text("half")
        raise RuntimeError
    assert store.find(NODE) is None
    assert not any((tmp_path / "unfinished").iterdir())


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.commit(NODE, {"inputs": []}) as folder:
        (folder / "data.txt").write_text("late")
        put(store, text="early")
    found = store.find(NODE)
    assert found is not None
    assert (found.folder / "data.txt").read_text() == "early"


def test_a_deeper_ranking_serves_and_the_least_that_is_deep_enough_is_taken(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for depth in (10, 100):
        put(store, at_depth(depth), text=str(depth))
    taken = {wanted: store.find(at_depth(wanted)) for wanted in (5, 10, 11, 100, 101, None)}
    assert {w: f and (f.folder / "data.txt").read_text() for w, f in taken.items()} == {
        5: "10",
        10: "10",
        11: "100",
        100: "100",
        101: None,
        None: None,
    }
    put(store, at_depth(50), text="whole", whole=True)
    whole = store.find(at_depth(None))
    assert whole is not None
    assert (whole.folder / "data.txt").read_text() == "whole"


@pytest.mark.parametrize("name", ["data.txt", "artifact.json"])
def test_a_file_cut_by_one_byte_is_noticed_and_said(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(tmp_path)
    put(store)
    found = store.find(NODE)
    assert found is not None
    os.truncate(found.folder / name, (found.folder / name).stat().st_size - 2)
    assert store.find(NODE) is None
    assert "damaged" in caplog.text
    put(store)
    assert store.find(NODE) is not None


def test_a_kill_in_the_middle_of_writing_leaves_no_artifact(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from nirank.node import Node
from nirank.store import LocalStore
with LocalStore(Path({str(tmp_path)!r})).commit(Node("module:function", 1, {{"a": 1}}), {{"inputs": []}}) as folder:
    (folder / "data.txt").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert LocalStore(tmp_path).find(NODE) is None


def test_a_full_disk_is_one_sentence_with_a_way_out(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
from nirank.errors import StoreError
from nirank.node import Node
from nirank.store import LocalStore
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with LocalStore(Path({str(tmp_path)!r})).commit(Node("module:function", 1, {{"a": 1}}), {{"inputs": []}}) as folder:
        (folder / "data.txt").write_text("x" * 10_000)
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "cannot write" in done.stdout
    assert "NIRANK_STORE" in done.stdout
    assert LocalStore(tmp_path).find(NODE) is None


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "here"))
    assert open_store().root == tmp_path / "here"
    assert open_store(tmp_path / "there").root == tmp_path / "there"
    monkeypatch.setenv("NIRANK_STORE", "")
    assert open_store().root.name == "nirank"


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StoreError, NotADirectoryError)):
        put(LocalStore(tmp_path / "file" / "store"))
