"""Mistakes in a configuration: each is the user's (exit code 2), told in a sentence that names place and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_result import run_nirank
from test_imports import write_folder

BASE = {"collections": "[tiny]", "measures": "[AP]", "systems": "{S: bm25}"}

SYSTEMS = [
    ("bm25", "expected a mapping of names to pipelines, got text"),
    ("[bm25]", "expected a mapping of names to pipelines, got a list"),
    ("", "expected a mapping of names to pipelines, got nothing"),
    ("{}", "expected a mapping of names to pipelines"),
    ("{S: }", "a pipeline is a name, a list, or a mapping with one stage"),
    ("{S: 3}", "a pipeline is a name"),
    ("{S: true}", "a pipeline is a name"),
    ("{S: bm52}", "did you mean 'bm25'?"),
    ("{S: BM25}", "there is no system or stage 'BM25'; did you mean 'bm25'?"),
    ("{S: ''}", "there is no system or stage ''"),
    ("{S: {bm25: {k1: -1}}}", "k1 must be 0 or more, got -1"),
    ("{S: {bm25: {b: 1.5}}}", "b must be from 0 to 1"),
    ("{S: {bm25: {k1: abc}}}", "input should be a valid number"),
    ("{S: {bm25: {k1: [1]}}}", "k1: input should be a valid number"),
    ("{S: {bm25: {k1: .inf}}}", "k1 must be a finite number"),
    ("{S: {bm25: {k_1: 1}}}", "did you mean 'k1'?"),
    ("{S: {bm25: {k: 0}}}", "k must be 1 or more, got 0"),
    ("{S: {bm25: {k: 1.5}}}", "k: input should be a valid integer"),
    ("{S: {bm25: {analyzer: enlish}}}", "did you mean 'english'?"),
    ("{S: {bm25: {doc_text: '{title'}}}", "{title"),
    ("{S: {bm25: {fields: {titel: 1}}}}", "titel"),
    ("{S: {bm25: {fields: 7}}}", "fields"),
    ("{S: {bm25: [k1, 0.9]}}", "k1: input should be a valid number"),
    ("{S: {bm25: {}, cut: 3}}", "a mapping with one stage"),
    ("{S: [bm25, {cut: 0}]}", "cut: k must be a whole number, 1 or more, got 0"),
    ("{S: [bm25, {cut: many}]}", "cut: k: input should be a valid integer"),
    ("{S: [bm25, {cut: }]}", "stage 'cut' needs 'k'"),
    ("{S: [{cut: 3}]}", "needs a list in front"),
    ("{S: [bm25, bm25, dense]}", "stage 'dense' needs 'model'"),
    ("{S: []}", "an empty list is no pipeline"),
    ("{S: [[]]}", "an empty list is no pipeline"),
    ("{S: [S]}", "refer to each other in a circle"),
    ("{A: [B], B: [C], C: [A]}", "A -> B -> C -> A"),
    ("{A: bm25, A: bm25}", "key 'A' is given twice"),
    ("{bm25: bm25}", "has the name of a stage"),
    ("{fold: bm25}", "has the name of a stage"),
    ("{'': bm25}", "a name must have at least one visible character"),
    ("{'  ': bm25}", "a name must have at least one visible character"),
    ("{? [a] : bm25}", "a key must be text"),
    ("{S: rrf}", "combines 2 lists or more"),
    ("{S: {rrf: []}}", "combines 2 lists or more"),
    ("{S: {rrf: bm25}}", "rrf"),
    ("{S: {rrf: [bm25, {cut: 3}]}}", "needs a list in front"),
    ("{S: {rrf: {of: [bm25, bm26]}}}", "did you mean 'bm25'?"),
    ("{S: {weighted_sum: {of: [bm25, bm25], weights: [1]}}}", "weights"),
    ("{S: {weighted_sum: {of: [bm25, bm25], weights: 1}}}", "weighted_sum: weights: input should be a list, got 1"),
    ("{S: {within: bm25}}", "within: expected {scope: …, of: …}, got text"),
    ("{S: {within: {of: bm25}}}", "within: 'scope' is missing"),
    ("{S: {within: {scope: only, of: bm25}}}", "only: expected either docs or path, got neither"),
    ("{S: {within: {scope: {only: {path: nowhere.txt}}, of: bm25}}}", "there is no such file"),
    ("{S: {within: {scope: {where: {}}, of: bm25}}}", "where"),
    ("{S: {within: {scope: {where: {match: {year: {minimum: 3}}}}, of: bm25}}}", "did you mean 'min'?"),
    ("{S: {rewrite: {by: bm25, of: bm25}}}", "rewrite: expected a map of queries"),
    ("{S: {rewrite: {of: bm25, by: {first_words: 0}}}}", "first_words"),
    ("{S: {fold: {view: {windows: 5}, of: bm25, keep: most}}}", "fold: keep: input should be 'max', 'first', 'mean', 'sum', 'weighted_mean' or 'rrf', got 'most'"),
    ("{S: {fold: {view: {windows: 5}, of: bm25, top: 0, keep: sum}}}", "top must be a whole number"),
    ("{S: {fold: {view: {windows: 5}, of: bm25, side: left}}}", "fold: side: input should be 'docs' or 'queries', got 'left'"),
    ("{S: {fold: {view: {windows: -5}, of: bm25}}}", "windows"),
    ("{S: {dense: 'pkg:nothing_here/model'}}", "nothing_here is not installed"),
    ("{S: {dense: ~nobody_at_all/model}}", "there is no such user"),
    ("{S: {dense: {model: a/b, revision: [x]}}}", "revision: input should be a valid string"),
    ("{S: {run: nowhere.run}}", "there is no such file"),
    ("{S: {run: ''}}", "run"),
    ("{S: {run: '{colection}.run'}}", "did you mean 'collection'?"),
    ("{S: {run: LONG}}", "cannot be used"),
    ("{S: {tune: {of: bm25}}}", "tune: needs 'on'"),
    ("{S: {tune: {of: bm25, on: train}}}", "on: expected {split: train}, got text"),
]  # fmt: skip

VALUE_MISTAKES = [
    ("measures", "[nDGC@10]", "did you mean 'nDCG'?"),
    ("measures", "[P]", "needs a cut-off, such as P@10"),
    ("measures", "[nDCG@0]", "the cut-off must be 1 or more"),
    ("measures", "[nDCG@]", "is no measure"),
    ("measures", "[[AP]]", "a measure is text such as nDCG@10, got a list"),
    ("measures", "[AP, '']", "measure"),
    ("measures", "{AP: 10}", "measure"),
    ("measures", "", "expected a list with at least one entry, got nothing"),
    ("measures", "[]", "expected a list with at least one entry"),
    ("collections", "[]", "expected a list with at least one entry"),
    ("collections", "7", "neither a folder nor an ir_datasets id"),
    ("collections", "[nowhere]", "neither a folder nor an ir_datasets id"),
    ("collections", "[tinny]", "did you mean"),
    ("collections", "[./nowhere]", "neither a folder nor"),
    ("collections", "[~nobody_at_all/x]", "there is no such user"),
    ("collections", "[LONG]", "cannot be used"),
    ("collections", "['a\\0b']", "neither a folder nor"),
    ("collections", '["a\\0b"]', "is no path"),
    ("collections", "[[tiny]]", "a collection is a folder"),
    ("collections", "[{split: test}]", "without path"),
    ("collections", "[{path: tiny, split: dev}]", "there is no split 'dev'; it has test"),
    ("collections", "[{path: tiny, spilt: test}]", "did you mean 'split'?"),
    ("collections", "[{path: [tiny]}]", "path: expected text, got a list"),
    ("collections", "[{path: ''}]", "path: expected text, got empty text"),
    ("collections", "[{path: }]", "path: expected text, got nothing"),
    ("collections", "[{path: tiny, qrels: {a: }}]", "a"),
    ("collections", "[{path: tiny, qrels: {a: 3}}]", "3"),
    ("collections", "[{path: tiny, qrels: {a: {pth: x}}}]", "did you mean 'path'?"),
    ("collections", "[{path: tiny, qrels: {a: {path: nowhere.tsv}}}]", "nowhere.tsv"),
    ("collections", "[{path: tiny, qrels: [a]}]", "a file, or a mapping of names to files, got a list"),
    ("collections", "[{path: tiny, min_rel: 0}]", "min_rel must be an integer from 1"),
    ("collections", "[{path: tiny, min_rel: yes}]", "min_rel: expected a number, got true or false"),
    ("collections", "[{path: tiny, max_dangling: 2}]", "max_dangling must be from 0 to 1"),
    ("collections", "[{path: tiny, ranges: 0}]", "ranges must be how many documents a range has, an integer from 1"),
    ("collections", "[{path: tiny, ranges: many}]", "ranges: expected a number, got text ('many')"),
    ("collections", "[{path: tiny, self_match: title}]", "self_match must be 'keep', 'id'"),
    ("collections", "[{path: tiny, self_match: {kye: x}}]", "self_match must be 'keep', 'id'"),
    ("collections", "[{path: tiny, time: before}]", "time must be 'all' or 'as_of_query'"),
    ("collections", "[{path: tiny, time: as_of_query}]", "needs dates"),
    ("collections", "[{path: tiny, expect: {docs: 4}}]", "expected 4 docs, found 3"),
    ("collections", "[{path: tiny, expect: {doks: 3}}]", "did you mean 'docs'?"),
    ("collections", "[{path: tiny, expect: 3}]", "expect: expected a mapping of counts or digests"),
    ("collections", "[{path: tiny, candidates: nowhere.tsv}]", "nowhere.tsv"),
    ("collections", "[{path: tiny, known: nowhere.tsv}]", "nowhere.tsv"),
    ("collections", "[{path: tiny, measures: [AQ]}]", "there is no measure 'AQ'"),
    ("collections", "[{docs: nowhere.jsonl, queries: tiny/queries.jsonl}]", "there is no such file"),
    ("collections", "[tiny, tiny]", "two collections are called 'tiny'"),
    ("significance", "T", "there is no system 'T'"),
    ("significance", "[S]", "expected {baseline: …"),
    ("significance", "{alpha: 2}", "alpha must lie between 0 and 1"),
    ("significance", "{alpha: wide}", "alpha"),
    ("significance", "{resamples: 3}", "100 or more"),
    ("significance", "{correction: holms}", "did you mean 'holm'?"),
    ("max_memory", "much", "max_memory"),
    ("max_memory", "[4GB]", "max_memory"),
    ("max_memory", "-4GB", "max_memory"),
    ("device", "[cpu]", "device: expected text, got a list"),
    ("device", "gpu9", "gpu9"),
    ("store", "[x]", "store: expected text, got a list"),
    ("store", "~nobody_at_all/store", "there is no such user"),
    ("store", "a_file", "a_file"),
    ("store", "a_file/below", "a_file"),
    ("seeds", "some", "seeds: expected a list of whole numbers"),
    ("seeds", "[1, 1]", "some are given twice"),
    ("folds", "one", "folds"),
    ("models", "[a]", "models: expected a mapping of names, got a list"),
    ("models", "{m: 3}", "a model: expected {base: …"),
    ("models", "{m: {base: a/b}}", "a trained model needs 'data'"),
    ("data", "{d: }", "data: expected"),
    ("data", "{d: {file: [a]}}", "file: expected a path, got a list"),
    ("data", "{d: {split: train, negativs: bm25}}", "did you mean 'negatives'?"),
    ("data", "{d: {mix: d}}", "mix: expected a list of data, got text"),
    ("sytems", "{S: bm25}", "did you mean 'systems'?"),
    ("mesures", "[AP]", "did you mean 'measures'?"),
    ("'🦑'", "1", "has no key '🦑'"),
    ("systems ", "{A: bm25}", "key 'systems' is given twice"),
]  # fmt: skip

FILE_MISTAKES = [
    ("", "got nothing"),
    ("# nothing but a comment\n", "got nothing"),
    ("- tiny\n", "got a list"),
    ("collections\n", "got text"),
    ("collections: [tiny\n", "not valid YAML"),
    ("systems:\n\tS: bm25\n", "not valid YAML"),
    ("a: b: c\n", "not valid YAML"),
    ("%YAML 9\n", "not valid YAML"),
    ("a: *b\n", "not valid YAML"),
    ("a: &a [*a]\n", "contains itself"),
    ("a: 1\n---\nb: 2\n", "not valid YAML"),
    ("measures: [AP]\n", "has no 'systems'"),
    ("a: !!python/object:os.system x\n", "tag"),
    ("a: \x07\n", "not valid YAML"),
    ("a: ${NOT_SET_ANYWHERE}\n", "no variable NOT_SET_ANYWHERE"),
    ("collections: " + "[" * 2000, "n"),
    ('{"collections": ["tiny"], "measures": ["AP"]}', "has no 'systems'"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder_of_files = tmp_path_factory.mktemp("yaml")
    write_folder(folder_of_files / "tiny")
    (folder_of_files / "a_file").write_text("x")
    return folder_of_files


def assert_refused(place: Path, text: str, words: str) -> None:
    (place / "c.yaml").write_text(text.replace("LONG", "x" * 5000), encoding="utf-8")
    run_nirank("run", "c.yaml", "--check", cwd=place).assert_mistake(words)


@pytest.mark.parametrize(("systems", "words"), SYSTEMS)
def test_mistakes_in_systems(place: Path, systems: str, words: str) -> None:
    assert_refused(place, "".join(f"{key}: {value}\n" for key, value in {**BASE, "systems": systems}.items()), words)


@pytest.mark.parametrize(("key", "value", "words"), VALUE_MISTAKES)
def test_mistakes_elsewhere(place: Path, key: str, value: str, words: str) -> None:
    assert_refused(place, "".join(f"{name}: {text}\n" for name, text in {**BASE, key: value}.items()), words)


@pytest.mark.parametrize(("text", "words"), FILE_MISTAKES)
def test_files_that_are_no_configuration(place: Path, text: str, words: str) -> None:
    assert_refused(place, text, words)


def test_there_are_enough_of_them() -> None:
    assert len(SYSTEMS) + len(VALUE_MISTAKES) + len(FILE_MISTAKES) >= 60


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_is_no_mistake(place: Path, encoding: str) -> None:
    (place / "bom.yaml").write_text("".join(f"{key}: {value}\n" for key, value in BASE.items()), encoding=encoding)
    assert run_nirank("run", "bom.yaml", "--check", cwd=place).code == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_another_encoding_is_named(place: Path, encoding: str) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in BASE.items())
    (place / "c.yaml").write_text(text, encoding=encoding)
    run_nirank("run", "c.yaml", cwd=place).assert_mistake("c.yaml", "UTF-8")


def test_a_latin_1_configuration_is_named_with_its_byte(place: Path) -> None:
    (place / "c.yaml").write_bytes("collections: [é]\n".encode("latin-1"))
    run_nirank("run", "c.yaml", cwd=place).assert_mistake("not valid UTF-8 (byte 14)")
