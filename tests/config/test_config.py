"""Configurations: the same algebra as in Python, and every mistake told with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nirank import (
    BM25,
    RRF,
    Cut,
    Dense,
    FirstWords,
    FoldVersions,
    InForce,
    Only,
    Parts,
    Versions,
    Windows,
    fold,
    rewrite,
    rrf,
    weighted_sum,
    within,
)
from nirank.algebra.pipeline import Pipeline
from nirank.config.reader import load_config
from nirank.config.schema import build_schema
from nirank.errors import ConfigError

HEAD = "collections: [python-stdlib]\nmeasures: [nDCG@10]\nsystems:\n"


def parse(tmp_path: Path, systems: str, *overrides: str) -> dict[str, Pipeline]:
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + "".join(f"  {line}\n" for line in systems.splitlines()))
    return dict(load_config(path, overrides).systems)


def read_mistakes(tmp_path: Path, text: str, *overrides: str) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_config(path, overrides)
    return str(error.value).replace(str(tmp_path) + "/", "")


@pytest.mark.parametrize(
    ("yaml", "pipeline"),
    [
        ("S: bm25", BM25()),
        ("S: {bm25: {k1: 1.2, fields: {title: 2, text: 1}}}", BM25(k1=1.2, fields={"title": 2.0, "text": 1.0})),
        ("S: [bm25, {cut: 100}]", BM25() % 100),
        ("S: [bm25, {cut: {k: 100}}]", BM25() >> Cut(100)),
        ("S: {rrf: [bm25, {bm25: {k1: 2}}]}", rrf(BM25(), BM25(k1=2))),
        ("S: {rrf: {of: [bm25, [bm25, {cut: 50}]], k: 10}}", RRF(10).of(BM25(), BM25() % 50)),
        ("S: {weighted_sum: {of: [bm25, {bm25: {b: 1}}], weights: [0.3, 0.7]}}", 0.3 * BM25() + 0.7 * BM25(b=1)),
        ("S: {within: {scope: {only: {docs: [a]}}, of: bm25}}", within(Only(("a",)), BM25())),
        ("S: {within: {scope: in_force, of: bm25}}", within(InForce(), BM25())),
        ("S: {within: {scope: {in_force: {start: commencement, undated: drop}}, of: bm25}}",
         within(InForce("commencement", undated="drop"), BM25())),
        ("S: {within: {scope: {versions: {take: latest, work: act}}, of: bm25}}",
         within(Versions("latest", work="act"), BM25())),
        ("S: [bm25, fold_versions]", BM25() >> FoldVersions()),
        ("S: {fold: {view: parts, of: bm25}}", fold(Parts(), BM25())),
        ("S: {within: {scope: [bm25, {cut: 5}], of: bm25}}", within(BM25() % 5, BM25())),
        ("S: {rewrite: {by: {first_words: 20}, of: bm25}}", rewrite(FirstWords(20), BM25())),
        ("S: {fold: {view: {windows: {words: 50, overlap: 5}}, of: bm25, keep: mean}}",
         fold(Windows(50, overlap=5), BM25(), keep="mean")),
        ("S: {fold: {view: {windows: 50}, of: bm25, keep: sum, top: 3, side: queries}}",
         fold(Windows(50), BM25(), keep="sum", top=3, side="queries")),
        ("S: [bm25, {dense: some/model}]", BM25() >> Dense("some/model")),
        ("S: [A, {cut: 3}]\nA: [B, {cut: 9}]\nB: bm25", BM25() % 9 % 3),
    ],
)  # fmt: skip
def test_yaml_is_the_same_algebra(tmp_path: Path, yaml: str, pipeline: Pipeline) -> None:
    assert parse(tmp_path, yaml)["S"] == pipeline


def test_a_collection_whose_judgements_name_laws(tmp_path: Path) -> None:
    for works in ("work", "{key: work, take: latest}"):
        path = tmp_path / "config.yaml"
        path.write_text(f"collections: [{{path: x, works: {works}}}]\nmeasures: [RR]\nsystems: {{S: bm25}}\n")
        (arguments,) = load_config(path).collections
        assert arguments["works"] == ("work" if works == "work" else {"key": "work", "take": "latest"})


def test_names_vanish_when_parsed(tmp_path: Path) -> None:
    systems = parse(
        tmp_path, "BM25: bm25\nDense: {dense: some/model}\nHybrid: {rrf: [BM25, Dense]}\nCut: [Hybrid, {cut: 7}]"
    )
    assert systems["Cut"] == rrf(BM25(), Dense("some/model")) % 7
    assert systems["Hybrid"] != weighted_sum(BM25(), Dense("some/model"))


TEN = {
    "a misspelt stage": ("  S: bm52", "config.yaml:4:6: there is no system or stage 'bm52'; did you mean 'bm25'?"),
    "a misspelt option": (
        "  S: {bm25: {k_1: 0.9}}",
        "config.yaml:4:14: stage 'bm25' has no option 'k_1'; did you mean 'k1'?",
    ),
    "a value of the wrong type": (
        "  S: {bm25: {k1: high}}",
        "config.yaml:4:18: bm25: k1: input should be a valid number",
    ),
    "a value out of range": ("  S: {bm25: {b: 7}}", "config.yaml:4:7: bm25: b must be from 0 to 1, got 7.0"),
    "a missing option": ("  S: dense", "config.yaml:4:6: stage 'dense' needs 'model'"),
    "a circle": ("  S: [T]\n  T: [S]", "config.yaml:4:3: systems refer to each other in a circle: S -> T -> S"),
    "a list too few": ("  S: {rrf: [bm25]}", "config.yaml:4:7: RRF(): expected 2 lists or more, got 1"),
    "a scorer first": ("  S: {cut: 10}", "config.yaml:4:6: system 'S': Cut(10) needs a list in front"),
    "a stage's name": ("  bm25: bm25", "config.yaml:4:3: system 'bm25' has the name of a stage; give it another"),
    "two keys": (
        "  S: {bm25: {}, rrf: []}",
        "config.yaml:4:6: a pipeline is a name, a list, or a mapping with one stage",
    ),
    "not a number": ("  S: {bm25: {k1: .nan}}", "config.yaml:4:7: bm25: k1 must be a finite number"),
    "given twice": ("  S: bm25\n  S: bm25", "config.yaml:5:3: key 'S' is given twice"),
    "an empty list": ("  S: []", "config.yaml:4:6: an empty list is no pipeline"),
    "a missing part": ("  S: {within: {of: bm25}}", "config.yaml:4:15: within: 'scope' is missing"),
}


@pytest.mark.parametrize("name", TEN)
def test_wrong_systems_say_where_what_and_the_nearest(tmp_path: Path, name: str) -> None:
    lines, first = TEN[name]
    assert first in read_mistakes(tmp_path, HEAD + lines + "\n")


def test_a_mistake_is_shown_with_its_excerpt_and_the_options(tmp_path: Path) -> None:
    text = read_mistakes(tmp_path, HEAD + "  S:\n    bm25:\n      k_1: 0.9\n")
    assert text == "\n".join(
        [
            "config.yaml:6:7: stage 'bm25' has no option 'k_1'; did you mean 'k1'?",
            "",
            "     5 |     bm25:",
            "     6 |       k_1: 0.9",
            "       |       ^^^",
            "options of bm25: k1, b, fields, doc_text, query_text, analyzer, k3, k     (more: nirank stages bm25)",
        ]
    )


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = read_mistakes(tmp_path, "colections: [x]\nmeasures: [nDGC@10]\nsystems:\n  A: bm52\n  B: {bm25: {k9: 1}}\n")
    for word in (
        "has no key 'colections'; did you mean 'collections'",
        "has no 'collections'",
        "nDGC@10",
        "bm52",
        "k9",
    ):
        assert word in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected a mapping with collections, systems and measures, got nothing"),
        ("- a\n", "expected a mapping"),
        ("a: [1\n", "not valid YAML"),
        ("a:\n\tb: 1\n", "not valid YAML"),
        ("collections: [{split: test}]\nsystems: {S: bm25}\nmeasures: [AP]\n", "without path"),
        ("collections: [{path: x, splt: y}]\nsystems: {S: bm25}\nmeasures: [AP]\n", "did you mean 'split'"),
        ("collections: []\nsystems: {S: bm25}\nmeasures: [AP]\n", "at least one entry"),
        ("collections: [x]\nsystems: bm25\nmeasures: [AP]\n", "expected a mapping of names to pipelines, got text"),
        ("collections: [x]\nsystems: {S: bm25}\nmeasures: [3]\n", "a measure is text such as nDCG@10"),
        ("collections: [x]\nsystems: {S: bm25}\nmeasures: [AP]\nstore: [a]\n", "store: expected text"),
        ("a: &a [*a]\ncollections: [x]\nsystems: {S: bm25}\nmeasures: [AP]\n", "contains itself"),
        ("collections: ${NOT_SET_ANYWHERE}\nsystems: {S: bm25}\nmeasures: [AP]\n", "no variable NOT_SET_ANYWHERE"),
        ("[" * 3000, "n"),
    ],
)
def test_hostile_files_are_one_sentence_each(tmp_path: Path, text: str, words: str) -> None:
    assert words in read_mistakes(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "missing.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "bytes.yaml")


def test_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL", "some/model")
    assert parse(tmp_path, "S: {dense: {model: ${MODEL}}}")["S"] == Dense("some/model")
    assert parse(tmp_path, "on ${MODEL}: bm25") == {"on some/model": BM25()}
    assert parse(tmp_path, "S: [bm25, {dense: ${MODEL}-${MODEL}}]")["S"] == BM25() >> Dense("some/model-some/model")
    assert parse(tmp_path, "S: {dense: {model: '${MODEL}', query_prompt: 'costs $$5 '}}")["S"] == Dense(
        "some/model", query_prompt="costs $5 "
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("systems.S.bm25.k1=1.2", BM25(k1=1.2)),
        ("systems.S.bm25={k1: 2, b: 0}", BM25(k1=2, b=0)),
        ("systems.S=[bm25, {cut: 3}]", BM25() % 3),
    ],
)
@pytest.mark.parametrize("before", ["S: bm25", "S: {bm25: {k1: 0.5}}"])
def test_set_changes_one_value(tmp_path: Path, before: str, override: str, expected: Pipeline) -> None:
    assert parse(tmp_path, before, override)["S"] == expected


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("systems.T.bm25.k1=1", "there is no key 'T'"),
        ("systems", "expected key=value"),
        ("systems.S.bm25.k1=[", "not valid YAML"),
        ("systems.S.bm25.k1=x", "valid number"),
    ],
)
def test_set_says_what_is_wrong(tmp_path: Path, override: str, words: str) -> None:
    assert words in read_mistakes(tmp_path, HEAD + "  S: {bm25: {k1: 1}}\n", override)


def test_paths_are_relative_to_the_file_or_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("configs/beside", "work/here"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    path = tmp_path / "configs" / "config.yaml"
    path.write_text("collections: [beside, here, vaswani, beside/test]\nsystems: {S: bm25}\nmeasures: [AP]\n")
    sources = [source["source"] for source in load_config(path).collections]
    assert [Path(source).resolve() for source in sources[:2]] == [
        tmp_path / "configs" / "beside",
        tmp_path / "work" / "here",
    ]
    assert sources[2] == "vaswani"
    assert sources[3].endswith("beside/test")


def test_the_schema_accepts_what_the_parser_accepts() -> None:
    schema = build_schema()
    assert set(schema["required"]) == {"collections", "systems", "measures"}
    (mapping,) = [form for form in schema["$defs"]["pipeline"]["anyOf"] if "properties" in form]
    forms = mapping["properties"]
    assert {"bm25", "dense", "rrf", "cut", "run", "within", "fold", "rewrite"} <= set(forms)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("{alpha: yes}", "significance: alpha: input should be a valid number"),
        ("{resamples: 100.5}", "significance: resamples: input should be a valid integer"),
        ("{resamples: many}", "significance: resamples: input should be a valid integer"),
        ("{seed: -1}", "seed must be a whole number, 0 or more"),
        ("{alpha: .nan}", "alpha must lie between 0 and 1"),
        ("{baseline: 3}", "there is no system '3'"),
        ("{correction: no}", "did you mean 'none'"),
        ("{test: [t]}", "significance: test: input should be"),
        ("{alpha: null}", "significance: alpha: input should be a valid number"),
    ],
)
def test_values_of_significance_are_typed_like_options_of_stages(tmp_path: Path, setting: str, message: str) -> None:
    path = tmp_path / "c.yaml"
    text = "collections: [python-stdlib]\nsystems: {A: bm25, B: bm25}\nmeasures: [AP]\n"
    path.write_text(text + "significance: {alpha: 1e-2, resamples: 1e4, seed: '7'}\n")
    significance = load_config(path).significance
    assert (significance.alpha, significance.resamples, significance.seed) == (0.01, 10_000, 7)
    assert isinstance(significance.resamples, int)
    path.write_text(text + f"significance: {setting}\n")
    with pytest.raises(ConfigError) as error:
        load_config(path)
    assert f"{path}:4:" in str(error.value)
    assert message in str(error.value)


def test_significance_is_read_and_checked(tmp_path: Path) -> None:
    text = "collections: [x]\nsystems: {A: bm25, B: {bm25: {k1: 2}}}\nmeasures: [AP]\n"
    path = tmp_path / "c.yaml"
    path.write_text(text + "significance: A\n")
    assert load_config(path).significance.baseline == "A"
    path.write_text(text + "significance: {test: t, alpha: 0.01, correction: fdr_bh}\n")
    significance = load_config(path).significance
    assert (significance.test, significance.alpha, significance.correction, significance.baseline) == (
        "t",
        0.01,
        "fdr_bh",
        None,
    )
    for setting, message in (
        ("C", "there is no system 'C'"),
        ("{tests: t}", "did you mean 'test'"),
        ("{test: z}", "test: input should be 'randomisation' or 't', got 'z'"),
        ("[A]", "expected {baseline: …, test: …} or a baseline"),
    ):
        path.write_text(text + f"significance: {setting}\n")
        with pytest.raises(ConfigError, match=re.escape(message)):
            load_config(path)


def test_a_few_lines_of_aliases_do_not_make_billions(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "c.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=r"its aliases make [\d,]+ values of \d+; expected at most 100,000 more"):
        load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("!!python/object/apply:os.system [ls]", "got tag:yaml.org,2002:python/object/apply:os.system"),
        ("!!python/name:os.system", "got tag:yaml.org,2002:python/name:os.system"),
        ("!!binary aGVsbG8=", "got tag:yaml.org,2002:binary"),
        ("!!set {a, b}", "got tag:yaml.org,2002:set"),
        ("0x" + "f" * 17, "a number beyond 64 bits"),
        ("1" * 5000, "cannot be read"),
        ("[" * 5000 + "]" * 5000, "deep|recursion"),
    ],
)
def test_what_yaml_can_say_and_a_configuration_cannot(tmp_path: Path, value: str, message: str) -> None:
    (tmp_path / "c.yaml").write_text(f"collections: {value}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "c.yaml")
