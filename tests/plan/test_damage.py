"""What goes wrong with disks and processes: noticed, said, and made good."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from toys import CALLS, Lookup, Shared, make_fruits

from nirank.algebra.node import Node
from nirank.errors import StoreError
from nirank.experiment.experiment import Experiment
from nirank.store import LocalStore
from nirank.store.inventory import list_items
from nirank.store.local import read_description

SYSTEMS = {"One": Shared(), "Two": Shared() >> Lookup({"a": 1.0})}


def run(store: LocalStore) -> list[str]:
    CALLS.clear()
    result = Experiment(make_fruits(), SYSTEMS, ["RR"], store=store).run()
    assert not result.failed
    assert [row.measures["RR"] for row in result.rows] == [pytest.approx(1 / 3), 0.5]
    return list(CALLS)


@pytest.mark.parametrize(
    ("file", "computed"), [("scores.npy", ["score"]), ("rows.npy", ["score"]), ("artifact.json", ["score"])]
)
def test_trap_41_a_flipped_byte_in_an_artifact_is_noticed_said_and_made_good(
    file: str, computed: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(LocalStore(tmp_path)) == ["index", "search", "score"]
    (folder,) = (
        artifact.folder
        for artifact in LocalStore(tmp_path).read_artifacts()
        if artifact.meta["label"].startswith("Lookup")
    )
    raw = bytearray((folder / file).read_bytes())
    place = raw.index(b'"label"') + 12 if file == "artifact.json" else len(raw) - 2
    raw[place] ^= 1
    (folder / file).write_bytes(raw)
    assert run(LocalStore(tmp_path)) == computed
    assert f"{folder} is damaged" in caplog.text
    assert "removed and computed again" in caplog.text
    caplog.clear()
    assert run(LocalStore(tmp_path)) == []
    assert "damaged" not in caplog.text


def test_a_damaged_input_is_made_again_before_it_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(LocalStore(tmp_path))
    store = LocalStore(tmp_path)
    by_label = {artifact.meta["label"]: artifact for artifact in store.read_artifacts()}
    np.save(by_label["lengths"].folder / "lengths.npy", np.array([9, 9, 9, 9]))
    for label in ("Shared()", "Lookup({'a': 1.0})"):
        for path in by_label[label].folder.iterdir():
            path.unlink()
        by_label[label].folder.rmdir()
    assert run(LocalStore(tmp_path)) == ["index", "search", "score"]
    assert "lengths.npy does not match its checksum" in caplog.text


def test_what_is_opened_is_verified_once_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.store import local

    run(LocalStore(tmp_path))
    verified: list[Path] = []
    monkeypatch.setattr(local, "check_files", lambda folder, meta: verified.append(folder))
    store = LocalStore(tmp_path)
    run(store)
    run(store)
    assert len(verified) == len(set(verified)) == 2, "the rankings; the index was not opened"


def test_a_description_that_was_written_before_descriptions_had_checksums_is_read(tmp_path: Path) -> None:
    run(LocalStore(tmp_path))
    for artifact in LocalStore(tmp_path).read_artifacts():
        (artifact.folder / "artifact.json").write_text(
            json.dumps({k: v for k, v in artifact.meta.items() if k != "description"})
        )
        assert read_description(artifact.folder)
    assert run(LocalStore(tmp_path)) == []


RUN_ON_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from toys import Lookup, Shared, make_fruits
from nirank.experiment.experiment import Experiment
from nirank.store import LocalStore
import nirank.cli.guard
experiment = Experiment(make_fruits(), {"One": Shared(), "Two": Shared() >> Lookup({"a": 1.0})}, ["RR"], store=LocalStore(Path(sys.argv[1])))
if sys.argv[3] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
sys.exit(nirank.cli.guard.run_guarded(experiment.run, debug=False))
"""


def test_a_full_disk_is_one_line_leaves_what_was_there_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    run(LocalStore(tmp_path))
    ranking = next(
        artifact for artifact in LocalStore(tmp_path).read_artifacts() if artifact.meta["label"].startswith("Lookup")
    )
    for path in ranking.folder.iterdir():
        path.unlink()
    ranking.folder.rmdir()
    before = {artifact.address for artifact in list_items(LocalStore(tmp_path))}

    def start(disk: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", RUN_ON_FULL_DISK, str(tmp_path), str(Path(__file__).parent), disk]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    process = start("full")
    assert process.returncode == 1
    assert "cannot write" in process.stderr and "make room" in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1, process.stderr
    assert {artifact.address for artifact in list_items(LocalStore(tmp_path))} == before
    assert start("room").returncode == 0
    assert run(LocalStore(tmp_path)) == []


def test_a_store_that_cannot_be_written_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)

    def refuse_to_write(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_complete_artifact", refuse_to_write)
    with pytest.raises(StoreError, match="No space left on device.*what was stored before is intact"):
        Experiment(make_fruits(), SYSTEMS, ["RR"], store=store).run()
    assert not list((tmp_path / "unfinished").iterdir())


# -- several processes -----------------------------------------------------------------------------

NODE = Node("module:function", 1, {"a": 1}, label="toy")
HOLD = """
import sys, time
from pathlib import Path
from nirank.algebra.node import Node
from nirank.store import LocalStore
node = Node("module:function", 1, {"a": 1}, label="toy")
with LocalStore(Path(sys.argv[1])).lock(node, print):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(root: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_who_waits_says_for_whom(tmp_path: Path) -> None:
    child = start_holder(tmp_path)
    lines: list[str] = []
    is_locked = threading.Event()

    def wait() -> None:
        with LocalStore(tmp_path).lock(NODE, lines.append):
            is_locked.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    assert not is_locked.is_set()
    child.communicate("")
    waiting.join(10)
    assert is_locked.is_set()
    assert len(lines) == 1
    assert f"waiting for process {child.pid} on " in lines[0] and lines[0].endswith("which computes toy")
    assert not list((tmp_path / "locks").iterdir()), "locks leave nothing behind"


def test_a_lock_of_a_killed_process_is_no_lock(tmp_path: Path) -> None:
    child = start_holder(tmp_path)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    lines: list[str] = []
    with LocalStore(tmp_path).lock(NODE, lines.append):
        assert lines == []


def test_what_another_process_made_meanwhile_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Between looking and locking, the artifact may have appeared."""
    store = LocalStore(tmp_path)
    original, looks = store.find, []

    def find(node: Node) -> object:
        if node.label == "lengths":
            looks.append(node)
            if len(looks) == 2:  # the first look was the plan's
                run(LocalStore(tmp_path))
                return None
        return original(node)

    store.find = find  # type: ignore[method-assign, assignment]
    CALLS.clear()
    with caplog.at_level("DEBUG", "nirank"):
        result = Experiment(make_fruits(), SYSTEMS, ["RR"], store=store).run()
    assert not result.failed
    assert CALLS == ["index", "search", "score"], "all by the other one"
    assert "found    " in caplog.text.rpartition("what it cost")[2] and "failed" not in caplog.text


# -- interrupted -----------------------------------------------------------------------------------

SLOW = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the tests run in the background
sys.path.insert(0, sys.argv[2])
import toys
original = toys.Lookup.score
def slow(self, pairs, ctx):
    print("scoring", flush=True)
    time.sleep(60)
toys.Lookup.score = slow
from nirank.experiment.experiment import Experiment
from nirank.store import LocalStore
import nirank.cli.guard
systems = {"One": toys.Shared(), "Two": toys.Shared() >> toys.Lookup({"a": 1.0})}
sys.exit(nirank.cli.guard.run_guarded(lambda: Experiment(toys.make_fruits(), systems, ["RR"], store=LocalStore(Path(sys.argv[1]))).run(), debug=False))
"""


def test_ctrl_c_leaves_a_run_that_can_go_on_says_so_and_exits_130(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW, str(tmp_path), str(Path(__file__).parent)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "scoring\n"
    child.send_signal(signal.SIGINT)
    _, lines = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "what was finished is stored" in lines and "Traceback" not in lines
    assert not list((tmp_path / "unfinished").iterdir())
    assert run(LocalStore(tmp_path)) == ["score"]
