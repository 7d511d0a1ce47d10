"""Pages of the reference that are made of what nirank knows of itself: stages, commands, measures."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

import click
from docstring_text import write_rst
from public_names import list_stage_names

from nirank.algebra.registry import load_stages

_KINDS = {
    "Retriever": "find documents for queries",
    "Scorer": "give new scores to the pairs of a list",
    "Combiner": "make one list of one list or several",
    "TextMap": "change texts, of queries or of documents",
    "ScopeStage": "say what each query may be given",
}


def write_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


def write_stages() -> str:
    """Return every stage as Markdown: a table, then a section each."""
    stages, names = load_stages(), list_stage_names()
    parts = []
    for kind, purpose in _KINDS.items():
        members = {name: stage for name, stage in stages.items() if _find_kind(stage) == kind}
        rows = [(f"[{name}](#{name})", (inspect.getdoc(stage) or "").split("\n")[0]) for name, stage in members.items()]
        parts.append(f"## {kind}: {purpose}\n\n{write_table(('stage', 'what it does'), rows)}")
        for name, stage in members.items():
            source = f"Source: {escape_markdown(stage.source)}. " if stage.source else ""
            shown = f"```{{eval-rst}}\n.. autoclass:: {names[name]}\n```"
            parts.append(f"### {name}\n\n{shown}\n\n{source}Version {stage.version}.")
    return "\n\n".join(parts)


def _find_kind(stage: Any) -> str:
    return next(base.__name__ for base in stage.__mro__ if base.__name__ in _KINDS)


def write_commands() -> str:
    """Return every command as Markdown, from the command line's own description of itself."""
    from nirank.cli.main import cli

    return "\n\n".join(_list_commands(cli, "nirank"))


def _list_commands(group: click.Group, path: str) -> Iterable[str]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.commands[name]
        yield _describe_command(command, f"{path} {name}")
        if isinstance(command, click.Group):
            yield from _list_commands(command, f"{path} {name}")


def _describe_command(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    what, example = _split_help(command.help or "")
    parts = [f"{'##' if path.count(' ') == 1 else '###'} {path}", what, f"```text\n{usage}\n```", example]
    rows = [record for option in command.params if (record := option.get_help_record(context))]
    parts.append(
        write_table(("option", "meaning"), [(f"`{name}`", escape_markdown(meaning)) for name, meaning in rows])
    )
    return "\n\n".join(part for part in parts if part)


def _split_help(help: str) -> tuple[str, str]:
    """Return what a command does, and its examples as a block of code."""
    texts, code = [], []
    for paragraph in inspect.cleandoc(help).split("\n\n"):
        if paragraph.startswith("\b"):
            code += [line.strip() for line in paragraph.splitlines()[1:] if line.startswith(" ")]
        else:
            texts.append(escape_markdown(" ".join(paragraph.split())))
    return "\n\n".join(texts), "```sh\n" + "\n".join(code) + "\n```" if code else ""


def escape_markdown(text: str) -> str:
    """Return text whose signs mean nothing in Markdown, but for code between backquotes."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if place % 2 else re.sub(r"([*_<>\[\]])", r"\\\1", part) for place, part in enumerate(parts))


def write_measures() -> str:
    """Return what the module of measures says of them, and what other tools call them."""
    from nirank.evaluation import equivalents, measures

    text = inspect.getdoc(measures) or ""
    described = io.StringIO("\n".join(write_rst(text)))
    names: dict[str, list[str]] = {}
    for other, ours in equivalents._SAME.items():
        names.setdefault(ours, []).append(other)
    rows = [(f"`{ours}`", ", ".join(f"`{name}`" for name in others)) for ours, others in sorted(names.items())]
    return "\n\n".join(
        [
            f"```{{eval-rst}}\n{described.read()}\n```",
            "## Names elsewhere",
            "Another tool's name is refused with the one to write instead, whatever way it writes cut-offs.",
            write_table(("nirank", "elsewhere"), rows),
        ]
    )
