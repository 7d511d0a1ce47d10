"""The commands of docs/screening.md do what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import record_tables
from command_result import run_nirank

from nirank.records.files import read_record_file, write_record_file

PAGE = Path(__file__).parents[2] / "docs" / "screening.md"


def test_the_commands_of_the_page_run_as_a_reviewer_copies_them(tmp_path: Path) -> None:
    records = record_tables.read_table(tmp_path / "plain.csv")
    write_record_file(tmp_path / "records.ris", records, None, {})
    record_tables.write_table(tmp_path / "finished.csv", labels=True)
    (tmp_path / "labels.csv").write_text("id,title,included\n5,Dogs at home,0\n3,Vitamin D and fractures,1\n")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line.startswith("nirank screen")]
    assert len(commands) >= 4
    for command in commands:
        result = run_nirank(*shlex.split(command)[1:], cwd=tmp_path)
        assert result.code == 0, (command, result)
    for out in ("ranked.ris", "ranked.csv", "decisions.ris"):
        assert len(read_record_file(tmp_path / out).records) == 8
    ranked = (tmp_path / "ranked.ris").read_text(encoding="utf-8")
    assert "N1  - nirank_rank: 1\n" in ranked.replace("\r", "")
    assert "ASReview_not_seen" in (tmp_path / "decisions.ris").read_text(encoding="utf-8")
