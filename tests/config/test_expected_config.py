"""The section `expected`: the scores that a configuration is known for."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from command_result import run_nirank
from test_imports import write_folder

from nirank.config.mistakes import Mistakes
from nirank.config.reader import Config, load_config
from nirank.config.schema import build_schema
from nirank.config.yaml_parser import parse_yaml
from nirank.errors import ConfigError

HEAD = "collections: [tiny]\nsystems:\n  BM25: bm25\n  Cut: [BM25, {cut: 1}]\nmeasures: [nDCG@10, RR]\n"
SECTION = """\
expected:
  tolerance: {RR: 0.01}
  tolerances: {Cut: 0.002, BM25: {nDCG@10: 0.1}}
  scores:
    tiny/test:
      BM25: {nDCG@10: 1, RR: '0.5'}
      Cut: {RR: 1.0}
"""


def read(folder: Path, section: str, overrides: tuple[str, ...] = ()) -> Config:
    if not (folder / "tiny").exists():
        write_folder(folder / "tiny")
    (folder / "config.yaml").write_text(HEAD + section)
    return load_config(folder / "config.yaml", overrides)


def test_scores_and_tolerances_are_read_and_the_schema_knows_them(tmp_path: Path) -> None:
    expected = read(tmp_path, SECTION).expected
    assert expected is not None
    assert list(expected.list_scores()) == [
        ("tiny/test", "BM25", "nDCG@10", 1.0),
        ("tiny/test", "BM25", "RR", 0.5),
        ("tiny/test", "Cut", "RR", 1.0),
    ]
    tolerances = [expected.get_tolerance(*key) for key in (("BM25", "nDCG@10"), ("BM25", "RR"), ("Cut", "RR"))]
    assert tolerances == [0.1, 0.01, 0.002]
    assert expected.get_tolerance("Other", "nDCG@10") == 0.0005
    plain = parse_yaml(HEAD + SECTION, "c", Mistakes("c", "")).plain
    jsonschema.validate(plain, build_schema())
    plain["expected"]["scors"] = {}
    assert not jsonschema.Draft202012Validator(build_schema()).is_valid(plain)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("expected: {}", "config.yaml:6:11: 'scores' is missing"),
        ("expected: 0.5", "config.yaml:6:11: expected: expected {scores: {scifact/test: {BM25: {nDCG@10: 0.679}}}}, got a number"),
        ("expected: {scores: {}}", "expected: scores: expected {collection: {system: {measure: value}}}, got none"),
        ("expected: {scors: {tiny/test: {BM25: {RR: 1}}}}", "config.yaml:6:12: expected scores have no key 'scors'; did you mean 'scores'?"),
        ("expected:\n  scores: {tiny/test: {BM25: {RR: high}}}", "config.yaml:7:35: expected: scores: input should be a valid number"),
        ("expected:\n  scores: {tiny/test: {BM25: {RR: .nan}}}", "expected: scores: a value is a finite number"),
        ("expected: {tolerance: -1, scores: {tiny/test: {BM25: {RR: 1}}}}", "expected: a tolerance is 0 or more, got -1"),
        ("expected:\n  scores:\n    tiny/test:\n      BM52: {RR: 1}", "config.yaml:9:7: expected: there is no system 'BM52'; did you mean 'BM25'?"),
        ("expected:\n  tolerances: {BM: 1}\n  scores: {tiny/test: {BM25: {RR: 1}}}", "config.yaml:7:16: expected: there is no system 'BM'; did you mean 'BM25'?"),
    ],
)  # fmt: skip
def test_mistakes_are_shown_at_their_places(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, section)
    assert message in str(error.value)


def test_check_finds_collections_and_measures_that_there_are_not(tmp_path: Path) -> None:
    read(tmp_path, "expected:\n  scores:\n    tiny/tset: {BM25: {RR: 1}}\n    tiny/test: {BM25: {RR: 1, nDCG@5: 1}}\n")
    result = run_nirank("run", "config.yaml", "--check", cwd=tmp_path)
    result.assert_mistake(
        "config.yaml:8:5: expected: there is no collection 'tiny/tset'; did you mean 'tiny/test'?",
        "config.yaml:9:31: expected: tiny/test has no measure 'nDCG@5'; did you mean 'nDCG@10'?",
    )


def test_what_is_changed_has_no_expected_scores(tmp_path: Path) -> None:
    """Not even names are looked at: other systems and collections are another experiment."""
    config = read(tmp_path, SECTION, ("systems.Cut.1.cut=2",))
    assert config.expected is None
    assert "expected" not in config.resolved


def test_expected_scores_are_no_part_of_what_is_computed(tmp_path: Path) -> None:
    read(tmp_path, "")
    assert run_nirank("run", "config.yaml", "--quiet", cwd=tmp_path).code == 0
    read(tmp_path, SECTION)
    assert "3 stored, 0 to compute" in run_nirank("run", "config.yaml", "--explain", cwd=tmp_path).out
