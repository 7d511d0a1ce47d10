"""The pages of the documentation, and the blocks of code in them.

A block of Python, YAML or shell is an example, and is tested. What a comment before it says decides how:

    nothing                     Python is run, a configuration is read, commands are parsed
    <!-- file: NAME -->         on a page that is run whole: what the reader saves under that name
    <!-- in: {data: {…}} -->    a part of a configuration, which stands where the dots are
    <!-- tested by: FILE -->    a test of its own does more
    <!-- not run: REASON -->    it is not an example that could be tested
"""

from __future__ import annotations

import re
import shutil
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from nirank.collections.sources import python_stdlib

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("experiments/*/README.md"))]
START_PAGES = sorted(ROOT.glob("docs/start/*.md"))
LANGUAGES = ("python", "yaml", "sh")
_MARK = r"(?:^<!-- (?P<mark>file|in|tested by|executed by|not run|test command):? ?(?P<note>.*?) ?-->\n+)?"
_BLOCK = re.compile(_MARK + r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins, its language, its text, and the mark before it with what it says."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    note: str

    @property
    def name(self) -> str:
        """Where it is, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def list_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text"))
        body = textwrap.dedent(match["text"])
        mark = "tested by" if match["mark"] in ("executed by", "test command") else match["mark"] or ""
        blocks.append(Block(page, line, match["language"], body, mark, match["note"] or ""))
    return blocks


def shrink_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the collection `python-stdlib` of three modules, since all of them take minutes."""
    folder.mkdir()
    for module in ("csv", "heapq", "textwrap"):
        shutil.copy(Path(sysconfig.get_path("stdlib")) / f"{module}.py", folder)
    monkeypatch.setattr(python_stdlib, "sysconfig", SimpleNamespace(get_path=lambda _: str(folder)))


BLOCKS = [block for page in PAGES for block in list_blocks(page)]
EXAMPLES = [block for block in BLOCKS if block.language in LANGUAGES]
