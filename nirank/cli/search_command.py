"""`nirank search`: one query for one system of a configuration, or for two."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from nirank.cli.groups import EPILOG
from nirank.errors import ConfigError, DataError

_MAX_FILE = 1 << 24  # bytes of a query


@click.command(epilog=EPILOG)
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("system")
@click.argument("query", required=False)
@click.option("--file", "path", type=click.Path(path_type=Path), help="The query: a text, or a .json record.")
@click.option("-k", "k", type=click.IntRange(1, 1000), default=10, help="Documents that are shown [10].")
@click.option("--with", "second", metavar="SYSTEM", help="Another system's list beside it.")
@click.option("--collection", metavar="NAME", help="On which collection, where the configuration has several.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change one value, as for nirank run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a query.")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the answer.")
@click.option("--debug", is_flag=True, help="Print everything, with tracebacks.")
def search(
    config: Path,
    system: str,
    query: str | None,
    path: Path | None,
    k: int,
    second: str | None,
    collection: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Ask a system of a configuration one query, and see what every stage did. With - each line of input is a query.

    What the query needs of the documents is found in the store, or computed as by nirank run.

    \b
    Example:
      nirank search experiments/quickstart/quickstart.yaml Hybrid "open a file for reading"
    """
    from nirank.cli.console import ConsoleReporter, set_up_logging

    set_up_logging(quiet=quiet, debug=debug)
    if (query is None) == (path is None):
        raise ConfigError("nirank search: give a query, - for queries line by line, or --file")
    from nirank.config.reader import load_config
    from nirank.searching.answer_table import format_answer, format_answers
    from nirank.searching.opening import open_searcher
    from nirank.store import open_store

    configuration = load_config(config, overrides)
    systems = list(dict.fromkeys([system] if second is None else [system, second]))
    searcher = open_searcher(
        configuration, open_store(configuration.store), ConsoleReporter(quiet=quiet), systems, collection
    )
    chosen = collection if len(searcher.collections) > 1 else None
    for number, asked in enumerate(_read_queries(query, path)):
        answers = [searcher.search(name, asked, k, collection=chosen) for name in systems]
        if as_json:
            click.echo(_to_json(answers))
            continue
        blank = "\n" if number else ""
        click.echo(blank + (format_answers(*answers) if len(answers) == 2 else format_answer(answers[0])))


def _read_queries(query: str | None, path: Path | None) -> Iterator[str | Mapping[str, Any]]:
    if path is not None:
        yield _read_file(path)
    elif query != "-":
        assert query is not None
        yield query
    else:
        for line in sys.stdin:
            if line.strip():
                yield line.strip()


def _read_file(path: Path) -> str | Mapping[str, Any]:
    """Return a file's text, or the record that a .json file holds."""
    if not path.is_file():
        raise ConfigError(f"--file: {path} is no file")
    if path.stat().st_size > _MAX_FILE:
        raise DataError(f"{path}: expected a query of at most {_MAX_FILE >> 20} MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix != ".json":
            return text
        record = json.loads(text)
    except (UnicodeDecodeError, ValueError) as error:
        expected = "a JSON record" if path.suffix == ".json" else "UTF-8 text"
        raise DataError(f"{path}: expected {expected} ({error})") from None
    if not isinstance(record, dict):
        raise DataError(f"{path}: expected a JSON record with a title or a text, got {type(record).__name__}")
    return record


def _to_json(answers: list[Any]) -> str:
    from dataclasses import asdict

    return json.dumps({"answers": [asdict(answer) for answer in answers]}, ensure_ascii=False)
