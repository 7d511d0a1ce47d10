"""Every example of the documentation is what it says: configurations are read, Python runs, commands are there."""

from __future__ import annotations

import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml
from pages import BLOCKS, EXAMPLES, LANGUAGES, PAGES, ROOT, START_PAGES, Block, shrink_library

import nirank
from nirank.cli.main import cli
from nirank.config.mistakes import Mistakes
from nirank.config.reader import load_config
from nirank.config.schema import build_schema
from nirank.config.yaml_parser import parse_yaml

REST = {"collections": ["beir/scifact/test"], "systems": {"S": "bm25"}, "measures": ["nDCG@10"]}
VALIDATOR = jsonschema.Draft202012Validator(build_schema())  # one: to check the schema itself takes longer than a page
EXEMPT = 2  # blocks that nothing runs or reads; each says why
CONFIGURATIONS = [block for block in EXAMPLES if block.language == "yaml" and block.mark != "not run"]
PYTHON = [
    page
    for page in PAGES
    if page not in START_PAGES  # which are run whole
    and any(block.language == "python" and not block.mark for block in EXAMPLES if block.page == page)
]


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=lambda block: block.name)
def test_configurations_can_be_read(block: Block, tmp_path: Path) -> None:
    text = block.text
    if block.mark == "in":
        text = yaml.safe_dump(_insert(yaml.safe_load(block.note), read_yaml(text)))
    given = read_yaml(text)
    text += "".join(
        f"\n{key}: {yaml.safe_dump(value, default_flow_style=True)}" for key, value in REST.items() if key not in given
    )
    for path in re.findall(r"\.\./[\w-]+", text):  # folders beside the configuration
        (tmp_path / "here" / path).resolve().mkdir(exist_ok=True, parents=True)
    (tmp_path / "here").mkdir(exist_ok=True)
    (tmp_path / "here" / "config.yaml").write_text(text, encoding="utf-8")
    assert load_config(tmp_path / "here" / "config.yaml").systems
    VALIDATOR.validate(read_yaml(text))


def read_yaml(text: str) -> Any:
    """Return a text as nirank reads it: `on` is a key."""
    return parse_yaml(text, "page", Mistakes("page", text)).plain


def _insert(frame: Any, part: dict[str, Any]) -> Any:
    """Put a part of a configuration where the frame has `...`."""
    if isinstance(frame, list):
        return [_insert(item, part) for item in frame]
    if not isinstance(frame, dict):
        return part if frame == "..." else frame
    inner = {key: _insert(value, part) for key, value in frame.items() if key != "..."}
    return inner | part if "..." in frame else inner


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page one after the other, with all public names; experiments are planned, not run."""
    shrink_library(tmp_path / "library", monkeypatch)
    shutil.copytree(ROOT / "experiments/quickstart/results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nirank.Experiment, "run", nirank.Experiment.plan)
    docs = {f"d{row}": f"document {row} speaks of subject {row % 7} and of nothing else" for row in range(40)}
    collection = nirank.Collection.of(docs, {"q": "subject 3"}, {"q": {"d3": 1}})
    names = {name: getattr(nirank, name) for name in nirank.__all__}
    names |= {"load": lambda *arguments, **options: collection, "collection": collection, "bm25": nirank.BM25()}
    for block in EXAMPLES:
        if block.page == page and block.language == "python" and not block.mark:
            exec(compile("\n" * block.line + block.text, str(page), "exec"), names)


def list_commands() -> list[tuple[str, str]]:
    """Return every line of a block, and every code within text, that begins with `nirank` and a command of it."""
    commands = []
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        commands += [(page.name, code) for code in re.findall(r"`(nirank(?: [^`\n]+))`", prose)]
    for block in BLOCKS:
        if block.mark != "not run":
            text = re.sub(r"\\\n\s*", " ", block.text)
            commands += [(block.name, line) for line in re.findall(r"^(?:.*&& )?(nirank [^\n]+)$", text, re.MULTILINE)]
    return commands


@pytest.mark.parametrize(("place", "line"), list_commands())
def test_commands_are_there_with_their_options(place: str, line: str) -> None:
    line = re.sub(r"[\[\]]", "", line) if "[--" in line else line
    words = shlex.split(re.split(r" [|>&#] ?| 2> ", line)[0])
    command: click.Command = cli
    context: click.Context | None = None
    arguments = words[1:]
    while isinstance(command, click.Group):
        parent = context
        context = command.make_context(words[0], [*arguments], parent=parent, resilient_parsing=True)
        if arguments in (["--help"], ["--version"]):
            return
        assert arguments and not arguments[0].startswith("-"), line
        found = command.get_command(context, arguments[0])
        assert found is not None, line
        command, arguments = found, arguments[1:]
    try:
        command.make_context(command.name, [word for word in arguments if word != "OPTIONS"], parent=context)
    except (click.MissingParameter, click.BadOptionUsage):
        assert ":" not in place, line  # within text, one option may be spoken of alone
    except click.exceptions.Exit:
        assert {"-h", "--help"} & set(arguments), line


def test_every_example_is_tested_or_says_why_not() -> None:
    ways = Counter("run whole" if block.page in START_PAGES else block.mark or "run or read" for block in EXAMPLES)
    assert {block.language for block in EXAMPLES} == set(LANGUAGES)
    assert ways["not run"] <= EXEMPT
    for block in EXAMPLES:
        if block.mark == "not run":
            assert len(block.note) > 20, block.name
        if block.mark == "tested by" and block.note:
            test = ROOT / block.note.removeprefix("executed by ").strip()
            assert test.is_file(), block.name
            assert block.page.name in test.read_text(encoding="utf-8"), block.name
