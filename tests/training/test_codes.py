"""An encoder that learns the subject codes of documents: what it reads, what it may not, and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import tiny_trainings
from sentence_transformers import SentenceTransformer
from sklearn.metrics import f1_score
from tiny_trainings import have_equal_weights, read_curve

from nirank import BM25, Codes, Collection, Dense, Experiment, Recipe, Train, WatchCodes
from nirank.algebra.context import Context
from nirank.errors import ConfigError, DataError
from nirank.inference.models import ModelFiles
from nirank.training.code_training import compute_micro_f1
from nirank.training.coded_texts import CodedTexts, code_texts
from nirank.training.fitting import Fitting, fit_model
from nirank.training.training_sets import Fields, Mixture

TOPICS = 4


def make_documents(n: int = 120, seed: int = 0) -> list[tuple[str, str, Any]]:
    """Each document has words of its topic among words of all, and the topic as one of its codes."""
    random = np.random.default_rng(seed)
    documents: list[tuple[str, str, Any]] = []
    for number in range(n):
        topic = number % TOPICS
        words = [f"w{topic * 5 + word}" for word in random.integers(0, 5, 6)]
        words += [f"w{word}" for word in random.integers(20, 60, 3)]
        random.shuffle(words)
        documents.append((f"d{number}", " ".join(words), [topic, f"half {topic % 2}"]))
    return documents


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return tiny_trainings.make_base("bi_encoder", tmp_path_factory.mktemp("base"))


def train(base: ModelFiles, coded: CodedTexts, place: Path, **options: Any) -> Path:
    recipe = Recipe(epochs=8, batch=8, learning_rate=3e-3, head_factor=5, dropout=0.0)
    fitting = Fitting("bi_encoder", base, recipe, 3, **options)
    (place / "out").mkdir(parents=True, exist_ok=True)
    fit_model(fitting, coded, None, place / "scratch", place / "out", Context(device="cpu"))
    return place / "out"


def test_what_is_read_of_documents() -> None:
    documents = [
        ("a", "one two three", ["x", "y", "x"]),
        ("b", "four", 7),
        ("c", "five", ["7", "rare"]),
        ("d", " ", ["x"]),
        ("e", "six", None),
        ("f", "seven", ["rarer"]),
        ("g", "eight", ["x", "y"]),
        ("h", "nine", []),
    ]
    coded = code_texts(documents, min_docs=2)
    assert coded.names == ["7", "x", "y"]
    assert coded.ids == ["a", "b", "c", "g"]
    assert coded.mark_codes(range(4)).tolist() == [[0, 1, 1], [1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert coded.counts == {
        "documents": 8,
        "removed: blank": 1,
        "removed: no code": 2,
        "removed: codes of fewer than 2 documents only": 1,
        "codes": 3,
        "codes of fewer than 2 documents, left out": 2,
        "examples": 4,
    }


def test_passages_are_examples_with_the_codes_of_their_document() -> None:
    coded = code_texts([("a", "1 2 3 4 5", ["x"]), ("b", "6", ["x"])], 1, passages=2, words=2)
    assert coded.texts.to_pylist() == ["1 2", "3 4", "6"]
    assert coded.ids == ["a", "a", "b"]
    assert coded.mark_codes(range(3)).tolist() == [[1], [1], [1]]
    assert coded.counts["documents"] == 2  # a code's documents are counted, not their passages


def test_held_out_documents_are_whole_and_stay(tmp_path: Path) -> None:
    coded = code_texts(make_documents(), 5, passages=2, words=8)
    trained, held_out = coded.split(0.25)
    assert not set(trained.ids) & set(held_out.ids)
    assert len(trained) + len(held_out) == len(coded) and 40 < len(held_out) < 80
    fewer = code_texts(make_documents()[:60], 5, passages=2, words=8).split(0.25)[1]
    assert fewer.ids == [id for id in held_out.ids if int(id[1:]) < 60]
    coded.save(tmp_path)
    again = CodedTexts.open(tmp_path)
    assert again.texts.to_pylist() == coded.texts.to_pylist() and again.counts == coded.counts
    assert (again.mark_codes(range(len(coded))) == coded.mark_codes(range(len(coded)))).all()


def test_micro_f1_gives_as_many_codes_as_there_are() -> None:
    scores = np.array([[0.9, 0.1, 0.8], [0.7, 0.2, 0.3]])
    codes = np.array([[1, 0, 0], [1, 1, 0]])
    assert compute_micro_f1(scores, codes) == pytest.approx(2 / 3)  # .9, .8 and .7 are given, two of them are right
    random = np.random.default_rng(1)
    scores, codes = random.normal(size=(50, 9)), (random.random((50, 9)) < 0.2).astype(int)
    given = scores >= np.sort(scores.ravel())[-codes.sum()]
    assert compute_micro_f1(scores, codes) == pytest.approx(f1_score(codes, given, average="micro"))
    assert compute_micro_f1(codes, codes) == 1
    with pytest.raises(DataError, match="hold out a greater share"):
        compute_micro_f1(scores, 0 * codes)


def test_training_brings_documents_with_equal_codes_together(base: ModelFiles, tmp_path: Path) -> None:
    documents = make_documents()
    out = train(base, code_texts(documents, 5), tmp_path, held_out=0.2, every=5)
    texts = [text for _, text, _ in make_documents(seed=1)]

    def measure_gap(folder: Path | str) -> float:
        vectors = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
        cosines = vectors @ vectors.T
        same = np.arange(len(texts))[:, None] % TOPICS == np.arange(len(texts)) % TOPICS
        return float(cosines[same].mean() - cosines[~same].mean())

    assert measure_gap(out / "model") > measure_gap(base.path) + 0.2
    curve, facts = read_curve(out), json.loads((out / "training.json").read_text())
    assert curve["measure"] == "micro-F1" and facts["loss"] == "bce"
    assert facts["best_step"] == max(curve["evaluations"], key=lambda point: (point[1], -point[0]))[0]
    modules = json.loads((out / "model" / "modules.json").read_text())
    assert len(modules) == len(json.loads((base.path / "modules.json").read_text()))  # the classifier is thrown away


def test_the_first_loss_is_that_of_the_shares_of_the_codes(base: ModelFiles, tmp_path: Path) -> None:
    """A classifier that knows nothing but how frequent codes are has the entropy of each."""
    coded = code_texts(make_documents(), 5)
    shares = coded.mark_codes(range(len(coded))).mean(0)
    entropy = -(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).sum()
    (_, loss, _), *_ = read_curve(train(base, coded, tmp_path))["steps"]
    assert loss == pytest.approx(entropy, rel=0.15)


def test_the_same_training_again(base: ModelFiles, tmp_path: Path) -> None:
    coded = code_texts(make_documents(40), 5)
    assert have_equal_weights(train(base, coded, tmp_path / "a"), train(base, coded, tmp_path / "b"))


# -- inside an experiment: no text of an evaluated query is read


def make_collection() -> Collection:
    documents = make_documents(48)
    docs = {id: {"text": text, "metadata": {"codes": codes, "year": int(id[1:])}} for id, text, codes in documents}
    queries = {
        "q0": {"text": docs["d0"]["text"].upper()},  # a document's text
        "q1": {"text": "w1 w2", "metadata": {"is": "d5"}},  # another wording of a document of its own
        "q2": {"text": "w3 w4"},
    }
    qrels = {"q0": {"d4": 1}, "q1": {"d9": 1}, "q2": {"d2": 1}}
    return Collection.of(docs, queries, qrels, self_match={"key": "is"}, check=False)


def run(tmp_path: Path, data: Codes, **options: Any) -> Any:
    model = (
        tiny_models.make_bi_encoder(tmp_path / "tiny") if not (tmp_path / "tiny").exists() else tmp_path / "tiny/model"
    )
    trained = Train(str(model), data, recipe=Recipe(steps=2, batch=8), seed=1, **options)
    systems = {"C-BERT": Dense(trained), "BM25": BM25()}
    return Experiment(make_collection(), systems, ["nDCG@10"], store=tmp_path / "store").run()


def read_training_texts(tmp_path: Path) -> dict[str, str]:
    (header,) = (tmp_path / "store").rglob("codes.json")
    coded = CodedTexts.open(header.parent)
    return dict(zip(coded.ids, coded.texts.to_pylist(), strict=True))


def test_r15_documents_of_evaluated_queries_are_refused_or_left_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2 training documents are evaluated queries \(overlap=2; collection 'q0'"):
        run(tmp_path, Codes("codes"))
    result = run(tmp_path, Codes("codes", on_overlap="drop"))
    read = read_training_texts(tmp_path)
    assert set(read) == {f"d{number}" for number in range(48)} - {"d0", "d5"}
    row = next(row for row in result.rows if row.system == "C-BERT")
    (training,) = row.trained_on
    assert (training.what, training.overlap, training.dropped) == ("codes 'codes' of the documents", 2, True)
    assert not row.trained_on_test and row.zero_shot == "no"
    (model,) = row.trainings
    assert model.examples_by_reason["removed: evaluated or left out as queries"] == 2
    assert next(row for row in result.rows if row.system == "BM25").trained_on == ()


def test_r15_marked_rows_say_so(tmp_path: Path) -> None:
    result = run(tmp_path, Codes("codes", on_overlap="mark"), watch=WatchCodes(0.3))
    assert {"d0", "d5"} <= set(read_training_texts(tmp_path))
    assert next(row for row in result.rows if row.system == "C-BERT").trained_on_test


def test_documents_up_to_a_year(tmp_path: Path) -> None:
    run(tmp_path, Codes("codes", min_docs=2, where={"year": {"max": 20}}, on_overlap="drop"))
    assert set(read_training_texts(tmp_path)) == {f"d{number}" for number in range(21)} - {"d0", "d5"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Codes(""), "key is empty"),
        (lambda: Codes("x", min_docs=0), "min_docs must be 1 or more"),
        (lambda: Codes("x", passages=(0, 5)), "passages are how many and of how many words"),
        (lambda: Codes("x", where={}), "match is empty"),
        (lambda: WatchCodes(1.0), "above 0 and below 1"),
        (lambda: WatchCodes(patience=0), "patience must be 1 or more"),
        (lambda: Train("m", Codes("x"), "cross_encoder"), "train a bi_encoder"),
        (lambda: Train("m", Codes("x"), recipe=Recipe(head=8)), "leave head out"),
        (lambda: Train("m", Codes("x"), recipe=Recipe(loss="mnr")), "learned by loss bce"),
        (lambda: Train("m", Fields(), recipe=Recipe(loss="bce")), "loss bce is for codes"),
        (lambda: Train("m", Fields(), watch=WatchCodes()), "held_out is for codes"),
        (lambda: Mixture((Fields(), Codes("x"))), "do not mix"),
    ],
)
def test_what_cannot_be_meant(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_key_that_no_document_has(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"no document has metadata 'code'; they have codes, year; did you mean 'codes'"
    ):
        run(tmp_path, Codes("code"))
