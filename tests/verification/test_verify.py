"""Verify: whether configurations still give the scores that they are known for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_result import run_nirank

from nirank.config.reader import load_config
from nirank.errors import ConfigError
from nirank.verification import verify
from nirank.verification.processes import verify_apart
from nirank.verification.verification import fail

SYSTEMS = "systems:\n  BM25: bm25\n  Cut: [BM25, {cut: 1}]\nmeasures: [nDCG@10, RR, R@2]\n"
SECTION = "expected:\n  scores:\n    tiny/test:\n      BM25: {nDCG@10: %s, RR: %s}\n      Cut: {RR: 0.6250}\n"
RIGHT = SECTION % ("0.6875", "0.6875")


def write_tiny(folder: Path) -> None:
    """Eight queries: BM25 finds each word's document first in five, and in one behind another document."""
    (folder / "qrels").mkdir(parents=True)
    words = ["red", "green", "blue", "white", "black"]
    docs = [{"_id": word, "text": f"{word} apple"} for word in words] + [
        {"_id": "twice", "text": "grey grey"},
        {"_id": "grey", "text": "grey apple pear"},
    ]
    queries = [*words, "grey", "none", "nothing"]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    (folder / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": query, "text": query}) + "\n" for query in queries)
    )
    judged = "".join(f"{query}\t{'grey' if query in ('none', 'nothing') else query}\t1\n" for query in queries)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    write_tiny(tmp_path / "tiny")
    return tmp_path


def write_config(place: Path, section: str, name: str = "config.yaml") -> Path:
    (place / name).write_text("collections: [tiny]\n" + SYSTEMS + section)
    return place / name


def test_scores_within_the_tolerance_are_ok_and_others_are_off(place: Path) -> None:
    path = write_config(place, "")
    verify(path, accept=True)
    first = verify(path)
    assert (first.status, first.passed, dict(first.counts)) == ("ok", True, {"ok": 4})
    values = {(check.system, check.measure): check.got for check in first.checks}
    assert values["BM25", "RR"] == pytest.approx((5 + 1 / 2) / 8)
    assert values["Cut", "RR"] == pytest.approx(5 / 8)
    path = write_config(
        place,
        "expected:\n  tolerances: {BM25: 0.1}\n  scores:\n    tiny/test:\n      BM25: {RR: 0.7875, nDCG@10: 0.9}\n      Cut: {RR: 0.6256}\n",
    )
    second = verify(path)
    assert [check.status for check in second.checks] == ["ok", "off", "off"]
    assert second.checks[2].off_by == pytest.approx(-0.0006)
    assert (second.status, second.passed) == ("off", False)


def test_the_python_of_the_page_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs/verification.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    verify(write_config(place, ""), accept=True)
    monkeypatch.chdir(place)
    exec(code, {})
    assert "BM25 nDCG@10" in capsys.readouterr().out


def test_a_measure_without_a_value_is_off_and_says_why(place: Path) -> None:
    (check,) = verify(write_config(place, "expected: {scores: {tiny/test: {Cut: {nDCG@10: 1}}}}\n")).checks
    assert check.status == "off"
    assert check.got is None
    assert "depth" in check.note or "1" in check.note


def test_without_expected_scores_there_is_nothing_to_verify(place: Path) -> None:
    path = write_config(place, "")
    with pytest.raises(ConfigError, match="has no expected scores; 'nirank verify --accept"):
        verify(path)


def test_a_sample_is_plausible_or_off(place: Path) -> None:
    path = write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    (check,) = verify(path, limit_queries=6).checks
    assert check.status == "plausible"
    assert check.interval is not None
    assert check.interval[0] <= 0.6875 <= check.interval[1]
    path = write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 7}}}}\n")
    assert verify(path, limit_queries=6).status == "off"
    with pytest.raises(ConfigError, match="scores of a sample"):
        verify(path, limit_queries=6, accept=True)


def test_scores_of_a_sample_are_compared_with_those_of_the_same_sample(place: Path) -> None:
    path = write_config(place, "expected: {limit_queries: 3, scores: {tiny/test: {BM25: {RR: 0}}}}\n")
    (check,) = verify(path).checks
    assert check.got not in (None, 0.6875) and check.status == "off"
    path = write_config(
        place, f"expected: {{limit_queries: 3, scores: {{tiny/test: {{BM25: {{RR: {check.got}}}}}}}}}\n"
    )
    assert verify(path).status == "ok"
    assert verify(path, limit_queries=2).status in ("plausible", "skipped"), "two of the three"
    assert "as expected: 1 of 1 scores" in run_nirank("run", "config.yaml", "--limit-queries", 3, cwd=place).error
    assert "as expected" not in run_nirank("run", "config.yaml", cwd=place).error
    write_config(place, "expected: {limit_queries: 0, scores: {tiny/test: {BM25: {RR: 0}}}}\n")
    refused = run_nirank("run", "config.yaml", "--check", cwd=place)
    assert refused.code == 2 and "limit_queries: expected 1 or more, got 0" in refused.error


def test_a_run_says_in_a_line_whether_its_scores_are_as_expected(place: Path) -> None:
    write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}, Cut: {RR: 0.7}}}}\n")
    result = run_nirank("run", "config.yaml", cwd=place)
    assert result.code == 0
    assert "as expected: 1 of 2 scores; tiny/test: Cut: RR 0.6250, expected 0.7000, off by -0.0750" in result.error
    assert "as expected" not in run_nirank("run", "config.yaml", "--limit-queries", 2, cwd=place).error
    assert "as expected" not in run_nirank("run", "config.yaml", "--set", "measures=[RR]", cwd=place).error
    write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    assert "as expected: 1 of 1 scores\n" in run_nirank("run", "config.yaml", cwd=place).error


def test_the_command_verifies_all_configurations_of_a_folder(place: Path) -> None:
    write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n", "a.yaml")
    write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6}, Cut: {RR: 0.625}}}}\n", "b.yml")
    write_config(place, "", "c.yaml")
    (place / "d.yaml").write_text("collections: [tiny]\nsystems: {A: bm52}\nmeasures: [RR]\nexpected: {}\n")
    (place / "card.yaml").write_text("models: {a: b}\n")
    result = run_nirank("verify", ".", "--html", "page.html", "--quiet", cwd=place)
    assert result.code == 1, result
    assert [line.split()[:2] for line in result.out.splitlines()[3:7]] == [
        ["a.yaml", "OK"],
        ["b.yml", "off"],
        ["c.yaml", "skipped"],
        ["d.yaml", "FAIL"],  # and nothing else stops for it
    ]
    assert "d.yaml: cannot run: d.yaml:2:14: there is no system or stage 'bm52'" in result.out
    assert "BM25    RR       off       0.6000  0.6875  +0.0875     0.0005" in result.out
    assert result.out.endswith("4 configurations: 2 of 3 scores OK, 1 off, 1 configuration failed as a whole\n")
    assert "<td>Cut</td><td>RR</td>" in (place / "page.html").read_text()


def test_where_nothing_of_a_folder_can_be_read_its_mistakes_end_the_command(place: Path) -> None:
    write_config(place, "", "a.yaml").write_text("collections: [tiny]\nsystems: {A: bm52}\nmeasures: [RR]\n")
    run_nirank("verify", ".", cwd=place).assert_mistake("a.yaml:2:14: there is no system or stage 'bm52'")


def test_a_run_that_fails_as_a_whole_is_no_success_though_nothing_was_expected(place: Path) -> None:
    path = write_config(place, "")
    assert not fail(path, load_config(path), "its process ended with 1", 1.0).passed


def test_accept_writes_what_came_out(place: Path) -> None:
    write_config(place, "# the end\n")
    result = run_nirank("verify", "config.yaml", "--accept", "--json", cwd=place)
    assert result.code == 0, result
    assert json.loads(result.out)["scores"] == {"ok": 4, "plausible": 0, "off": 0, "failed": 0, "skipped": 0}
    text = (place / "config.yaml").read_text()
    assert text.endswith(
        "# the end\nexpected:\n  scores:\n    tiny/test:\n      BM25: {nDCG@10: 0.7039, RR: 0.6875, R@2: 0.7500}\n      Cut: {RR: 0.6250}\n"
    ), text
    assert verify(place / "config.yaml").status == "ok"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], ["nowhere.yaml: cannot be read"]),
        (["empty"], ["empty: holds no configuration"]),
        (["config.yaml"], ["has no expected scores"]),
        (["config.yaml", "--accept", "--limit-queries", "3"], ["leave --limit-queries out"]),
        (["config.yaml", "--at-most", "soon"], ["'soon' is not"]),
        (["broken.yaml", "worse.yaml"], ["broken.yaml:6:11:", "worse.yaml:2:"]),
    ],
)
def test_mistakes_are_found_before_anything_runs(place: Path, arguments: list[str], words: list[str]) -> None:
    write_config(place, "")
    (place / "empty").mkdir()
    write_config(place, "expected: 3\n", "broken.yaml")
    (place / "worse.yaml").write_text("collections: [tiny]\nsystems: {A: bm52}\nmeasures: [RR]\n")
    run_nirank("verify", *arguments, cwd=place).assert_mistake(*words)
    assert not (place / "store").exists()


def test_what_goes_wrong_in_its_process_fails_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    config = load_config(path)
    path.write_text("collections: [nowhere]\n" + SYSTEMS + "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    verification = verify_apart(path, config)
    assert verification.status == "failed"
    assert "nowhere" in verification.note
    assert verification.checks[0].note == verification.note


def test_what_takes_too_long_is_ended_and_skipped(place: Path) -> None:
    path = write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    began = time.perf_counter()
    verification = verify_apart(path, load_config(path), at_most=0.2)
    assert verification.status == "skipped"
    assert verification.passed
    assert "was ended after 0.2 s" in verification.note
    assert time.perf_counter() - began < 5


def test_a_killed_command_leaves_no_process_behind(place: Path) -> None:
    write_config(place, "expected: {scores: {tiny/test: {BM25: {RR: 0.6875}}}}\n")
    command = [sys.executable, "-m", "nirank.cli.main", "verify", "config.yaml"]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "importing" not in (line := process.stderr.readline()):
            assert line, "it ended before it began"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    for _ in range(100):
        if not any(is_running(int(child)) for child in children):
            break
        time.sleep(0.1)
    assert children
    assert not any(is_running(int(child)) for child in children)


def is_running(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
