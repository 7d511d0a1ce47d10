"""Precision 'int8': products of integers where a model's answers stay what they are; refused where it cannot be had."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.collections.collection import Collection
from nirank.errors import ConfigError, ModelError
from nirank.experiment.experiment import Experiment
from nirank.inference import pair_scores, precision, quantised_layers
from nirank.inference.agreement import MIN_COSINE, compute_cosines
from nirank.inference.packed_layers import find_packed_layers
from nirank.inference.quantised_layers import (
    QuantisedLinear,
    apply_precision,
    choose_exclusions,
    count_quantised,
    explain_no_int8,
)
from nirank.inference.threads import use_threads
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.max_sim import MaxSim
from nirank.stages.query_likelihood import QueryLikelihood
from nirank.stages.sparse import Sparse
from nirank.store import LocalStore

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SIZES: dict[str, Any] = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 66, "initializer_range": 0.1, "pad_token_id": 0,
}  # fmt: skip
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
    pytest.mark.skipif(explain_no_int8("cpu") is not None, reason="needs a processor with AVX-512 VNNI"),
]


def draw(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def make_linear(weight: Any, tokens: Any) -> QuantisedLinear:
    return QuantisedLinear(weight, draw(len(weight), seed=9), tokens.float().abs().amax(0), 0.5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.015), ("bfloat16", 0.02)])
def test_products(dtype: str, tolerance: float) -> None:
    weight = draw(40, 33, seed=1)
    tokens = (3 * draw(50, 33) + 1).to(getattr(torch, dtype))
    tokens[7] = 0
    tokens[8] *= 1000  # has a step of its own, and was not in the sample
    linear, residual = make_linear(weight, tokens[:7]), draw(50, 40, seed=2).to(tokens.dtype)
    exact = tokens.float() @ weight.T + draw(40, seed=9)
    assert torch.equal(linear.project(tokens)[7], draw(40, seed=9).to(tokens.dtype))
    for ours, expected in (
        (linear.project(tokens), exact),
        (linear.project_and_add(tokens, residual), exact + residual.float()),
        (linear.project_with_gelu(tokens), torch.nn.functional.gelu(exact)),
    ):
        errors = (ours.float() - expected).norm(dim=1) / expected.norm(dim=1)
        assert ours.dtype == tokens.dtype
        assert errors.max() <= tolerance, errors.max()


def test_channels_are_evened_out() -> None:
    weight, tokens = draw(40, 64, seed=1), draw(50, 64)
    tokens[:, 5] *= 300
    weight[:, 5] /= 300
    exact = tokens @ weight.T + draw(40, seed=9)
    assert (make_linear(weight, tokens).project(tokens) - exact).norm() <= 0.015 * exact.norm()


def test_numbers_that_are_none_stay_none() -> None:
    tokens = draw(4, 16)
    linear = make_linear(draw(8, 16, seed=1), tokens)
    tokens[1, 3], tokens[2, 3] = torch.nan, torch.inf
    assert torch.isnan(linear.project(tokens)).all(1).tolist() == [False, True, True, False]


def test_a_token_depends_on_no_neighbour_and_no_number_of_threads() -> None:
    tokens = draw(1024, 48).to(torch.bfloat16)
    linear = make_linear(draw(96, 48, seed=1), tokens)
    with use_threads(1):
        together = linear.project(tokens)
    with use_threads(3):
        assert torch.equal(linear.project(tokens), together)
    for rows in (slice(0, 1), slice(5, 22), slice(1000, 1024)):
        assert torch.equal(linear.project(tokens[rows]), together[rows])


def build_model(spoiled: bool = False) -> Any:
    """Return a model; if spoiled, one product has weights that cancel each other, and none of the others survive."""
    torch.manual_seed(1)
    model = transformers.BertModel(transformers.BertConfig(**SIZES), add_pooling_layer=False).eval()
    if spoiled:
        with torch.no_grad():
            for table in (*model.embeddings.children(),):
                if hasattr(table, "weight") and table.weight.dim() == 2:
                    table.weight[:, 1] = table.weight[:, 0]
            value = model.encoder.layer[0].attention.self.value.weight
            value *= 20
            value[:, 0], value[:, 1] = 4096, -4096
    return model


def answer(model: Any) -> np.ndarray:
    rows = torch.randint(1, 60, (12, 20), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return model(rows).last_hidden_state.float().mean(1).numpy()


def lower(model: Any, name: str) -> None:
    model.to(getattr(torch, name))


def quantise(model: Any) -> np.ndarray:
    """Let a model compute in int8; return the cosines of its answers with those before."""
    exact = answer(model)
    apply_precision("m", model, "int8", "cpu", partial(lower, model), partial(answer, model))
    return compute_cosines(exact, answer(model))


@pytest.mark.parametrize("bfloat16", [True, False])
def test_all_products_of_a_good_model(bfloat16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised_layers, "has_bfloat16", lambda: bfloat16)
    cosines = quantise(model := build_model())
    assert count_quantised(model) == (8, 8)
    assert MIN_COSINE <= cosines.min() < 1 - 1e-7
    assert next(model.parameters()).dtype == (torch.bfloat16 if bfloat16 else torch.float32)


def test_a_bad_product_stays_as_it_was() -> None:
    cosines = quantise(model := build_model(spoiled=True))
    (packed,) = find_packed_layers(model)
    kinds = {
        (number, name): type(product).__name__
        for number, layer in enumerate(packed.layers)
        for name, product in layer.products.items()
    }
    assert {place for place, kind in kinds.items() if kind != "QuantisedLinear"} == {(0, "qkv")}
    assert cosines.min() >= MIN_COSINE
    assert all(layer.parts is None for layer in packed.layers)


class Switch:
    quantised = False

    def install(self, *, quantised: bool) -> None:
        self.quantised = quantised


@pytest.mark.parametrize(
    ("n", "most", "expected"), [(8, 8, 0), (8, 7, 1), (8, 5, 3), (8, 4, 4), (8, 3, None), (7, 4, 3)]
)
def test_as_few_exclusions_as_agree(n: int, most: int, expected: int | None) -> None:
    switches: list[Any] = [Switch() for _ in range(n)]
    assert choose_exclusions(switches, lambda: sum(switch.quantised for switch in switches) <= most) == expected
    if expected is not None:
        assert [switch.quantised for switch in switches] == [False] * expected + [True] * (n - expected)


def test_refused_where_it_would_bring_nothing() -> None:
    model = build_model()

    def answer_otherwise() -> np.ndarray:
        return np.roll(answer(model), bool(find_packed_layers(model)), 0)

    with pytest.raises(ModelError, match="model 'm': precision int8: its answers differ .* use bfloat16"):
        apply_precision("m", model, "int8", "cpu", partial(lower, model), answer_otherwise)


def test_refused_for_a_model_with_code_of_its_own() -> None:
    model = transformers.MPNetModel(transformers.MPNetConfig(**SIZES)).eval()
    with pytest.raises(ModelError, match="precision int8: is for BERT and its kin, .* use bfloat16"):
        quantise(model)


def test_refused_on_other_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert explain_no_int8("cuda:0") == ("precision int8: is for processors, and the device is cuda:0; use bfloat16")
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    collection = Collection.of({"a": "w1"}, {"q": "w1"}, {"q": {"a": 1}})
    with pytest.raises(ConfigError, match="dense: precision int8: this processor has no instructions for it"):
        Experiment(
            collection,
            {"dense": Dense(str(tiny_models.make_bi_encoder(tmp_path)), precision="int8")},
            ["RR"],
            device="cpu",
        ).plan()


def test_auto_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = []
    for bfloat16, vnni in ((True, True), (False, True), (False, False)):
        monkeypatch.setattr(precision, "has_bfloat16", lambda known=bfloat16: known)
        monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda known=vnni: known)
        listed.append(precision._list_faster("cpu"))
    assert listed == [("bfloat16",), (), ()]


def test_a_stage_without_it() -> None:
    with pytest.raises(ConfigError, match="precision"):
        QueryLikelihood("m", precision="int8")  # type: ignore[arg-type]


def test_in_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [" ".join(f"w{(7 * i * j + j * j) % 60}" for j in range(1, i + 3)) for i in range(12)]
    monkeypatch.setattr(pair_scores, "SAMPLE", tuple(words))  # of words that the tiny model knows
    for name in ("cross", "splade", "bi"):
        (tmp_path / name).mkdir()
    bi = str(tiny_models.make_bi_encoder(tmp_path / "bi"))
    cross = str(tiny_models.make_cross_encoder(tmp_path / "cross", 1))
    splade = str(tiny_models.make_splade(tmp_path / "splade"))
    collection = Collection.of({"a": "red wine w1", "b": "green tea w2"}, {"q": "wine w1"}, {"q": {"a": 1}})
    systems: dict[str, Any] = {
        "dense": Dense(bi, precision="int8"),
        "bfloat16": Dense(bi, precision="bfloat16"),
        "late": BM25() >> MaxSim(bi, precision="int8"),
        "cross": BM25() >> CrossEncoder(cross, precision="int8"),
        "sparse": Sparse(splade, precision="int8"),
    }
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path / "store"), device="cpu").run()
    rows = {row.system: row for row in result.rows}
    assert not result.failed, [row.error for row in result.rows]
    assert rows["dense"].address != rows["bfloat16"].address
    said = {
        name: [facts["int8_products"] for facts in row.conventions.stages.values() if "int8_products" in facts]
        for name, row in rows.items()
    }
    assert said.pop("bfloat16") == []
    assert all(texts and int(texts[0].split(" of ")[0]) > 0 for texts in said.values()), said
