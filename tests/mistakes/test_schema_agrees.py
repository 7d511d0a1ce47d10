"""The schema for editors refuses nothing that the parser accepts, and what it can of what the parser refuses."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_fuzzed_configurations import COLLECTION, ROOT, change_tree, read_configurations

from nirank.config.mistakes import Mistakes
from nirank.config.reader import load_config
from nirank.config.schema import build_schema
from nirank.config.yaml_parser import parse_yaml, read_yaml_text
from nirank.errors import ConfigError

jsonschema = pytest.importorskip("jsonschema", reason="checks the schema where a validator is installed")

KEYS = {"collections", "systems", "measures", "models", "data"}
BASE = {"collections": "[c]", "measures": "[AP]", "systems": "{S: bm25}"}
FORMS = [
    ("systems", "{S: {bm25: }}"),
    ("systems", "{S: {bm25: {}}}"),
    ("systems", "{S: {bm25: 0.5}}"),
    ("systems", "{S: {bm25: {k1: '0.5', k: 1e2}}}"),
    ("systems", "{S: {bm25: {doc_text: 2020}}}"),
    ("systems", "{S: {bm25: {fields: {title: 2}}}}"),
    ("systems", "{S: {rrf: {of: [bm25, bm25]}}}"),
    ("systems", "{S: [bm25, {cut: '10'}]}"),
    ("systems", "{S: {union: [bm25, bm25]}}"),
    ("systems", "{2020: bm25, no: [2020, {cut: 3}]}"),
    ("systems", "{S: {within: {scope: {only: [d1, 2, null, no]}, of: bm25}}}"),
    ("systems", "{S: {within: {scope: {where: {match: {type: [a, 1]}}}, of: bm25}}}"),
    ("systems", "{S: {fold: {view: {windows: 50}, of: bm25, keep: sum, top: 3}}}"),
    ("systems", "{S: {dense: a/b}}"),
    ("systems", "{S: {tune: {of: bm25, over: {bm25.k1: [1, 2]}, on: {split: train}}}}"),
    ("measures", "AP"),
    ("collections", "[{path: c, measures: AP}]"),
    ("collections", "c"),
    ("collections", "{path: c}"),
    ("collections", "[2017, {docs: a.jsonl, queries: b.jsonl}]"),
    ("store", ""),
    ("store", "7"),
    ("device", ""),
    ("max_memory", "1.5e9"),
    ("max_memory", ""),
    ("models", ""),
    ("data", ""),
    ("seeds", "3"),
    ("seeds", "['1', 2e0]"),
    ("seeds", ""),
    ("folds", "'5'"),
    ("folds", "{k: 5}"),
    ("significance", "S"),
    ("significance", "{alpha: 1e-2, resamples: '1000'}"),
    ("data", "{d: {split: train}, e: d, f: {mix: [d, e]}}"),
]  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = build_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


def parse_accepted(place: Path, text: str) -> Any:
    """The configuration's plain values where the parser accepts it; None otherwise."""
    path = place / "c.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        return json.loads(json.dumps(load_config(path).resolved))
    except ConfigError:
        return None


@pytest.mark.parametrize(("key", "value"), FORMS)
def test_forms_that_the_parser_accepts(tmp_path: Path, validator: Any, key: str, value: str) -> None:
    values = parse_accepted(tmp_path, "".join(f"{name}: {text}\n" for name, text in (BASE | {key: value}).items()))
    assert values is not None
    validator.validate(values)


def test_configurations_of_the_project_and_what_is_left_of_them(tmp_path: Path, validator: Any) -> None:
    trees = read_configurations()
    n_accepted = 0
    for seed in range(600):
        chance = random.Random(seed)
        tree = copy.deepcopy(chance.choice(trees) if seed >= len(trees) else trees[seed])
        values = parse_accepted(
            tmp_path, yaml.safe_dump(tree if seed < len(trees) else change_tree(tree, chance), allow_unicode=True)
        )
        if values is not None:
            validator.validate(values)
            n_accepted += 1
    assert n_accepted > len(trees)


MEANT = ("true", "'Yes'", "'OFF'", "1", "'0'", "n")
NOT_MEANT = ("2", "a/b", "0.5", "' true'", "truthy", "-1")


@pytest.mark.parametrize("word", [*MEANT, *NOT_MEANT])
def test_words_for_yes_and_no_are_those_of_the_parser(tmp_path: Path, validator: Any, word: str) -> None:
    data = f"{{d: {{split: train, groups: query, negatives: {{labelled: {{n: 9, candidates: {word}}}}}}}}}"
    text = f"collections: [c]\nmeasures: [AP]\nsystems: {{S: bm25}}\ndata: {data}\n"
    assert (parse_accepted(tmp_path, text) is not None) == (word in MEANT)
    assert validator.is_valid(parse_yaml(text, "text", Mistakes("text", text)).plain) == (word in MEANT)


def test_the_project_s_configurations_are_valid_as_they_are_written(validator: Any) -> None:
    pages = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    texts = [path.read_text() for path in sorted((ROOT / "experiments").rglob("*.yaml"))]
    texts += [text for page in pages for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)]
    n_checked = 0
    for text in texts:
        tree = parse_yaml(text, "text", Mistakes("text", text)).plain
        if isinstance(tree, dict) and tree.keys() & KEYS and "overlap:" not in text:  # a stage of the reader's own
            validator.validate({"collections": ["c"], "measures": ["AP"], "systems": {"S": "bm25"}} | tree)
            n_checked += 1
    assert n_checked >= 15


# What a JSON schema can say of a mistake; it knows no names of systems, and no sentence of a data class.
STRUCTURAL = re.compile(
    r"has no key|have no key|has no option|has no '|is missing|input should be|expected text|expected a list"
    r"|expected a mapping|got a mapping|got a list|watch: needs|a trained model needs|expected names|expected a file"
)

BY_CLASS = re.compile(r"expect: input")  # the schema leaves these options to their classes


def test_the_schema_refuses_what_the_parser_refuses_for_its_structure(tmp_path: Path, validator: Any) -> None:
    trees = read_configurations()
    path = tmp_path / "c.yaml"
    n_refused = 0
    for seed in range(600):
        chance = random.Random(seed)
        tree = copy.deepcopy(chance.choice(trees))
        tree["collections"] = [copy.deepcopy(COLLECTION)]
        path.write_text(yaml.safe_dump(change_tree(tree, chance), allow_unicode=True), encoding="utf-8")
        try:
            load_config(path)
        except ConfigError as error:
            first_lines = [message.splitlines()[0] for message in error.messages]
            if any(STRUCTURAL.search(line) and not BY_CLASS.search(line) for line in first_lines):
                text = read_yaml_text(path)
                assert not validator.is_valid(parse_yaml(text, "text", Mistakes("text", text)).plain), error
                n_refused += 1
    assert n_refused > 100


@pytest.mark.parametrize(
    "configuration",
    [{"sytems": {}}, {"systems": []}, {"measures": 3}, {"systems": {"S": {"bm25": {"k9": 1}}}}, {"folds": {"seed": 1}}],
)
def test_the_schema_still_refuses_what_is_wrong(validator: Any, configuration: dict[str, Any]) -> None:
    right = {"collections": ["c"], "measures": ["AP"], "systems": {"S": "bm25"}}
    validator.validate(right)
    assert not validator.is_valid(right | configuration)
