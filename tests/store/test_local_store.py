"""The store: whole artifacts or none, found at their depth or deeper."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nirank.algebra.node import Node
from nirank.base.memo import hash_texts
from nirank.errors import ConfigError, StoreError
from nirank.store import LocalStore, open_store

NODE = Node("module:function", 1, {"a": 1}, label="toy")


def put(store: LocalStore, node: Node = NODE, text: str = "data", **meta: object) -> None:
    with store.commit(node, {"inputs": [], **meta}) as folder:
        (folder / "data.txt").write_text(text)


def make_node(depth: int | None) -> Node:
    return Node("module:function", 1, {"a": 1}, depth=depth)


def test_what_is_committed_is_found_with_its_description(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.find(NODE) is None
    put(store)
    artifact = store.find(NODE)
    assert artifact is not None
    assert (artifact.folder / "data.txt").read_text() == "data"
    description = json.loads((artifact.folder / "artifact.json").read_text())
    assert description["label"] == "toy"
    assert description["files"]["data.txt"]["bytes"] == 4
    assert store.read_checksums(NODE) == {description["checksum"]}
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
    artifact = store.find(NODE)
    assert artifact is not None
    assert (artifact.folder / "data.txt").read_text() == "early"


def test_a_deeper_ranking_serves_and_the_least_that_is_deep_enough_is_taken(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for depth in (10, 100):
        put(store, make_node(depth), text=str(depth))
    artifacts = {k: store.find(make_node(k)) for k in (5, 10, 11, 100, 101, None)}
    assert {w: f and (f.folder / "data.txt").read_text() for w, f in artifacts.items()} == {
        5: "10",
        10: "10",
        11: "100",
        100: "100",
        101: None,
        None: None,
    }
    put(store, make_node(50), text="whole", whole=True)
    full_list = store.find(make_node(None))
    assert full_list is not None
    assert (full_list.folder / "data.txt").read_text() == "whole"


@pytest.mark.parametrize("name", ["data.txt", "artifact.json"])
def test_a_file_cut_by_one_byte_is_noticed_and_said(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(tmp_path)
    put(store)
    artifact = store.find(NODE)
    assert artifact is not None
    os.truncate(artifact.folder / name, (artifact.folder / name).stat().st_size - 2)
    assert store.find(NODE) is None
    assert "damaged" in caplog.text
    put(store)
    assert store.find(NODE) is not None


def test_a_kill_in_the_middle_of_writing_leaves_no_artifact(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from nirank.algebra.node import Node
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
from nirank.algebra.node import Node
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
    process = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "cannot write" in process.stdout
    assert "NIRANK_STORE" in process.stdout
    assert LocalStore(tmp_path).find(NODE) is None


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "here"))
    assert open_store().root == tmp_path / "here"
    assert open_store(tmp_path / "there").root == tmp_path / "there"
    monkeypatch.setenv("NIRANK_STORE", "")
    assert open_store().root.name == "nirank"


def test_a_store_that_is_a_file_or_no_path_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path / "file", "is a file; expected a folder"),
        (tmp_path / "file" / "store", "is a file; expected a folder"),
        ("/dev/null/x", "is a file; expected a folder"),
        ("a\0b", "cannot be opened (embedded null byte)"),
        (tmp_path / ("x" * 300), "cannot be opened (File name too long)"),
        ("~nobody-of-this-name/x", "cannot be opened (Could not determine home directory.)"),
    ):
        with pytest.raises(ConfigError) as error:
            open_store(path)
        assert message in str(error.value) and "NIRANK_STORE" in str(error.value)
    with pytest.raises(StoreError, match="cannot write"):
        put(LocalStore(tmp_path / "file" / "store"))
    with pytest.raises(StoreError, match="cannot write"):
        LocalStore(tmp_path / "file" / "store").require_writable()


def fail_within(store: LocalStore, error: OSError) -> type[Exception]:
    """Let a stage fail with an error while its artifact is made; return the type of what comes out."""
    with pytest.raises(OSError) as refusal, store.commit(NODE, {"inputs": []}):
        raise error
    return refusal.type


def test_an_error_of_the_stage_is_not_told_as_the_store_s(tmp_path: Path) -> None:
    store, stored_file = LocalStore(tmp_path / "store"), str(tmp_path / "store" / "unfinished" / "x")
    other_file = str(tmp_path / "data.txt")
    assert fail_within(store, PermissionError(errno.EACCES, "Permission denied", other_file)) is PermissionError
    assert fail_within(store, OSError(errno.EROFS, "Read-only file system", other_file)) is OSError
    assert fail_within(store, OSError(errno.ENOSPC, "No space left on device", other_file)) is OSError
    assert fail_within(store, OSError(errno.ENOSPC, "No space left on device")) is OSError, "the store has room"
    assert fail_within(store, PermissionError(errno.EACCES, "Permission denied")) is PermissionError
    assert fail_within(store, FileNotFoundError(errno.ENOENT, "No such file", stored_file)) is FileNotFoundError
    assert fail_within(store, PermissionError(errno.EACCES, "Permission denied", stored_file)) is StoreError
    assert fail_within(store, OSError(errno.ENOSPC, "No space left on device", stored_file)) is StoreError
    with pytest.raises(PermissionError) as error, store.lock(NODE, print):
        raise PermissionError(errno.EACCES, "Permission denied", other_file)
    assert error.type is PermissionError


def test_what_others_left_beside_an_artifact_is_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, make_node(10))
    (artifact,) = tmp_path.glob("artifacts/*/*")
    for name in (f"{NODE.address}-10 (copy)", f"{NODE.address}.bak", f"{NODE.address}-x"):
        (artifact.parent / name).mkdir()
    stored = store.find(make_node(5))
    assert stored is not None and stored.folder == artifact
    store.discard_artifacts(make_node(5))
    assert len(list(artifact.parent.iterdir())) == 3


def test_an_artifact_of_a_newer_version_stays_and_is_told(tmp_path: Path) -> None:
    put(LocalStore(tmp_path))
    (path,) = tmp_path.glob("artifacts/*/*/artifact.json")
    path.write_text(json.dumps({"format": 2, "what": "nobody knows yet"}))
    with pytest.raises(
        StoreError, match="newer nirank \\(format 2, this one reads 1\\); update nirank, or name another"
    ):
        LocalStore(tmp_path).find(NODE)
    assert path.exists()


def test_what_cannot_be_read_is_not_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(LocalStore(tmp_path))

    def refuse(self: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(StoreError, match=r"cannot read .* \(Permission denied\)"):
            LocalStore(tmp_path).find(NODE)
    assert LocalStore(tmp_path).find(NODE) is not None


def test_an_artifact_that_somebody_removes_meanwhile_is_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(tmp_path)
    put(store)
    artifact = store.find(NODE)
    assert artifact is not None and store.verify(artifact)
    LocalStore(tmp_path).discard_artifacts(NODE)
    assert not store.verify(artifact)
    assert store.find(NODE) is None
    other_store = LocalStore(tmp_path)
    assert not other_store.verify(artifact)
    assert caplog.text == ""
    other_store.discard(artifact.folder)


def test_a_store_that_was_moved_or_is_a_link_serves(tmp_path: Path) -> None:
    put(LocalStore(tmp_path / "store"))
    (tmp_path / "store").rename(tmp_path / "moved")
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    for name in ("moved", "link"):
        store = LocalStore(tmp_path / name)
        artifact = store.find(NODE)
        assert artifact is not None and store.verify(artifact)
    put(LocalStore(tmp_path / "link"), Node("module:function", 1, {"a": 2}))
    assert len(list((tmp_path / "moved").glob("artifacts/*/*"))) == 2


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is brought to disk and renamed, in order, by name."""
    steps_made: list[tuple[str, str]] = []
    fsync, rename = os.fsync, Path.rename

    def note_sync(handle: int) -> None:
        steps_made.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def note_rename(self: Path, target: Path) -> Path:
        steps_made.append(("rename", target.name))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_rename)
    return steps_made


def test_everything_is_on_disk_before_it_is_renamed_and_its_name_afterwards(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    store = LocalStore(tmp_path)
    with store.commit(NODE, {"inputs": []}) as folder:
        (folder / "sub").mkdir()
        for name in ("data.txt", "sub/more.txt"):
            (folder / name).write_text("data")
            (folder / name).chmod(0o444)
    renamed = steps.index(("rename", NODE.address))
    before, after = [name for _, name in steps[:renamed]], [name for _, name in steps[renamed + 1 :]]
    assert {"data.txt", "more.txt", "sub", "artifact.json", "made"} <= set(before)
    assert before.index("made") > before.index("artifact.json"), "the folder knows its last file"
    assert {"artifacts", tmp_path.name} <= set(before), "new folders have names too"
    assert after == [NODE.address[:2]]


def test_a_memo_s_segments_are_on_disk_before_they_are_renamed_and_their_names_afterwards(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    memo = LocalStore(tmp_path).open_memo({"pair scores": "toy"}, np.dtype("<f4"))
    memo.put(hash_texts("a"), np.ones(1, "<f4"), 0)
    del steps[:2]  # the folders' names
    (segment,) = (name for _, name in steps if name.endswith(".memo"))
    expected = [("sync", "made"), ("rename", "memo.json"), ("sync", memo.name)]
    assert steps == [*expected, ("sync", "made"), ("rename", segment), ("sync", memo.name)]
