"""Write texts with a causal language model: the one place where such models write.

A batch of prompts is read once, what all begin with apart; then every row gets token after token until it ends, and
leaves. What is written for a document depends on its prompt, and where tokens are drawn on its number, and not on its
neighbours, but for rounding: of two tokens that are equally likely to the last bits another may win in another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import hash_texts
from nirank.base.memory import MemoryNeed
from nirank.errors import ModelError
from nirank.inference.batches import run_in_batches
from nirank.inference.causal import LanguageModel
from nirank.inference.decoding import Decoding
from nirank.inference.device import count_device_seconds, estimate_model_memory
from nirank.inference.encoder import Precision
from nirank.inference.models import ModelFiles
from nirank.inference.prompts import Frame, TokenizedPrompt, cut_document, make_chat_frame, tokenize_prompts

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TextGeneration:
    """How texts are written.

    frame         what stands around the document, as plain text
    turns         (question, answer) of a chat that come before
    chat          whether the model's chat template frames it all
    stop_at_line  whether a text ends with its first line that is not blank
    max_length    tokens of prompt and text together; None: as many as the model has positions
    """

    model: ModelFiles
    frame: Frame
    turns: tuple[tuple[str, str], ...] = ()
    chat: bool = False
    decoding: Decoding = field(default_factory=Decoding)
    stop_at_line: bool = True
    max_length: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def to_params(self) -> dict[str, Any]:
        """Return what a text depends on beside its document and its number."""
        return {
            "model": self.model.loaded_identity,
            "frame": [self.frame.before, self.frame.after],
            "turns": [list(turn) for turn in self.turns],
            "chat": self.chat,
            "decoding": asdict(self.decoding),
            "stop_at_line": self.stop_at_line,
            "max_length": self.max_length,
            "precision": self.precision,
        }

    def estimate_memory(self) -> MemoryNeed:
        """Return what writing needs at the least: the model."""
        return estimate_model_memory(self.model, self.precision)


class WrittenText(NamedTuple):
    """A text, how many tokens it has, and their mean log-probability under temperature 1; None for no text."""

    text: str
    tokens: int
    logprob: float | None


class TokenRow:
    """The tokens of one text while it is written.

    counted  how many of them belong to the text: what ended it may not
    """

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.counted, self.total, self.text = 0, 0.0, ""

    def add(self, language: LanguageModel, token: int, logprob: float, stop_at_line: bool) -> bool:
        """Take one more token; tell whether it ends the text."""
        self.tokens.append(token)
        if token in language.ends:
            return True
        before, self.text = self.text.lstrip(), self.text + language.decode_token(token)
        line, *behind = self.text.lstrip().split("\n") if stop_at_line else (self.text,)
        if len(line.rstrip()) > len(before.rstrip()) or not behind:
            self.counted, self.total = len(self.tokens), self.total + logprob
        return bool(behind)

    def to_text(self, language: LanguageModel, stop_at_line: bool) -> WrittenText:
        """Return the text, whole."""
        tokens = [token for token in self.tokens if token not in language.ends]
        text = str(language.tokenizer.decode(tokens)).strip()
        line = text.split("\n", 1)[0].strip() if stop_at_line else text
        return WrittenText(line, self.counted, self.total / self.counted if self.counted else None)


def prepare_prompts(
    language: LanguageModel, docs: Sequence[str], how: TextGeneration
) -> tuple[list[TokenizedPrompt], list[int]]:
    """Return each document's prompt, and how many tokens the document lost so that the prompt fits.

    Raises ModelError where a prompt does not fit without a document.
    """
    frame = make_chat_frame(language, how.frame, how.turns) if how.chat else how.frame
    limits = [limit for limit in (how.max_length, language.max_tokens) if limit is not None]
    room = min(limits) - how.decoding.max_new_tokens if limits else None
    prompts, lost_tokens = [], []
    for prompt in tokenize_prompts(language, frame, docs):
        cut, lost, _ = cut_document(prompt, room)
        if room is not None and len(cut.tokens) > room:
            raise ModelError(
                f"model '{language.name}': the prompt has {len(cut.tokens)} tokens without a document, and there is"
                f" room for {max(room, 0)}; expected fewer or shorter examples"
            )
        prompts.append(cut)
        lost_tokens.append(lost)
    return prompts, lost_tokens


def write_texts(
    language: LanguageModel,
    docs: Sequence[str],
    numbers: Sequence[int],
    how: TextGeneration,
    advance: Callable[[], object] = lambda: None,
) -> list[WrittenText]:
    """Return one text a row.

    docs     (n,) documents; a document that stands in several rows is read once
    numbers  (n,) which of its document's texts each is: where tokens are drawn, they depend on it
    advance  called for each text that is finished
    """
    uniforms = how.decoding.draw_uniforms(hash_texts(docs), np.array(numbers, np.int64))
    distinct = list(dict.fromkeys(docs))
    rows_of: dict[str, list[int]] = {doc: [] for doc in distinct}
    for row, doc in enumerate(docs):
        rows_of[doc].append(row)
    prompts, _ = prepare_prompts(language, distinct, how)
    texts: list[WrittenText] = [WrittenText("", 0, None)] * len(docs)

    def run(batch: list[int], _: None) -> None:
        places = [row for doc in batch for row in rows_of[distinct[doc]]]
        owners = [at for at, doc in enumerate(batch) for _place in rows_of[distinct[doc]]]
        with count_device_seconds(language.device):
            rows = _write_batch(language, [prompts[doc].tokens for doc in batch], owners, uniforms[places], how)
        for place, row in zip(places, rows, strict=True):
            texts[place] = row.to_text(language, how.stop_at_line)
            advance()

    copies = max(map(len, rows_of.values()), default=1)
    lengths = np.array([copies * (len(prompt.tokens) + how.decoding.max_new_tokens) for prompt in prompts], np.int64)
    run_in_batches(lengths, range(len(distinct)), language.choose_batch_tokens(how.batch_tokens), lambda _: None, run)
    return texts


def _write_batch(
    language: LanguageModel,
    prompts: Sequence[Sequence[int]],
    owners: Sequence[int],
    uniforms: NDArray[np.float64],
    how: TextGeneration,
) -> list[TokenRow]:
    """Write one text a row.

    prompts   tokens, each once
    owners    (rows,) the prompt of each row
    uniforms  (rows, max_new_tokens) what chooses tokens where they are drawn
    """
    import torch

    most = how.decoding.max_new_tokens
    rows = [TokenRow() for _ in owners]
    cache, logits = language.read_prompts(prompts, most)
    if list(owners) != list(range(len(prompts))):
        cache, logits = cache.repeat(owners), logits[list(owners)]
    draws = torch.from_numpy(uniforms).to(language.device)
    live = np.arange(len(rows))  # which row each of the cache is
    for at in range(most):
        tokens, logprobs = _choose(logits[:, -1].float(), draws[live, at], how.decoding)
        stays = [
            not rows[row].add(language, token, logprob, how.stop_at_line)
            for row, token, logprob in zip(live.tolist(), tokens.tolist(), logprobs.tolist(), strict=True)
        ]
        if not any(stays) or at + 1 == most:
            break
        if not all(stays):
            order = cache.keep(stays)
            live, tokens = live[order], tokens[order]
        logits = language.read(tokens[:, None], cache, 1)
    return rows


def _choose(logits: Tensor, uniforms: Tensor, decoding: Decoding) -> tuple[Tensor, Tensor]:
    """Return the next token of each row and its log-probability under temperature 1."""
    tokens = decoding.choose_tokens(logits, uniforms)
    return tokens, logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
