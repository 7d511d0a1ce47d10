"""JSON as it comes: a line an object, one value pretty-printed over many lines, or several one after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from nirank.base.files import MAX_PARSED_BYTES, read_lines, read_text
from nirank.errors import DataError
from nirank.forms.cells import name_kind

_BLANK = re.compile(r"\s*")


def read_values(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line from 1, value) of a file of JSON values.

    Where the first line is a value by itself, every line is, and the file is streamed; else the file
    is read whole (up to 256 MiB), as one value or several one after the other. A byte order mark and blank lines
    are passed over. Raises DataError, file:line, for what is not JSON.
    """
    lines = ((number, line) for number, line in read_lines(path) if not line.isspace())
    first = next(lines, None)
    if first is None:
        return
    if begins_value(first[1]) and not _is_one_value(first[1]):
        second = next(lines, None)
        if second is not None and not (begins_value(second[1]) and _is_one_value(second[1])):
            lines.close()
            yield from _parse_file(path)
            return
    for number, line in chain((first,), lines):
        yield number, _parse_line(line, f"{path}:{number}")


def begins_value(line: str) -> bool:
    """Tell whether a line begins an object or an array."""
    return line.lstrip()[:1] in ("{", "[")


def _is_one_value(line: str) -> bool:
    """Tell whether a line is a JSON value by itself; one with a mistake in the middle, but closed, counts as one."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return line.rstrip()[-1:] in ("}", "]") and line.strip() not in ("{}", "[]") and len(line.strip()) > 1
    except (ValueError, RecursionError):
        return True
    return True


def _parse_line(line: str, where: str) -> Any:
    try:
        return json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not valid JSON ({error.msg} at column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not valid JSON ({error})") from None


def _parse_file(path: Path) -> Iterator[tuple[int, Any]]:
    text = read_text(path, MAX_PARSED_BYTES)
    decoder = json.JSONDecoder()
    at, line, seen = 0, 1, 0
    while True:
        blank = _BLANK.match(text, at)
        begin = blank.end() if blank else at
        if begin >= len(text):
            return
        line, seen = line + text.count("\n", seen, begin), begin
        try:
            value, at = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{error.lineno}: not valid JSON ({error.msg} at column {error.colno})") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{line}: not valid JSON ({error})") from None
        yield line, value


def name_json_kind(value: Any) -> str:
    """Return what a value is in JSON's words: 'object', 'list', 'number'."""
    return name_kind(value).rpartition(" ")[2]
