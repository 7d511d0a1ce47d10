"""Tables of records in configurations, and what a run and an audit say of them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from nirank.cli.main import main
from nirank.config.reader import load_config
from nirank.config.schema import build_schema
from nirank.errors import ConfigError
from nirank.stages.rules import Rules

CONFIG = """
store: STORE
collections:
  - {name: shop, left: a.csv, right: b.csv, pairs: {train: train.csv, test: test.csv}, exclude: [class], ask: right, split: test}
  - {name: alone, records: a.csv, exclude: class}
systems: {TF-IDF: {tfidf: {k: 2}}}
measures: [R@1]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("id,name,class\n0,apple pie,1\n1,brown bread,2\n")
    (tmp_path / "b.csv").write_text("id,name,class\n0,bread,2\n1,apple,1\n")
    (tmp_path / "train.csv").write_text("ltable_id,rtable_id,label\n0,0,0\n")
    (tmp_path / "test.csv").write_text("ltable_id,rtable_id,label\n0,1,1\n1,0,1\n")
    path = tmp_path / "blocking.yaml"
    path.write_text(CONFIG.replace("STORE", str(tmp_path / "store")))
    return path


def test_a_configuration_names_tables(config: Path) -> None:
    shop, one_table = load_config(config).collections
    folder = config.parent
    assert shop["pairs"] == {key: str(folder / f"{key}.csv") for key in ("train", "test")}
    assert (shop["left"], shop["right"], shop["exclude"], shop["ask"]) == (
        str(folder / "a.csv"),
        str(folder / "b.csv"),
        ["class"],
        "right",
    )
    assert (one_table["records"], one_table["exclude"]) == (str(folder / "a.csv"), "class")
    jsonschema.validate(yaml.safe_load(config.read_text()), build_schema())


def test_a_run_says_its_unit_and_who_asks(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as end:
        main(["run", str(config), "--out", str(out)])
    assert end.value.code == 0
    rows = json.loads((out / "leaderboard.json").read_text())["rows"]
    by_name = {row["collection"]: row for row in rows}
    assert {row["unit"] for row in rows} == {"pair"}
    assert by_name["shop"]["conventions"]["collection"]["ask"] == "right"
    assert by_name["shop"]["conventions"]["collection"]["excluded"] == "class"
    assert by_name["shop"]["measures"]["R@1"] == 1.0
    assert by_name["alone"]["conventions"]["self_match"] == "id"


def test_an_audit_of_a_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["audit", str(config)])
    assert end.value.code == 0
    assert "records" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{left: a.csv}", "tables of records {left: …, right: …} or {records: …}"),
        ("{left: a.csv, right: b.csv, pairs: 3}", "pairs"),
        (
            "{left: a.csv, right: b.csv, pairs: {test: {a: test.csv}}}",
            "pairs: expected a file, a list of files, or a mapping of names",
        ),
        ("{left: a.csv, right: b.csv, exclude: {a: b}}", "exclude: expected names of columns"),
        ("{left: a.csv, right: b.csv, asks: left}", "a collection has no key 'asks'; did you mean 'ask'?"),
    ],
)
def test_mistakes_in_yaml(line: str, message: str, config: Path) -> None:
    config.write_text(f"collections: [{line}]\nsystems: {{S: tfidf}}\nmeasures: [R@1]\n")
    if "pairs: 3" in line:  # a name that looks like a number is a name: the file is missing
        assert load_config(config).collections[0]["pairs"] == "3"
        return
    with pytest.raises(ConfigError) as error:
        load_config(config)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        ({"equal": "phone"}, True),
        ({"any": [{"equal": "phone"}, {"not": {"near": {"column": "year", "within": 1}}}]}, True),
        ({"equl": "phone"}, False),
        ({"any": 3}, False),
        ("phone", False),
    ],
)
def test_the_schema_knows_the_rules_of_the_stage(rule: object, right: bool, tmp_path: Path) -> None:
    config = {"collections": ["c"], "measures": ["AP"], "systems": {"S": ["bm25", {"rules": {"rule": rule}}]}}
    assert jsonschema.Draft202012Validator(build_schema()).is_valid(config) is right
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    if right:
        assert load_config(tmp_path / "c.yaml").systems["S"].steps[-1] == Rules(rule)
    else:
        with pytest.raises(ConfigError, match="rule"):
            load_config(tmp_path / "c.yaml")
