"""Memos: rows by 128-bit keys, in segments whose damage is noticed, for several processes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.base.memo import combine_keys, derive_part_keys, find_distinct_keys, hash_texts
from nirank.errors import StoreError
from nirank.store import LocalStore
from nirank.store.memo import SegmentedMemo
from nirank.store.segment import Segment

SCORE = np.dtype("<f4")
SPACE = {"pair scores": "toy"}


def open_memo(root: Path) -> SegmentedMemo:
    return LocalStore(root).open_memo(SPACE, SCORE)


def hash_names(*names: str) -> np.ndarray:
    return hash_texts(names)


def list_segments(root: Path) -> list[Path]:
    return sorted(root.glob("memos/*/*.memo"))


def test_what_is_put_is_found_by_everybody_and_nothing_else_is(tmp_path: Path) -> None:
    open_memo(tmp_path).put(hash_names("a", "b", "c"), np.array([1, 2, 3], SCORE), 6.0)
    open_memo(tmp_path).put(hash_names("d", "a"), np.array([4, 99], SCORE), 2.0)
    is_stored, rows = open_memo(tmp_path).get(hash_names("d", "x", "c", "a"))
    assert is_stored.tolist() == [True, False, True, True]
    assert rows.tolist() == [4, 3, 1], "the first row of a key stays"
    assert open_memo(tmp_path).rate == pytest.approx(7 / 4), "of those that are kept"
    assert LocalStore(tmp_path).open_memo({"pair scores": "other"}, SCORE).get(hash_names("a"))[0].tolist() == [False]
    assert LocalStore(tmp_path).open_memo(SPACE, np.dtype("<f8")).get(hash_names("a"))[0].tolist() == [False]
    assert not list((tmp_path / "unfinished").iterdir())


def test_a_pair_costs_about_20_bytes(tmp_path: Path) -> None:
    n = 100_000
    pair_keys = np.random.default_rng(0).integers(0, 2**63, (n, 2)).astype(np.uint64)
    open_memo(tmp_path).put(pair_keys, np.zeros(n, SCORE), 0)
    (path,) = list_segments(tmp_path)
    assert path.stat().st_size / n < 20.01


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=12), min_size=1, max_size=25))
def test_a_memo_is_a_dictionary_that_keeps_the_first(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[int]]
) -> None:
    """Whatever is put in whatever portions, merged or not."""
    root = tmp_path_factory.mktemp("memo")
    expected: dict[int, float] = {}
    for number, names in enumerate(puts):
        rows = np.array([number + at / 100 for at in range(len(names))], SCORE)
        open_memo(root).put(hash_names(*map(str, names)), rows, 1.0)
        for key, row in zip(names, rows.tolist(), strict=True):
            expected.setdefault(key, row)
    is_stored, rows = open_memo(root).get(hash_names(*map(str, range(41))))
    assert np.flatnonzero(is_stored).tolist() == sorted(expected)
    assert rows.tolist() == [expected[key] for key in sorted(expected)]
    assert len(list_segments(root)) <= 9
    assert open_memo(root).rate is not None


def test_first_halves_that_are_equal_by_chance(tmp_path: Path) -> None:
    half_equal = np.array([[7, 1], [7, 2], [7, 3], [9, 1]], np.uint64)
    open_memo(tmp_path).put(half_equal, np.arange(4, dtype=SCORE), 0)
    is_stored, rows = open_memo(tmp_path).get(
        np.array([[7, 3], [7, 4], [7, 0], [9, 1], [9, 2], [7, 1], [8, 1], [7, 2]], np.uint64)
    )
    assert is_stored.tolist() == [True, False, False, True, False, True, False, True]
    assert rows.tolist() == [2, 3, 0, 1]


def test_merging_large_segments_keeps_every_row(tmp_path: Path) -> None:
    """More rows than are held at a time, and a damaged one among what is merged."""
    n, all_keys = 12_000, hash_names(*map(str, range(12_000 * 10)))
    for part in range(10):
        open_memo(tmp_path).put(
            all_keys[part * n : (part + 1) * n], np.arange(part * n, (part + 1) * n, dtype=SCORE), 1.0
        )
        if part == 7:
            newest = list_segments(tmp_path)[-1]
            raw = bytearray(newest.read_bytes())
            raw[64 + 16 * n + 4 * 11_000] ^= 1
            newest.write_bytes(raw)
    assert len(list_segments(tmp_path)) <= 8
    is_stored, rows = open_memo(tmp_path).get(all_keys)
    is_lost = np.zeros(10 * n, bool)
    is_lost[7 * n : 8 * n] = True
    assert np.array_equal(is_stored, ~is_lost)
    assert np.array_equal(rows, np.flatnonzero(~is_lost).astype(SCORE))


def test_keys_of_pairs_and_parts_differ_as_they_should() -> None:
    a, b = hash_names("a"), hash_names("b")
    distinct_keys = [
        a,
        b,
        combine_keys(a, b),
        combine_keys(b, a),
        combine_keys(a, a),
        *(derive_part_keys(a, np.array([i])) for i in range(3)),
    ]
    assert len({process.tobytes() for process in distinct_keys}) == len(distinct_keys)
    assert hash_names("é\udc80").shape == (1, 2), "what is not quite text has a key too"
    firsts, inverse = find_distinct_keys(hash_names("x", "y", "x", "z", "y"))
    assert (firsts.tolist(), inverse.tolist()) == ([0, 1, 3], [0, 1, 0, 2, 1])


@pytest.mark.parametrize("damaged_part", ["magic", "count", "keys", "rows", "checksums", "cut", "emptied"])
def test_trap_41_a_flipped_byte_is_noticed_said_and_costs_one_segment(
    damaged_part: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    n = 3000
    names = [f"t{i}" for i in range(n)]
    open_memo(tmp_path).put(hash_names(*names), np.arange(n, dtype=SCORE), 1.0)
    (path,) = list_segments(tmp_path)
    open_memo(tmp_path).put(hash_names("other"), np.ones(1, SCORE), 1.0)
    raw = bytearray(path.read_bytes())
    at = {"magic": 3, "count": 17, "keys": 64 + 16 * 77, "rows": 64 + 16 * n + 4 * 1500, "checksums": len(raw) - 1}
    if damaged_part in at:
        raw[at[damaged_part]] ^= 4
    path.write_bytes(raw[:-1] if damaged_part == "cut" else b"" if damaged_part == "emptied" else raw)
    is_stored, rows = open_memo(tmp_path).get(hash_names("other", *names))
    assert "damaged" in caplog.text and "computed again" in caplog.text
    assert is_stored.tolist() == [True] + [False] * n
    assert rows.tolist() == [1]
    assert not path.exists()
    open_memo(tmp_path).put(hash_names(*names), np.arange(n, dtype=SCORE), 1.0)
    assert open_memo(tmp_path).get(hash_names(*names))[1].tolist() == list(range(n))


def test_a_segment_that_another_process_merged_away_is_found_in_the_merged(tmp_path: Path) -> None:
    reader = open_memo(tmp_path)
    for number in range(8):
        open_memo(tmp_path).put(hash_names(f"t{number}"), np.array([number], SCORE), 0)
    assert reader.get(hash_names("t3"))[1].tolist() == [3]
    before = list_segments(tmp_path)
    open_memo(tmp_path).put(hash_names("t8"), np.array([8], SCORE), 0)
    assert len(list_segments(tmp_path)) < len(before)
    assert reader.get(hash_names(*(f"t{i}" for i in range(9))))[1].tolist() == list(range(9))


WRITE = """
import os, sys
from pathlib import Path
import numpy as np
from nirank.base.memo import hash_texts
from nirank.store import LocalStore
root, mine, kill = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "kill"
kept = LocalStore(root).open_memo({"pair scores": "toy"}, np.dtype("<f4"))
if kill:
    import nirank.store.segment as segment
    segment.os.fsync = lambda handle: os.kill(os.getpid(), 9)
for number in range(12):
    names = [f"{mine}-{number}-{at}" for at in range(50)] + [f"all-{number}"]
    kept.put(hash_texts(names), np.arange(51, dtype=np.float32), 0.1)
"""


def test_several_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    running = [subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), str(i), ""]) for i in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    names = [f"{writer}-{number}-{at}" for writer in range(4) for number in range(12) for at in range(50)]
    is_stored, rows = open_memo(tmp_path).get(hash_names(*names))
    assert is_stored.all()
    assert rows.tolist() == list(range(50)) * 48


def test_a_kill_in_the_middle_of_writing_leaves_no_half_segment(tmp_path: Path) -> None:
    open_memo(tmp_path).put(hash_names("a"), np.ones(1, SCORE), 0)
    assert subprocess.run([sys.executable, "-c", WRITE, str(tmp_path), "0", "kill"], check=False).returncode == -9
    assert len(list_segments(tmp_path)) == 1
    assert len(list((tmp_path / "unfinished").iterdir())) == 1
    LocalStore(tmp_path).require_writable()
    assert not list((tmp_path / "unfinished").iterdir())
    assert open_memo(tmp_path).get(hash_names("a"))[0].all()


def test_what_a_memo_holds_is_said_beside_it(tmp_path: Path) -> None:
    open_memo(tmp_path).put(hash_names("a"), np.ones(1, SCORE), 0)
    (outputs,) = tmp_path.glob("memos/*/memo.json")
    assert '"pair scores": "toy"' in outputs.read_text()


def test_the_first_value_is_the_value_for_all_who_compute_at_once(tmp_path: Path) -> None:
    """The slower of two is told what the value is, and a reader never sees it change."""
    reader, slow, fast = open_memo(tmp_path), open_memo(tmp_path), open_memo(tmp_path)
    assert not slow.get(hash_names("a", "b"))[0].any()
    assert fast.put(hash_names("b", "b"), np.array([2, 3], SCORE), 1.0).tolist() == [2, 2]
    assert reader.get(hash_names("b"))[1].tolist() == [2]
    assert slow.put(hash_names("a", "b", "a"), np.array([10, 20, 30], SCORE), 1.0).tolist() == [10, 2, 10]
    for reopened in (reader, slow, fast, open_memo(tmp_path)):
        assert reopened.get(hash_names("a", "b"))[1].tolist() == [10, 2]


def test_no_key_is_in_two_segments_so_that_their_order_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        names = [f"t{(7 * number + place) % 60}" for place in range(25)]
        open_memo(tmp_path).put(hash_names(*names), np.full(25, number, SCORE), 0)
    keys_by_segment = [Segment(path, SCORE).read_keys() for path in list_segments(tmp_path)]
    assert len(keys_by_segment) > 1
    assert len(np.unique(np.concatenate(keys_by_segment), axis=0)) == sum(map(len, keys_by_segment)) == 60
    all_keys = hash_names(*(f"t{i}" for i in range(60)))
    rows = open_memo(tmp_path).get(all_keys)[1].tolist()
    original = SegmentedMemo._list_names
    monkeypatch.setattr(SegmentedMemo, "_list_names", lambda self: original(self)[::-1])
    assert open_memo(tmp_path).get(all_keys)[1].tolist() == rows


def test_a_clock_that_goes_back_changes_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    open_memo(tmp_path).put(hash_names("a"), np.array([1], SCORE), 0)
    monkeypatch.setattr(time, "time_ns", lambda: 5)
    monkeypatch.setattr(time, "time", lambda: 5.0)
    open_memo(tmp_path).put(hash_names("b", "a"), np.array([2, 9], SCORE), 0)
    old, new = list_segments(tmp_path)
    assert open_memo(tmp_path).get(hash_names("a", "b"))[1].tolist() == [1, 2]
    assert old.name < new.name


RACE = """
import sys
from pathlib import Path
import numpy as np
from nirank.base.memo import hash_texts
from nirank.store import LocalStore
kept = LocalStore(Path(sys.argv[1])).open_memo({"pair scores": "toy"}, np.dtype("<f4"))
seen = {}
for number in range(30):
    names = hash_texts([f"{number}-{at}" for at in range(20)])
    there, rows = kept.get(names)
    mine = np.full(20, float(sys.argv[2]), np.float32)
    mine[there] = rows
    seen[number] = kept.put(names, mine, 0.1).tolist()
    for before, rows in seen.items():
        found, now = kept.get(hash_texts([f"{before}-{at}" for at in range(20)]))
        assert found.all() and now.tolist() == rows, (before, rows, now)
print(seen)
"""


def test_no_value_changes_for_anybody_while_several_processes_compute_the_same(tmp_path: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path), str(number)], stdout=subprocess.PIPE)
        for number in range(4)
    ]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert len(set(outputs)) == 1, "all have worked with the same values"


def test_a_memo_that_is_removed_while_it_is_written_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    stale_memo = store.open_memo(SPACE, SCORE)
    stale_memo.put(hash_names("a"), np.array([1], SCORE), 0)
    original = SegmentedMemo._write

    def remove_and_write(self: SegmentedMemo, *arguments: object) -> None:
        monkeypatch.setattr(SegmentedMemo, "_write", original)
        store.discard(self.folder)
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(SegmentedMemo, "_write", remove_and_write)
    assert stale_memo.put(hash_names("a", "b"), np.array([5, 2], SCORE), 0).tolist() == [5, 2]
    assert open_memo(tmp_path).get(hash_names("a", "b"))[1].tolist() == [5, 2]
    assert len(list(tmp_path.glob("memos/*/memo.json"))) == 1


def test_a_segment_of_a_newer_version_stays_and_is_told(tmp_path: Path) -> None:
    open_memo(tmp_path).put(hash_names("a"), np.array([1], SCORE), 0)
    (path,) = list_segments(tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"nirank memo 1", b"nirank memo 2"))
    with pytest.raises(StoreError, match="newer nirank; update nirank"):
        open_memo(tmp_path).get(hash_names("a"))
    assert path.exists()
