"""A model is whole, from safetensors, and the one that was planned; else it is refused in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from variants import VARIANTS, change_config

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.errors import DataError, ModelError
from nirank.experiment.experiment import Experiment
from nirank.inference import models, pair_scores
from nirank.inference.encoder import Encoding, encode
from nirank.inference.late import TokenEncoding, maxsim
from nirank.inference.pair_scores import PairScoring, score_pairs
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.store import LocalStore
from nirank.training import model_io

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

ONE_PAIR = np.array([[0, 0]])


def use_dense(path: Path, out: Path) -> None:
    encode(["w1"], 1, Encoding(models.resolve_model(str(path))), out, Context(device="cpu"))


def use_sparse(path: Path, out: Path) -> None:
    encode_sparse(["w1"], 1, SparseEncoding(models.resolve_model(str(path)), "document"), out, Context(device="cpu"))


def use_late(path: Path, out: Path) -> None:
    maxsim(["w1"], ["w2"], ONE_PAIR, TokenEncoding(models.resolve_model(str(path))), Context(device="cpu"))


def use_pairs(path: Path, out: Path) -> None:
    score_pairs(["w1"], ["w2"], ONE_PAIR, PairScoring(models.resolve_model(str(path))), Context(device="cpu"))


USES = {"dense": use_dense, "sparse": use_sparse, "late": use_late, "pairs": use_pairs}


def make_cross_encoder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return tiny_models.make_cross_encoder(folder, 1)


def make_masked(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return tiny_models.make_splade(folder)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "bi": tiny_models.make_bi_encoder,
    "bare": VARIANTS["no modules"],
    "cross": make_cross_encoder,
    "masked": make_masked,
}


def change_weights(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> Path:
    """Change a model's weights."""
    from safetensors.numpy import load_file, save_file

    file = path / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    file.unlink()
    save_file(tensors, file, metadata={"format": "pt"})
    return path


def rename_weight(name: str, new_name: str | None) -> Callable[[dict[str, np.ndarray]], None]:
    def change(tensors: dict[str, np.ndarray]) -> None:
        value = tensors.pop(name)
        if new_name is not None:
            tensors[new_name] = value

    return change


@pytest.mark.parametrize(
    ("model", "use", "words"),
    [
        (
            "bi",
            "pairs",
            r"lack 2 weights of a BertForSequenceClassification, .* at random: classifier\.bias, classifier\.w",
        ),
        ("bare", "pairs", r"lack 2 weights of a BertForSequenceClassification"),
        ("masked", "pairs", r"lack 4 weights of a BertForSequenceClassification, .*: bert\.pooler\.dense\.bias"),
        ("bi", "sparse", r"lack \d weights of a SparseEncoder, .* at random: SparseAutoEncoder\."),
        ("bare", "sparse", r"lack \d weights of a SparseEncoder"),
        ("cross", "sparse", r"(lack|have) \d weights"),
        ("cross", "dense", r"have 2 weights that a BertModel does not use: classifier\.bias, classifier\.weight;"),
        ("cross", "late", r"have 2 weights that a BertModel does not use"),
    ],
)
def test_a_model_of_another_kind_is_refused(model: str, use: str, words: str, tmp_path: Path) -> None:
    path = MAKERS[model](tmp_path / "m")
    with pytest.raises(ModelError, match=words) as error:
        USES[use](path, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "use"),
    [("bi", "dense"), ("bi", "late"), ("bare", "dense"), ("cross", "pairs"), ("masked", "sparse"), ("masked", "dense")],
)
def test_what_nobody_reads_may_be_missing_or_left_over(model: str, use: str, tmp_path: Path) -> None:
    """A masked language model has no pooler, and a head that an encoder does not need; tied weights are saved once."""
    USES[use](MAKERS[model](tmp_path / "m"), tmp_path)


@pytest.mark.parametrize(
    ("model", "use", "change", "words"),
    [
        ("bi", "dense", rename_weight("encoder.layer.1.output.dense.weight", None), "lack 1 weight of a BertModel"),
        ("bi", "dense", rename_weight("embeddings.LayerNorm.bias", "embeddings.norm.bias"), "lack 1 weight of a BertModel"),
        ("cross", "pairs", rename_weight("bert.encoder.layer.0.attention.self.key.bias", None), "lack 1 weight"),
        ("cross", "pairs", rename_weight("bert.pooler.dense.weight", None), r"at random: bert\.pooler\.dense\.weight"),
        ("masked", "sparse", rename_weight("cls.predictions.transform.dense.weight", None), "lack 1 weight of a BertForMaskedLM"),
    ],
)  # fmt: skip
def test_weights_that_are_missing_are_named(
    model: str, use: str, change: Callable[[dict[str, np.ndarray]], None], words: str, tmp_path: Path
) -> None:
    path = change_weights(MAKERS[model](tmp_path / "m"), change)
    with pytest.raises(ModelError, match=words):
        USES[use](path, tmp_path)


def test_layers_that_the_configuration_does_not_count_are_not_left_out(tmp_path: Path) -> None:
    path = tiny_models.make_bi_encoder(tmp_path)
    change_config(path, "config.json", num_hidden_layers=1)
    with pytest.raises(ModelError, match=r"have 16 weights that a BertModel does not use: encoder\.layer\.1\."):
        use_dense(path, tmp_path)


def test_weights_of_another_shape_are_named(tmp_path: Path) -> None:
    path = tiny_models.make_bi_encoder(tmp_path)
    change_config(path, "config.json", vocab_size=50)
    with pytest.raises(
        ModelError, match=r"not the shapes of a BertModel: embeddings\.word_embeddings\.weight \(65, 16\)"
    ):
        use_dense(path, tmp_path)


# -- a start of training -------------------------------------------------------------------------


@pytest.mark.parametrize("base_model", ["bi", "masked", "cross"])
def test_training_makes_a_new_head_from_its_seed(base_model: str, tmp_path: Path) -> None:
    import torch

    base = models.resolve_model(str(MAKERS[base_model](tmp_path / "m")))
    models_by_seed = [model_io.load_start(base, "cross_encoder", seed, "cpu") for seed in (1, 1, 2)]
    assert [new for _, new in models_by_seed] == [base_model != "cross"] * 3
    heads = [model.model.classifier.weight for model, _ in models_by_seed]
    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[0], heads[2]) is (base_model == "cross")


@pytest.mark.parametrize(
    ("base_model", "kind", "name"),
    [
        ("bi", "cross_encoder", "encoder.layer.1.output.dense.weight"),
        ("bi", "bi_encoder", "encoder.layer.1.output.dense.weight"),
        ("masked", "sparse_encoder", "cls.predictions.transform.dense.weight"),
    ],
)
def test_training_starts_from_nothing_else_that_is_random(
    base_model: str, kind: str, name: str, tmp_path: Path
) -> None:
    path = change_weights(MAKERS[base_model](tmp_path / "m"), rename_weight(name, None))
    with pytest.raises(ModelError, match="lack 1 weight of a"):
        model_io.load_start(models.resolve_model(str(path)), kind, 1, "cpu")  # type: ignore[arg-type]


# -- safetensors only ----------------------------------------------------------------------------


def pickle_weights(folder: Path) -> None:
    """Turn a folder's weights into a pickle."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("place", ["", "3_Dense"])
def test_pickles_are_refused_with_the_way_out(place: str, tmp_path: Path) -> None:
    path = VARIANTS["heads"](tmp_path)
    pickle_weights(path / place)
    with pytest.raises(
        ModelError, match=r"other formats are not loaded; convert pytorch_model\.bin: Sentence"
    ) as error:
        models.resolve_model(str(path))
    assert (place or "the folder") in str(error.value)


def test_a_pickle_inside_a_route_is_refused(tmp_path: Path) -> None:
    path = VARIANTS["routes"](tmp_path)
    (head,) = path.rglob("query_0_Dense")
    pickle_weights(head)
    with pytest.raises(ModelError, match=r"query_0_Dense' holds its weights in no \.safetensors file"):
        models.resolve_model(str(path))


def test_a_head_without_any_weights_is_refused(tmp_path: Path) -> None:
    path = VARIANTS["heads"](tmp_path)
    (path / "3_Dense" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"'3_Dense' holds its weights in no \.safetensors file"):
        models.resolve_model(str(path))


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_model.safetensors").write_bytes(b"1")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    with pytest.raises(ModelError, match=r"is an adapter, and its base model is not part of the folder; merge the two"):
        models.resolve_model(str(tmp_path))


def test_a_hub_is_asked_for_no_code_and_no_pickle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An explicit list: what is not on it is not fetched, so that it cannot be read."""
    from fnmatch import fnmatch

    import huggingface_hub

    patterns_by_request: list[list[str]] = []

    def fetch(model: str, *, allow_patterns: list[str], **_: object) -> str:
        patterns_by_request.append(allow_patterns)
        raise OSError("nothing here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    info = type("Info", (), {"sha": "c" * 40})
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: info)
    models._fetch.cache_clear()
    with pytest.raises(ModelError, match="the hub cannot give it"):
        models.resolve_model("org/none")
    models._fetch.cache_clear()
    assert len(patterns_by_request) == 2
    names = ["modeling_own.py", "pytorch_model.bin", "2_Dense/pytorch_model.bin", "model.pt", "weights.pkl", "tf_model.h5",
             "model.ckpt", "training_args.bin", "onnx/model.onnx"]  # fmt: skip
    for patterns in patterns_by_request:
        assert not [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
        readable = [
            "config.json",
            "1_Pooling/config.json",
            "model-00001-of-00002.safetensors",
            "vocab.txt",
            "spiece.model",
        ]
        assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in readable)


# -- the folder that was planned -----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "1_Pooling/config.json", "tokenizer.json", "modules.json",
             "config_sentence_transformers.json", "sentence_bert_config.json", "tokenizer_config.json"],
)  # fmt: skip
def test_the_digest_covers_every_file_that_is_read(name: str, tmp_path: Path) -> None:
    path = tiny_models.make_bi_encoder(tmp_path)
    before = models.resolve_model(str(path)).identity
    raw = (path / name).read_bytes()
    (path / name).write_bytes(raw + b" ")
    assert models.resolve_model(str(path)).identity != before
    (path / name).write_bytes(raw)
    assert models.resolve_model(str(path)).identity == before


def halve(path: Path) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        for name in tensors:
            tensors[name] = tensors[name] * np.float32(0.5)

    change_weights(path, change)


@pytest.mark.parametrize("use", ["dense", "pairs"])
def test_a_folder_that_changes_between_planning_and_loading_is_refused(use: str, tmp_path: Path) -> None:
    path = MAKERS["bi" if use == "dense" else "cross"](tmp_path / "m")
    collection = Collection.of({"a": "w1 w2", "b": "w2 w3"}, {"q": "w1 w2"}, {"q": {"a": 1}})
    system = Dense(str(path)) if use == "dense" else BM25() >> CrossEncoder(str(path))
    store = LocalStore(tmp_path / "store")
    experiment = Experiment(collection, {"S": system}, ["RR"], store=store, device="cpu")
    files = models.resolve_model(str(path))
    halve(path)
    with pytest.raises(DataError, match="changed since it was read at planning; run again"):
        if use == "dense":
            encode(["w1"], 1, Encoding(files), tmp_path, Context(device="cpu"))
        else:
            score_pairs(["w1"], ["w2"], ONE_PAIR, PairScoring(files), Context(device="cpu"))
    assert experiment.run().rows[0].status == "ok", "planned when it runs, by what lies there then"


def test_a_scorer_keeps_to_the_files_that_were_planned(tmp_path: Path) -> None:
    """Its address was made of them; other scores must not lie under it."""
    from nirank.algebra.node import Node
    from nirank.algebra.sides import Sides

    path = make_cross_encoder(tmp_path / "m")
    leaves = Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "documents")
    stage = CrossEncoder(str(path)).resolve_options(Sides(*leaves, device="cpu"))
    before = stage.describe_identity()
    halve(path)
    assert stage.describe_identity() == before
    assert CrossEncoder(str(path)).resolve_options(Sides(*leaves, device="cpu")).describe_identity() != before
    with pytest.raises(DataError, match="changed since it was read at planning"):
        pair_scores._load(path, models.resolve_model(stage.model).content, None, "float32", "cpu")


def test_a_process_that_keeps_a_model_notices_another(tmp_path: Path) -> None:
    path = make_cross_encoder(tmp_path / "m")

    def score() -> float:
        return float(
            score_pairs(["w1"], ["w2"], ONE_PAIR, PairScoring(models.resolve_model(str(path))), Context(device="cpu"))[
                0
            ]
        )

    first = score()
    shutil.copytree(path, tmp_path / "kept")
    halve(path)
    assert score() != first
    shutil.rmtree(path)
    shutil.copytree(tmp_path / "kept", path)
    assert score() == first


def test_precision_auto_is_decided_again_for_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.algebra.node import Node
    from nirank.algebra.sides import Sides
    from nirank.inference import precision

    tried: list[str] = []
    monkeypatch.setattr(precision, "choose_precision", lambda device, answers: tried.append(device) or "float32")
    sides = Sides(Node.leaf("texts", "q", "queries"), Node.leaf("texts", "d", "documents"), device="cpu")
    path = tiny_models.make_bi_encoder(tmp_path)
    for n in (1, 1, 2):
        if n == 2:
            halve(path)
        Dense(str(path), precision="auto").resolve_options(sides)
        assert len(tried) == n


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["cross", "masked", "bi"])
def test_the_declared_precision_is_the_loaded_one_for_every_kind(model: str, precision: str, tmp_path: Path) -> None:
    import torch

    from nirank.inference import late as late_vectors
    from nirank.inference import sparse as sparse_vectors

    path = MAKERS[model](tmp_path / "m")

    def narrow(tensors: dict[str, np.ndarray]) -> None:
        for name in tensors:
            tensors[name] = tensors[name].astype(np.float16)

    change_weights(path, narrow)
    change_config(path, "config.json", dtype="float16")
    content = models.resolve_model(str(path)).content
    loaded = {
        "cross": lambda: pair_scores._load(path, content, None, precision, "cpu"),  # type: ignore[arg-type]
        "masked": lambda: sparse_vectors._load(path, content, None, precision, "cpu"),  # type: ignore[arg-type]
        "bi": lambda: late_vectors._load(path, content, None, None, precision, "cpu"),  # type: ignore[arg-type]
    }[model]()
    assert next(loaded.parameters()).dtype == getattr(torch, precision)
    assert json.loads((path / "config.json").read_text())["dtype"] == "float16"
