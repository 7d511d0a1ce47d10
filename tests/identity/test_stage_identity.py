"""The law of addresses, for stages: what can change an output changes the address.

Every option of every stage that is registered is varied in turn, by its type, and every input; a new stage is tried
by itself. An option may leave the address alone only where it is named here, with the reason.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from leaf_sources import LeafSources
from varied_values import vary_options

from nirank import BM25, fold, rewrite, within
from nirank.algebra.context import Context
from nirank.algebra.doc_queries import DocQueries
from nirank.algebra.judged import Judged
from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.registry import load_stages
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Retriever, ScopeStage, Scorer, Stage, TextMap
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, StageError
from nirank.experiment.experiment import Experiment
from nirank.inference import models
from nirank.inference.mixture import Mixture
from nirank.inference.models import ModelFiles
from nirank.lexical import jvm, scoring
from nirank.plan.compile import compile_pipeline
from nirank.stages.apply import apply
from nirank.stages.bm25 import build_index
from nirank.store import LocalStore

# What leaves the address alone, and where it is shown that the output stays the same.
LEFT_OUT = {
    "batch_tokens": "batches change the speed, and the last bits at most (tests/inference)",
    "key_env": "whose key is sent is nothing to the model",
    "timeout_s": "how long an answer is waited for",
    "retries": "how often a request that failed is sent again",
}


@dataclasses.dataclass(frozen=True)
class Written(DocQueries):
    """Stands for queries that a plan writes; what those depend on has tests of its own."""

    words: int = 1

    @property
    def base_names(self) -> tuple[str, ...]:
        return ()

    def compile_texts(self, sides: Sides) -> Node:
        return Node("tests:write", 1, {"words": self.words}, (("docs", sides.docs),), kind="texts")


# Options that exclude each other, or need each other: every one of them must be allowed somewhere.
ALLOWED_TOGETHER: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "append_queries": ({"path": ""}, {"queries": Written()}),
    "dated": ({}, {"gap": (1, 2)}),
    "bm25": ({}, {"fields": {"title": 1.0, "text": 2.0}}),
    "language_model": ({"lam": 0.5}, {"smoothing": "dirichlet", "mu": 500.0}),
    "lsh": ({}, {"family": "grids", "width": 1.0}),
    "query_likelihood": ({}, {"prompt": "{document} Query:"}),
    "feedback": (
        *({}, {"policy": "auto_tar"}, {"policy": "rocchio", "model": "a"}),
        *({"classifier": "LogisticRegression"}, {"classifier": "LogisticRegression", "classifier_options": {"C": 2.0}}),
    ),
    "minhash": ({}, {"tables": 4, "functions": 2}),
    "range_search": ({"radius": 0.5},),
    "top_terms": ({}, {"weight": "parsimonious", "lam": 0.5}),
    "only": ({"docs": ("d1", "d2")}, {"path": ""}),
}
QUERIES, DOCS = Node.leaf("texts", "queries", "queries"), Node.leaf("texts", "docs", "docs")
JUDGEMENTS = Node.leaf("judgements", "judgements", "judgements")
SIDES = Sides(QUERIES, DOCS, collection="c", split="s", judgements=JUDGEMENTS)


@pytest.fixture(autouse=True)
def _models_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every name is a model whose content its name and revision say."""

    def resolve(model: str, revision: str | None = None) -> ModelFiles:
        return ModelFiles(tmp_path, model, {"hub": model, "commit": revision or "main"})

    monkeypatch.setattr(models, "resolve_model", resolve)
    design = {"design": {"kind": "drmm", "query_terms": 5}, "base": "b", "depth": 100}
    design["base_content"] = {"hub": "b", "commit": "main"}
    (tmp_path / "interaction.json").write_text(json.dumps(design))
    Mixture(1.0, 1.0, 0.5, 0.5).save(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two files of other content, whose names differ by an x at their ends."""
    (tmp_path / "file").write_text("q Q0 d 1 1 x\n")
    (tmp_path / "filex").write_text("q Q0 d 1 2 x\n")
    return tmp_path / "file"


def make_instances(kind: type[Any], files: Path) -> Iterator[Any]:
    """Yield a stage with the options that it needs; more than one where options exclude each other."""
    values = {"model": "a", "path": str(files), "match": {"type": "REG", "year": 2001}, "url": "http://localhost:1/v1"}
    values |= {"on": Judged("a", "train", part=(0.25, 0.5))}
    values |= {"fields": {"title": 1.0, "text": 2.0}}
    values |= {"k": 5, "radius": 5, "words": 5, "columns": ("title", "text"), "rule": {"equal": "title"}}
    required = {
        field.name: values[field.name]
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    for combination in ALLOWED_TOGETHER.get(kind.name, ({},)):
        yield kind(
            **{**required, **{name: str(files) if name == "path" else value for name, value in combination.items()}}
        )


def make_system(stage: Stage) -> Pipeline:
    """Return a system that a stage is part of."""
    if isinstance(stage, Retriever):
        return stage
    if isinstance(stage, Scorer):
        return BM25() >> stage
    if isinstance(stage, Combiner):
        inputs = [BM25(), BM25(k1=2.0)]
        return stage.of(*inputs[: stage.lists[1] or 2])
    if isinstance(stage, TextMap):
        return rewrite(BM25() >> stage if stage.feedback else stage, BM25())
    assert isinstance(stage, ScopeStage), "a kind of stage that this test does not know"
    return within(stage, BM25())


def add_training_sources(stage: Stage, sides: Sides) -> Sides:
    """Return sides where judged queries are found, for a stage that learns from some."""
    return dataclasses.replace(sides, training_sources=LeafSources()) if hasattr(stage, "on") else sides


def find_key(stage: Stage, sides: Sides = SIDES) -> Hashable:
    """Return what results are found by: the address, and the depth."""
    node = compile_pipeline(make_system(stage), add_training_sources(stage, sides))
    return node.address, node.depth


@pytest.mark.parametrize("name", load_stages())
def test_every_option_is_in_the_address(name: str, files: Path) -> None:
    keys_by_option: dict[str, list[Hashable]] = {}
    for stage in make_instances(load_stages()[name], files):
        for option, changed in vary_options(stage):
            try:
                key = find_key(changed)
            except ConfigError:  # such as three weights for two lists
                continue
            keys = keys_by_option.setdefault(option, [])
            if option in LEFT_OUT:
                assert key == find_key(stage), f"{option} is said to be left out"
            else:
                assert key not in (find_key(stage), *keys), f"{changed!r} is found as {stage!r} or another"
                keys.append(key)
    instances = list(make_instances(load_stages()[name], files))
    for first, second in itertools.combinations(instances, 2):
        assert find_key(first) != find_key(second)
        keys_by_option |= {
            field.name: []
            for field in dataclasses.fields(first)
            if getattr(first, field.name) != getattr(second, field.name)
        }
    unordered = {"k"} if load_stages()[name].gives == "pairs" else set()  # pairs without order cannot be cut
    assert {field.name for field in dataclasses.fields(load_stages()[name])} - keys_by_option.keys() <= unordered, (
        "not tried"
    )


@pytest.mark.parametrize("name", load_stages())
def test_every_input_is_in_the_address(name: str, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other_inputs = {
        "queries": Node.leaf("texts", "other queries", "queries"),
        "docs": Node.leaf("texts", "other docs", "docs"),
        "scope": (Node.leaf("scope", "a scope", "scope"),),
    }
    kind = load_stages()[name]
    if "judgements" in kind.reads:
        other_inputs["judgements"] = Node.leaf("judgements", "other", "judgements")
    for stage in make_instances(kind, files):
        keys = [
            find_key(stage),
            *(find_key(stage, dataclasses.replace(SIDES, **{role: node})) for role, node in other_inputs.items()),
        ]
        if not isinstance(stage, (Retriever, TextMap, ScopeStage)):
            other_lists = [BM25(b=0.9), BM25(k1=2.0)]
            changed = (
                stage.of(*other_lists[: stage.lists[1] or 2])
                if isinstance(stage, Combiner)
                else other_lists[0] >> stage
            )
            keys.append((compile_pipeline(changed, add_training_sources(stage, SIDES)).address, None))
        with monkeypatch.context() as patch:
            patch.setattr(kind, "version", kind.version + 1)
            keys.append(find_key(stage))
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", ["append_queries", "run", "only"])
def test_files_are_their_content(name: str, files: Path, tmp_path: Path) -> None:
    kind = load_stages()[name]
    before = find_key(kind(path=str(files)))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(files.read_bytes())
    assert find_key(kind(path=str(elsewhere))) == before
    files.write_text("q Q0 d 1 3 x\n")
    assert find_key(kind(path=str(files))) != before


def test_applied_functions_are_their_declared_identity() -> None:
    def function(queries: list[str], docs: list[str]) -> list[float]:
        return [0.0] * len(docs)

    scorer = apply(function, name="f", version=1)
    scorers = [
        scorer,
        apply(function, name="g", version=1),
        apply(function, name="f", version=2),
        apply(function, name="f", version=1, depth=7),
    ]
    assert len({find_key(applied) for applied in scorers}) == len(scorers)


def test_composites_are_their_parts() -> None:
    windows, sentences = load_stages()["windows"](10), load_stages()["sentences"]()
    rule, other_rule = load_stages()["where"]({"type": "REG"}), load_stages()["where"]({"type": "DIR"})
    words, fewer = load_stages()["first_words"](5), load_stages()["first_words"](4)
    a, b = BM25(), BM25(b=0.9)
    different = [
        a,
        a % 5 >> b,
        b >> a,
        a >> b % 5,
        a % 4,
        a % 5,
        a + b,
        b + a,
        2 * a + b,
        a + 2 * b,
        a | b,
        a & b,
        within(rule, a),
        within(other_rule, a),
        within(rule, b),
        within(rule, within(other_rule, a)),
        within(a, b),
        rewrite(words, a),
        rewrite(fewer, a),
        rewrite(words, b),
        fold(windows, a),
        fold(sentences, a),
        fold(windows, b),
        fold(windows, a, "mean"),
        fold(windows, a, "mean", top=2),
        fold(windows, a, "weighted_mean"),
        fold(windows, a, "rrf"),
        fold(windows, a, side="queries"),
        fold(windows, within(rule, a)),
        within(rule, fold(windows, a)),
        fold(windows, rewrite(words, a)),
        rewrite(words, fold(windows, a)),
    ]
    nodes = [compile_pipeline(pipeline, SIDES) for pipeline in different]
    assert len({(node.address, node.depth, node.kind) for node in nodes}) == len(different)


@pytest.mark.parametrize("name", ["bm25", "rm3", "language_model", "top_terms", "key_sentences"])
def test_what_lucene_analyses_is_found_by_its_major_version(
    name: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage, *_) = make_instances(load_stages()[name], files)
    keys = []
    for version in (9, 10):
        monkeypatch.setattr(jvm, "find_lucene_major", lambda version=version: version)
        keys.append(find_key(stage))
    assert keys[0] != keys[1]


def test_lucenes_version_is_read_without_java() -> None:
    if importlib.util.find_spec("pyserini") is None:
        pytest.skip("needs the Lucene jar of the package pyserini")
    assert str(jvm.find_lucene_major()) == jvm.read_lucene_version().split(".")[0]


def test_an_index_is_not_made_by_another_lucene_than_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "read_lucene_version", lambda: "10.1.0")
    job = Job({"analyzer": "english", "lucene": 9}, {"texts": [None]}, tmp_path, Context())
    with pytest.raises(StageError, match=r"planned with Lucene 9, but Java runs 10\.1\.0"):
        build_index(job)


def test_weights_of_fields_are_summed_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two spellings of one mapping have one address, so their sums are rounded in one order."""
    collection = Collection.of({"d": {"title": "wine", "text": "red wine"}}, {"q": "wine"}, {"q": {"d": 1}})
    orders = []
    search = scoring.search

    def note_order(fields: Any, weights: Any, *rest: Any, **options: Any) -> Any:
        orders.append(list(weights))
        return search(fields, weights, *rest, **options)

    monkeypatch.setattr(scoring, "search", note_order)
    for at, fields in enumerate(({"title": 0.3, "text": 1.7}, {"text": 1.7, "title": 0.3})):
        Experiment(collection, {"s": BM25(fields=fields)}, ["AP"], store=LocalStore(tmp_path / str(at))).run()
    assert orders[0] == orders[1]
