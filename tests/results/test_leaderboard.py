"""leaderboard.json: what it holds is a type, its schema is published, and files of version 1 are still read."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nirank.cli.main import cli
from nirank.errors import DataError
from nirank.report.plain import to_plain
from nirank.results.leaderboard import VERSION, read_leaderboard, results_schema
from nirank.results.row import Row

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(ROOT.glob("experiments/**/leaderboard.json"))
OF_VERSION_1 = {
    "of": "seed_of", "longest": "longest_list", "chosen": "choices", "unseen": "new_documents",
    "answerable": "answerable_means", "unreached": "unreached_queries", "against": "differences", "ledger": "stages",
    "pooled": "pooled_means", "by_zero_shot": "zero_shot_means",
}  # fmt: skip


def list_values(value: Any) -> list[Any]:
    """Return every number and text inside a JSON value, sorted; what is null or empty is left out."""
    if isinstance(value, dict):
        return sorted((leaf for item in value.values() for leaf in list_values(item)), key=repr)
    if isinstance(value, list):
        return sorted((leaf for item in value for leaf in list_values(item)), key=repr)
    return [] if value is None else [float(value) if isinstance(value, int) else value]


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_committed_results_are_read_value_by_value(path: Path) -> None:
    content = json.loads(path.read_text())
    leaderboard = read_leaderboard(path)
    assert len(leaderboard.rows) == len(content["rows"]) > 0
    for stored, row in zip(content["rows"], map(to_plain, leaderboard.rows), strict=True):
        for key, value in stored.items():
            if key != "fold" or content["version"] > 1:
                read_value = row[OF_VERSION_1.get(key, key) if content["version"] == 1 else key]
                read_numbers, stored_numbers = Counter(list_values(read_value)), Counter(list_values(value))
                assert not stored_numbers - read_numbers, key
                assert set(read_numbers - stored_numbers) <= {0.0}, (
                    "no query without a value, which older files do not say"
                )


@pytest.mark.parametrize("path", COMMITTED[:3] + COMMITTED[-3:], ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_what_is_read_can_be_written_and_follows_the_schema(path: Path, tmp_path: Path) -> None:
    import jsonschema

    leaderboard = read_leaderboard(path)
    content = json.loads(json.dumps(to_plain(leaderboard)))
    jsonschema.Draft202012Validator(results_schema()).validate(content)
    (tmp_path / "leaderboard.json").write_text(json.dumps(content))
    assert read_leaderboard(tmp_path / "leaderboard.json") == leaderboard


def test_the_published_schema_is_what_the_type_gives() -> None:
    published = json.loads((ROOT / "docs" / "leaderboard.schema.json").read_text())
    assert published == results_schema(), "nirank schema leaderboard > docs/leaderboard.schema.json"
    printed = CliRunner().invoke(cli, ["schema", "leaderboard"]).output
    assert json.loads(printed) == published


def test_what_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.json"
    row = to_plain(Row("c", "S", measures={"AP": 0.5}))
    for content, message in (
        ({"version": VERSION, "rows": [{**row, "novel": 1}], "comparisons": []}, "rows.0.novel: unexpected keyword"),
        ({"version": VERSION, "rows": [{**row, "queries": {"judgd": 1}}], "comparisons": []}, "rows.0.queries.judgd"),
        ({"version": VERSION, "rows": [{**row, "measures": {"AP": "high"}}], "comparisons": []}, "rows.0.measures.AP"),
        ({"version": VERSION + 1, "rows": []}, "version 3; expected 1 or 2"),
        ([], "no leaderboard"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match=message):
            read_leaderboard(path)
    path.write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        read_leaderboard(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_leaderboard(tmp_path / "none")


def test_what_json_cannot_say_is_null() -> None:
    assert to_plain(Row("c", "S", measures={"AP": math.nan}))["measures"] == {"AP": None}
