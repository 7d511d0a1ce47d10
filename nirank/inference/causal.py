"""Causal language models: loaded once, and read through a cache of their own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.context import Context
from nirank.base.files import InputFile
from nirank.base.memory import fit_block_size
from nirank.errors import ModelError
from nirank.inference.device import cache_models, record_model_use
from nirank.inference.encoder import Precision, choose_device
from nirank.inference.folders import inspect_folder
from nirank.inference.gguf import convert_gguf
from nirank.inference.loading import count_positions, load_language_model
from nirank.inference.models import ModelFiles

if TYPE_CHECKING:
    from torch import Tensor

    from nirank.inference.causal_cache import RowCache

_CACHE_BYTES, _ACCELERATOR_CACHE_BYTES = 1 << 29, 1 << 33  # of the keys and values of a batch
_READ_KINDS = {"full_attention", "sliding_attention", "attention"}
_PROBE_TOKENS, _PROBE_PREFIX = 12, 5
_TOLERANCE = 1e-3  # of float32, relative to the greatest logit; random tokens magnify rounding
_MIN_COSINE = 0.9  # of logits in 16 bits, read in two ways


class LanguageModel:
    """A causal language model and its tokenizer.

    name       for messages
    max_tokens how many it reads; None: any number
    start      token ids that stand before every text
    ends       token ids that end what it writes
    """

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.max_tokens = count_positions(model)
        ids = tokenizer("a")["input_ids"]
        self.start: list[int] = ids[:1] if ids and ids[0] == tokenizer.bos_token_id else []
        self.ends = _list_ends(model, tokenizer)
        self._arguments = set(inspect.signature(model.forward).parameters)
        self._prefix: tuple[list[int], RowCache] | None = None
        self._pieces: dict[int, str] = {}

    @property
    def device(self) -> Any:
        """Where it computes."""
        return self.model.device

    @property
    def token_bytes(self) -> int:
        """Bytes of the keys and values of one token."""
        config = self.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return int(2 * config.num_hidden_layers * heads * size * self.model.dtype.itemsize)

    def decode_token(self, token: int) -> str:
        """Return what one token writes."""
        if token not in self._pieces:
            self._pieces[token] = str(self.tokenizer.decode([token]))
        return self._pieces[token]

    def choose_batch_tokens(self, requested: int | None) -> int:
        """Return how many tokens, padding included, may be kept in a cache at a time."""
        usual = _CACHE_BYTES if self.device.type == "cpu" else _ACCELERATOR_CACHE_BYTES
        return requested or fit_block_size(max(usual // self.token_bytes, 1), self.token_bytes)

    def read(self, tokens: Tensor, cache: RowCache, keep: int) -> Tensor:
        """Read more tokens of each row of a cache, (rows, m); return the logits of the last `keep`, float32."""
        import torch

        past = cache.length
        columns = torch.arange(past + tokens.shape[1], device=tokens.device)
        options = {
            "attention_mask": (columns[None, :] >= cache.starts[:, None]).long(),
            "position_ids": (columns[None, past:] - cache.starts[:, None]).clamp(min=0),
            "logits_to_keep": keep,
        }
        known = {name: value for name, value in options.items() if name in self._arguments}
        with torch.inference_mode():
            output = self.model(input_ids=tokens, past_key_values=cache.states, use_cache=True, **known)
        logits: Tensor = output.logits[:, -keep:]
        return logits

    def read_prompts(self, prompts: Sequence[Sequence[int]], room: int) -> tuple[RowCache, Tensor]:
        """Read whole prompts, what all begin with once; return their cache and the logits of their last tokens.

        room  how many tokens will be read behind them
        """
        import torch

        from nirank.inference.causal_cache import RowCache

        longest = max(map(len, prompts))
        cache = RowCache([longest - len(prompt) for prompt in prompts], longest + room, self.device)
        shared = count_shared_tokens(prompts)
        if shared:
            cache.copy_prefix(self._read_prefix(list(prompts[0][:shared])), shared)
        filler = prompts[0][0]
        rows = [[filler] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        tokens = torch.tensor([row[shared:] for row in rows], device=self.device)
        return cache, self.read(tokens, cache, 1)

    def _read_prefix(self, tokens: list[int]) -> RowCache:
        """Return a cache of one row that has read some tokens; the last one is kept."""
        import torch

        from nirank.inference.causal_cache import RowCache

        if self._prefix is None or self._prefix[0] != tokens:
            self._prefix = None
            cache = RowCache([0], len(tokens), self.device)
            self.read(torch.tensor([tokens], device=self.device), cache, 1)
            self._prefix = (tokens, cache)
        return self._prefix[1]


def count_shared_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Return with how many tokens all prompts begin, of each one at least left."""
    first, last = (
        min(map(list, prompts)),
        max(map(list, prompts)),
    )  # in the order of lists all others stand between these two
    most = min(map(len, prompts)) - 1
    return next((at for at in range(most) if first[at] != last[at]), max(most, 0))


def open_language_model(files: ModelFiles, precision: Precision, device: str) -> LanguageModel:
    """Load a causal language model, once a process."""
    return _load(files.path, files.content, files.name, precision, choose_device(device))


def record_use(files: ModelFiles, language: LanguageModel, ctx: Context) -> None:
    """State which model runs where, for the row."""
    record_model_use(files, language.model, language.device, ctx)


@cache_models
def _load(
    path: Path, content: tuple[tuple[str, str], ...], name: str, precision: Precision, device: str
) -> LanguageModel:
    from transformers import AutoTokenizer

    folder = path
    if path.is_file():
        folder = convert_gguf(name, InputFile(path, dict(content)["files"]))
        content = (("files", inspect_folder(name, folder).digest),)
    model = load_language_model(name, folder, content, precision, device)
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    if kinds - _READ_KINDS:
        raise ModelError(f"model '{name}': has layers of {', '.join(sorted(kinds - _READ_KINDS))}; expected attention")
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:
        raise ModelError(f"model '{name}': its tokenizer cannot be loaded ({error})") from error
    if not tokenizer.is_fast:
        raise ModelError(f"model '{name}': its tokenizer tells no places in texts; expected one with tokenizer.json")
    language = LanguageModel(model, tokenizer, name)
    _check_reading(language)
    return language


def _check_reading(language: LanguageModel) -> None:
    """Raise ModelError where tokens that are read in parts, beside a longer row, have other logits than at once."""
    import torch

    drawn = torch.randint(0, language.model.config.get_text_config().vocab_size, (_PROBE_TOKENS + 2,),
                          generator=torch.Generator().manual_seed(0)).tolist()  # fmt: skip
    shared, rest = drawn[:_PROBE_PREFIX], drawn[_PROBE_PREFIX:]
    rows = [shared + rest, shared + rest[2:]]
    try:
        with torch.inference_mode():
            alone = [
                language.model(input_ids=torch.tensor([row], device=language.device)).logits[0, -1] for row in rows
            ]
        _, together = language.read_prompts(rows, 1)
    except (TypeError, ValueError, AttributeError, RuntimeError, IndexError) as error:
        raise ModelError(
            f"model '{language.name}': cannot be read with a cache of keys and values"
            f" ({str(error).splitlines()[0] if str(error) else type(error).__name__}); is it a causal language model?"
        ) from error
    for single, joint in zip(torch.stack(alone).float(), together[:, -1].float(), strict=True):
        wrong = (
            (single - joint).abs().max() > _TOLERANCE * single.abs().max()
            if language.model.dtype == torch.float32
            else torch.nn.functional.cosine_similarity(single, joint, dim=0) < _MIN_COSINE
        )
        if wrong:
            raise ModelError(
                f"model '{language.name}': a token's logits depend on what stands behind it or in other rows; is it a"
                " causal language model?"
            )


def _list_ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a text, by the model's configurations and the tokenizer's."""
    sources = (getattr(model, "generation_config", None), model.config.get_text_config(), tokenizer)
    values = [getattr(source, "eos_token_id", None) for source in sources]
    lists = [value if isinstance(value, (list, tuple)) else [value] for value in values]
    return frozenset(int(token) for tokens in lists for token in tokens if token is not None)
