"""Write the scores of a run into a configuration; all else in the file stays as it is, byte for byte."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nirank.config.reader import load_config
from nirank.config.yaml_parser import read_yaml_text
from nirank.errors import ConfigError

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]

_PLAIN_KEY = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_@%+./() =-]*[A-Za-z0-9_%)])?$")
_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")  # that YAML does not take for text


def write_scores(path: Path, scores: Scores) -> None:
    """Replace `scores` in a configuration's section `expected`; without such a section, one is added at the end.

    Raises ConfigError, and leaves the file as it is, where lines cannot be put into it (a mapping in braces).
    """
    read_yaml_text(path)  # which says what is wrong with a file
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    line_end = "\r\n" if "\r\n" in text else "\n"
    text = _replace_scores(text, str(path), scores, line_end)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        written.chmod(path.stat().st_mode & 0o7777)
        _compare(written, scores, path)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def format_scores(scores: Scores, indent: str = "  ", line_end: str = "\n") -> str:
    """Return `scores:` as lines of YAML."""
    lines = [f"{indent}scores:"]
    for collection, systems in scores.items():
        lines.append(f"{indent * 2}{_quote_key(collection)}:")
        for system, values in systems.items():
            pairs = ", ".join(f"{_quote_key(measure)}: {format_score(value)}" for measure, value in values.items())
            lines.append(f"{indent * 3}{_quote_key(system)}: {{{pairs}}}")
    return "".join(line + line_end for line in lines)


def format_score(value: float) -> str:
    """Return a value as it is written: with four decimals, of values from 10 on without zeros at the end."""
    text = f"{value:.4f}"
    return text if abs(value) < 10 else text.rstrip("0").rstrip(".")


def _quote_key(text: str) -> str:
    """Return a name as a key; `$` would begin a variable of the environment."""
    if _PLAIN_KEY.match(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f").replace("$", "$$")


def _replace_scores(text: str, name: str, scores: Scores, line_end: str) -> str:
    """Return a file's text with other scores."""
    import yaml

    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    if root.flow_style:
        raise ConfigError(
            f"{name}: is one mapping in braces, into which no lines can be written; expected keys in lines"
        )
    lines = text.splitlines(keepends=True)
    section = _find_value(root, "expected")
    if section is None:
        start = text if text.endswith(("\n", "\r")) else text + line_end
        return start + f"expected:{line_end}" + format_scores(scores, line_end=line_end)
    if section.flow_style:
        raise ConfigError(f"{name}:{section.start_mark.line + 1}: 'expected' is in braces; expected its keys in lines")
    indent = " " * section.start_mark.column
    values = _find_value(section, "scores")
    if values is None:
        first = section.start_mark.line
        return "".join([*lines[:first], format_scores(scores, indent, line_end), *lines[first:]])
    first = next(key.start_mark.line for key, _ in section.value if key.value == "scores")
    return "".join([*lines[:first], format_scores(scores, indent, line_end), *lines[_find_last_line(values) + 1 :]])


def _find_value(mapping: Any, key: str) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _find_last_line(node: Any) -> int:
    """Return the line on which a value ends; a mapping in lines ends, to the parser, behind the comments below it."""
    import yaml

    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return int(node.end_mark.line)
    last = node.value[-1]
    return _find_last_line(last[-1] if isinstance(last, tuple) else last)


def _compare(written: Path, scores: Scores, path: Path) -> None:
    """Raise ConfigError unless a file that was written says the scores."""
    expected = load_config(written).expected
    wanted = [
        (collection, system, measure, float(format_score(value)))
        for collection, systems in scores.items()
        for system, values in systems.items()
        for measure, value in values.items()
    ]
    if expected is None or list(expected.list_scores()) != wanted:
        raise ConfigError(f"{path}: its section 'expected' cannot be replaced; expected keys and values in lines")
