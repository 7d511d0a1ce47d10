"""What is being written belongs to whoever holds its lock; what the dead left is listed, swept and removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from nirank.algebra.node import Node
from nirank.cli.main import cli
from nirank.store import LocalStore, leftovers
from nirank.store.inventory import list_items, remove_items

NODE = Node("module:function", 1, {"a": 1}, label="toy")
WRITE = """
import sys, time
from pathlib import Path
from nirank.store.leftovers import reserve_path
with reserve_path(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def begin(root: Path) -> subprocess.Popen[str]:
    """Start a process that writes and does not end."""
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(root)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
    return writer


def kill_writer(writer: subprocess.Popen[str]) -> None:
    writer.kill()
    writer.communicate()


def list_unfinished(root: Path) -> list[str]:
    return [path.read_text() for path in root.glob("unfinished/*/made")]


def rewrite_writer(root: Path, **fields: object) -> None:
    """Let the writer have said something else of itself."""
    (path,) = root.glob("unfinished/*/.writer.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def age_folder(root: Path, days: float) -> None:
    (folder,) = root.glob("unfinished/*")
    for path in (*folder.iterdir(), folder):
        os.utime(path, (time.time() - days * 86_400,) * 2)


def test_what_a_living_process_writes_is_left_alone_whatever_it_calls_itself(tmp_path: Path) -> None:
    """As in two containers: one host name, and numbers of processes that mean nothing to the other."""
    writer = begin(tmp_path)
    rewrite_writer(tmp_path, process=2**22 + 1, machine="another name")
    age_folder(tmp_path, 1000)
    LocalStore(tmp_path).require_writable()
    assert list_unfinished(tmp_path) == ["half"]
    kill_writer(writer)
    LocalStore(tmp_path).require_writable()
    assert not list((tmp_path / "unfinished").iterdir())


def test_what_a_process_of_this_machine_left_is_swept_though_its_number_lives_again(tmp_path: Path) -> None:
    kill_writer(begin(tmp_path))
    rewrite_writer(tmp_path, process=os.getpid())
    LocalStore(tmp_path).require_writable()
    assert not list((tmp_path / "unfinished").iterdir())


@pytest.mark.parametrize(("days", "swept"), [(6.9, False), (7.1, True)])
def test_what_another_machine_left_is_swept_when_it_is_old(tmp_path: Path, days: float, swept: bool) -> None:
    kill_writer(begin(tmp_path))
    rewrite_writer(tmp_path, kernel="another")
    age_folder(tmp_path, days)
    LocalStore(tmp_path).require_writable()
    assert list_unfinished(tmp_path) == ([] if swept else ["half"])


@pytest.mark.parametrize("is_folder", [True, False])
def test_what_nobody_says_is_theirs_is_listed_and_removed(tmp_path: Path, is_folder: bool) -> None:
    left = tmp_path / "unfinished" / "host-b~4711~0123"
    left.parent.mkdir(parents=True)
    if is_folder:
        left.mkdir()
        (left / "data").write_text("half")
    else:
        left.write_text("half")
    store = LocalStore(tmp_path)
    store.require_writable()
    (item,) = list_items(store)
    assert (item.kind, item.bytes, item.label) == ("leftover", 4, "what somebody was writing")
    assert remove_items(store, [item]) == []
    assert not left.exists()


def test_leftovers_are_listed_and_removed_but_not_under_a_living_writer(tmp_path: Path) -> None:
    def run_cache(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["cache", *arguments, "--store", str(tmp_path)])
        assert result.exit_code == 0, result.output
        return result.output

    writer = begin(tmp_path)
    rewrite_writer(tmp_path, kernel="another", machine="host-b", process=4711)
    assert "leftover  what process 4711 on host-b was writing (since" in run_cache("ls")
    output = run_cache("rm", "--kind", "leftover")
    assert "stays, a process is at work on it" in output and "0 removed" in output
    assert list_unfinished(tmp_path) == ["half"]
    kill_writer(writer)
    assert "1 removed" in run_cache("rm", "--all")
    assert list_unfinished(tmp_path) == []
    assert "0 stored" in run_cache("ls")


def test_what_is_being_removed_when_the_process_is_killed_is_no_artifact_and_is_swept(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.commit(NODE, {"inputs": []}) as folder:
        (folder / "data.txt").write_text("data")
    code = f"""
import os
from pathlib import Path
from nirank.store import LocalStore, leftovers
from nirank.store.inventory import list_items, remove_items
leftovers._remove_path = lambda path: os.kill(os.getpid(), 9)
store = LocalStore(Path({str(tmp_path)!r}))
remove_items(store, list_items(store))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert store.find(NODE) is None
    assert [item.kind for item in list_items(store)] == ["leftover"]
    LocalStore(tmp_path).require_writable()
    assert list_items(store) == []


def test_a_sweeper_in_the_way_of_a_new_writer_costs_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, locks = leftovers.FileLock, []

    def lock_first(path: Path) -> object:
        if not locks:
            locks.append(original(path))
            locks[0].acquire()
        return original(path)

    monkeypatch.setattr(leftovers, "FileLock", lock_first)
    with leftovers.reserve_path(tmp_path) as reserved:
        reserved.write_text("x")
        assert reserved.parent != Path(locks[0].lock_file).parent
    locks[0].release()


def test_locks_of_the_dead_are_swept(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from nirank.algebra.node import Node
from nirank.store import LocalStore
with LocalStore(Path({str(tmp_path)!r})).lock(Node("module:function", 1, {{"a": 1}}), print):
    os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert len(list((tmp_path / "locks").iterdir())) == 2
    store = LocalStore(tmp_path)
    with LocalStore(tmp_path).lock(Node("module:function", 1, {"a": 2}), print):
        store.require_writable()
        assert len(list((tmp_path / "locks").iterdir())) == 2, "those of the living stay"
    assert list((tmp_path / "locks").iterdir()) == []


def test_what_a_training_goes_on_from_stays_while_it_runs(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.get_scratch_folder(NODE).mkdir(parents=True)
    (item,) = list_items(store)
    with LocalStore(tmp_path).lock(NODE, print):
        assert remove_items(store, [item]) == [item]
    assert store.get_scratch_folder(NODE).exists()
    assert remove_items(store, [item]) == []
    assert not store.get_scratch_folder(NODE).exists()
