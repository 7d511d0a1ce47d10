"""Write texts with a sequence-to-sequence model, T5, BART and their kin: an encoder reads, a decoder writes.

What is written for a text depends on the text, and where tokens are drawn on its number, and not on its neighbours, but
for rounding: of two tokens that are equally likely to the last bits another may win in another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import hash_texts
from nirank.base.memory import MemoryNeed
from nirank.errors import ModelError
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.inference.decoding import Decoding
from nirank.inference.device import cache_models, count_device_seconds, estimate_model_memory
from nirank.inference.encoder import Precision, choose_device
from nirank.inference.generation import WrittenText
from nirank.inference.loading import load_language_model
from nirank.inference.models import ModelFiles

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rewriting:
    """How texts are written.

    prefix      put before every text, as some models were trained
    max_length  tokens that are read of a text, with the prefix
    """

    model: ModelFiles
    prefix: str = ""
    decoding: Decoding = field(default_factory=Decoding)
    max_length: int = 512
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def to_params(self) -> dict[str, Any]:
        """Return what a text depends on beside what is read and its number."""
        return {
            "model": self.model.loaded_identity,
            "prefix": self.prefix,
            "decoding": asdict(self.decoding),
            "max_length": self.max_length,
            "precision": self.precision,
        }

    def estimate_memory(self) -> MemoryNeed:
        """Return what writing needs at the least: the model."""
        return estimate_model_memory(self.model, self.precision)


class Seq2SeqModel:
    """A sequence-to-sequence model and its tokenizer.

    start  the token that the decoder begins with; first: the one that it must write first, None for any
    ends   tokens that end what it writes
    """

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self.model, self.tokenizer, self.name = model, tokenizer, name
        settings = [model.generation_config, model.config]
        start = next((value for value in _list_values(settings, "decoder_start_token_id")), None)
        if start is None:
            raise ModelError(f"model '{name}': names no token that its decoder begins with (decoder_start_token_id)")
        self.start = int(start)
        self.first: int | None = next(iter(_list_values(settings[:1], "forced_bos_token_id")), None)
        self.ends = frozenset(_list_values([*settings, tokenizer], "eos_token_id"))

    @property
    def device(self) -> Any:
        """Where it computes."""
        return self.model.device

    def tokenize(self, texts: Sequence[str], max_length: int) -> tuple[list[list[int]], list[int]]:
        """Return the tokens that are read of each text, and how many are not."""
        whole = self.tokenizer(list(texts), verbose=False)["input_ids"]
        read = self.tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
        return read, [len(tokens) - len(cut) for tokens, cut in zip(whole, read, strict=True)]


@dataclass
class _Row:
    tokens: list[int] = field(default_factory=list)
    total: float = 0.0


def open_seq2seq_model(files: ModelFiles, precision: Precision, device: str) -> Seq2SeqModel:
    """Load a sequence-to-sequence model, once a process."""
    model: Seq2SeqModel = _load(files.path, files.content, files.name, precision, choose_device(device))
    return model


@cache_models
def _load(path: Path, content: tuple[tuple[str, str], ...], name: str, precision: Precision, device: str) -> Any:
    from transformers import AutoTokenizer

    model = load_language_model(name, path, content, precision, device, kind="seq2seq")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), local_files_only=True)
    except Exception as error:
        raise ModelError(f"model '{name}': its tokenizer cannot be loaded ({error})") from error
    return Seq2SeqModel(model, tokenizer, name)


def rewrite_texts(
    model: Seq2SeqModel,
    texts: Sequence[str],
    numbers: Sequence[int],
    how: Rewriting,
    advance: Callable[[], object] = lambda: None,
) -> list[WrittenText]:
    """Return one written text a row.

    texts    (n,) what is read; a text that stands in several rows is read once a batch
    numbers  (n,) which of its text's each is: where tokens are drawn, they depend on it
    advance  called for each that is finished
    """
    uniforms = how.decoding.draw_uniforms(hash_texts(texts), np.array(numbers, np.int64))
    read, _ = model.tokenize([how.prefix + text for text in texts], how.max_length)
    written: list[WrittenText] = [WrittenText("", 0, None)] * len(texts)

    def run(batch: list[int], _: None) -> None:
        with count_device_seconds(model.device):
            rows = _write_batch(model, [tuple(read[row]) for row in batch], uniforms[batch], how.decoding)
        for place, row in zip(batch, rows, strict=True):
            text = str(model.tokenizer.decode(row.tokens, skip_special_tokens=True)).strip()
            n = len(row.tokens)
            written[place] = WrittenText(text, n, row.total / n if n else None)
            advance()

    lengths = np.array([len(tokens) for tokens in read], np.int64)
    budget = choose_token_budget(model.device.type, how.batch_tokens)
    run_in_batches(lengths, range(len(texts)), budget, lambda _: None, run)
    return written


def _write_batch(
    model: Seq2SeqModel, inputs: Sequence[tuple[int, ...]], uniforms: NDArray[np.float64], decoding: Decoding
) -> list[_Row]:
    """Write one text a row; rows that have ended leave."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    rows = [_Row() for _ in inputs]
    states, mask = _read_inputs(model, inputs)
    draws = torch.from_numpy(uniforms).to(model.device)
    live = np.arange(len(rows))  # which row each of the batch is
    tokens = torch.full((len(rows),), model.start, device=model.device)
    cache: Any = None
    for at in range(decoding.max_new_tokens):
        with torch.inference_mode():
            output = model.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=states),
                attention_mask=mask,
                decoder_input_ids=tokens[:, None],
                past_key_values=cache,
                use_cache=True,
            )
        cache, logits = output.past_key_values, output.logits[:, -1].float()
        tokens = decoding.choose_tokens(logits, draws[live, at])
        if at == 0 and model.first is not None:
            tokens = torch.full_like(tokens, model.first)
        logprobs = logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
        for row, token, logprob in zip(live.tolist(), tokens.tolist(), logprobs.tolist(), strict=True):
            if token not in model.ends and not (at == 0 and token == model.first):
                rows[row].tokens.append(token)
                rows[row].total += logprob
        stays = [token not in model.ends for token in tokens.tolist()]
        if not any(stays):
            break
        if not all(stays):
            kept = torch.tensor(np.flatnonzero(stays), device=model.device)
            cache.reorder_cache(kept)
            states, mask, tokens, live = states[kept], mask[kept], tokens[kept], live[stays]
    return rows


def _read_inputs(model: Seq2SeqModel, inputs: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
    """Return the encoder's states of each row and its mask; equal rows are read once."""
    import torch

    distinct = list(dict.fromkeys(inputs))
    places = {tokens: place for place, tokens in enumerate(distinct)}
    padded = model.tokenizer.pad({"input_ids": [list(tokens) for tokens in distinct]}, return_tensors="pt")
    padded = padded.to(model.device)
    with torch.inference_mode():
        read = model.model.get_encoder()(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"])
    of_rows = torch.tensor([places[tokens] for tokens in inputs], device=model.device)
    return read.last_hidden_state[of_rows], padded["attention_mask"][of_rows]


def _list_values(sources: Sequence[Any], name: str) -> list[int]:
    """Return the tokens that some configurations have under a name, those of lists too."""
    values = [getattr(source, name, None) for source in sources]
    lists = [value if isinstance(value, (list, tuple)) else [value] for value in values]
    return [int(token) for tokens in lists for token in tokens if token is not None]
