"""Write texts with a causal language model: the one place where such models write.

A batch of prompts is read once, what all begin with apart; then every row gets token after token until it ends, and
leaves. What is written for a document depends on its prompt, and where tokens are drawn on its number, and not on its
neighbours, but for rounding: of two tokens that are equally likely to the last bits another may win in another batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Rows, derive_part_keys, hash_texts
from nirank.base.memory import MemoryNeed
from nirank.base.work import Work
from nirank.errors import ModelError
from nirank.inference.batches import run_in_batches
from nirank.inference.causal import LanguageModel, open_language_model, record_use
from nirank.inference.decoding import Decoding
from nirank.inference.device import ShardResult, count_device_seconds, estimate_model_memory, measure_shards
from nirank.inference.encoder import Precision
from nirank.inference.models import ModelFiles
from nirank.inference.prompts import Frame, TokenizedPrompt, cut_document, make_chat_frame, tokenize_prompts
from nirank.inference.remembered import compute_missing_pairs, split_by_number

if TYPE_CHECKING:
    from torch import Tensor

_SHARD_TEXTS = 64  # that are written, and then kept, at a time: what a crash can lose


@dataclass(frozen=True)
class TextGeneration:
    """How texts are written.

    frame        what stands around the document, as plain text
    turns        (question, answer) of a chat that come before
    chat         whether the model's chat template frames it all
    per_doc      texts a document
    stop_at_line whether a text ends with its first line
    max_length   tokens of prompt and text together; None: the model's positions
    """

    model: ModelFiles
    frame: Frame
    turns: tuple[tuple[str, str], ...] = ()
    chat: bool = False
    decoding: Decoding = field(default_factory=Decoding)
    per_doc: int = 1
    stop_at_line: bool = True
    max_length: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def to_memo_space(self) -> dict[str, Any]:
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

    @property
    def row_type(self) -> np.dtype[Any]:
        """What a memo keeps: the tokens, how many, of them those of the text, and their mean log-probability."""
        tokens = ("tokens", "<i4", (self.decoding.max_new_tokens,))
        return np.dtype([tokens, ("n", "<i4"), ("counted", "<i4"), ("logprob", "<f4"), ("lost", "<i4")])

    def estimate_memory(self) -> MemoryNeed:
        """Return what writing needs at the least: the model."""
        return estimate_model_memory(self.model, self.precision)


class WrittenText(NamedTuple):
    """A text, how many tokens it has, and their mean log-probability under temperature 1; None for no text."""

    text: str
    tokens: int
    logprob: float | None


class Shard(NamedTuple):
    """Documents, each with the number of the text that is wanted, and the random numbers that choose its tokens."""

    docs: list[str]
    uniforms: NDArray[np.float64]


def write_texts(docs: Sequence[str], how: TextGeneration, ctx: Context) -> list[list[WrittenText]]:
    """Return the texts of each document; what a memo knows is not written again.

    Counts documents that were cut to fit, and tokens lost.
    """
    if not docs:
        return []
    language = open_language_model(how.model, how.precision, ctx.device)
    record_use(how.model, language, ctx)
    keys = np.repeat(hash_texts(docs), how.per_doc, axis=0)
    numbers = np.tile(np.arange(how.per_doc), len(docs))
    done = iter(ctx.track(range(len(keys)), len(keys), f"writing with {how.model.name}"))

    def gather(shard: NDArray[np.int64]) -> Shard:
        uniforms = how.decoding.draw_uniforms(keys[shard], numbers[shard])
        return Shard([docs[at // how.per_doc] for at in shard.tolist()], uniforms)

    def write_shard(shard: Shard) -> Rows:
        return _write_shard(language, shard, how, done)

    def compute(shards: Iterable[NDArray[np.int64]]) -> Iterable[ShardResult]:
        gathered = map(gather, shards)
        if ctx.engine is None:
            return map(measure_shards(write_shard), gathered)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _describe_shard), gathered)

    memo = ctx.open_memo({"written texts": how.to_memo_space()}, how.row_type)
    rows = compute_missing_pairs(
        derive_part_keys(keys, numbers), memo, partial(split_by_number, _SHARD_TEXTS), compute, how.row_type, ctx
    )
    for _ in done:
        pass
    ctx.count("truncated_documents", int((rows["lost"][:: how.per_doc] > 0).sum()))
    ctx.count("document_tokens_lost", int(rows["lost"][:: how.per_doc].sum()))
    texts = [_read_row(language, row, how.stop_at_line) for row in rows]
    return [texts[start : start + how.per_doc] for start in range(0, len(texts), how.per_doc)]


def open_shards(how: TextGeneration, device: str) -> Callable[[Shard], ShardResult]:
    """Load the model, and return the function that writes a shard; a worker process calls this."""
    language = open_language_model(how.model, how.precision, device)
    return measure_shards(lambda shard: _write_shard(language, shard, how, iter(())))


def _describe_shard(shard: Shard) -> str:
    return f"{len(shard.docs):,} documents (from '{shard.docs[0][:40]}' on)"


def _write_shard(language: LanguageModel, shard: Shard, how: TextGeneration, done: Iterator[int]) -> Rows:
    frame = make_chat_frame(language, how.frame, how.turns) if how.chat else how.frame
    rows = np.zeros(len(shard.docs), how.row_type)
    distinct = list(dict.fromkeys(shard.docs))
    members: dict[str, list[int]] = {doc: [] for doc in distinct}
    for row, doc in enumerate(shard.docs):
        members[doc].append(row)
    limits = [limit for limit in (how.max_length, language.max_tokens) if limit is not None]
    room = min(limits) - how.decoding.max_new_tokens if limits else None
    prompts: list[TokenizedPrompt] = []
    for doc, prompt in zip(distinct, tokenize_prompts(language, frame, distinct), strict=True):
        cut, lost, _ = cut_document(prompt, room)
        if room is not None and len(cut.tokens) > room:
            raise ModelError(
                f"model '{language.name}': the prompt has {len(cut.tokens)} tokens without a document, and there is"
                f" room for {max(room, 0)}; expected fewer or shorter examples"
            )
        rows["lost"][members[doc]] = lost
        prompts.append(cut)
    lengths = np.array([len(prompt.tokens) + how.decoding.max_new_tokens for prompt in prompts])
    copies = max(map(len, members.values()))

    def run(batch: list[int], _prepared: None) -> None:
        owners = [at for at, doc in enumerate(batch) for _row in members[distinct[doc]]]
        places = [row for doc in batch for row in members[distinct[doc]]]
        with count_device_seconds(language.device):
            rows_of_batch = _write_batch(
                language, [prompts[doc].tokens for doc in batch], owners, shard.uniforms[places], how
            )
        for name in ("tokens", "n", "counted", "logprob"):
            rows[name][places] = rows_of_batch[name]
        for _place in places:
            next(done, None)

    budget = language.choose_batch_tokens(how.batch_tokens)
    run_in_batches(lengths * copies, range(len(distinct)), budget, lambda _: None, run)
    return rows


def _write_batch(
    language: LanguageModel,
    prompts: Sequence[Sequence[int]],
    owners: Sequence[int],
    uniforms: NDArray[np.float64],
    how: TextGeneration,
) -> Rows:
    """Write one text a row.

    prompts  tokens, each once
    owners   (rows,) the prompt of each row
    """
    import torch

    most = how.decoding.max_new_tokens
    rows = np.zeros(len(owners), how.row_type)
    sums = np.zeros(len(owners))
    cache, logits = language.read_prompts(prompts, most)
    if list(owners) != list(range(len(prompts))):
        cache, logits = cache.repeat(owners), logits[list(owners)]
    draws = torch.from_numpy(uniforms).to(language.device)
    live = np.arange(len(owners))  # the row of `rows` of each row of the cache
    texts = [""] * len(owners)
    for at in range(most):
        tokens, logprobs = _choose(logits[:, -1].float(), draws[live, at], how.decoding)
        ended = []
        for row, token, logprob in zip(live.tolist(), tokens.tolist(), logprobs.tolist(), strict=True):
            rows["tokens"][row, at], rows["n"][row] = token, at + 1
            is_end, has_text = _read_end(language, token, bool(texts[row].strip()), how.stop_at_line)
            if has_text or not is_end:
                rows["counted"][row] = at + 1
                sums[row] += logprob
            texts[row] += language.decode_token(token)
            ended.append(is_end)
        if all(ended) or at + 1 == most:
            break
        staying = [not end for end in ended]
        order = cache.keep(staying) if any(ended) else list(range(len(live)))
        live, tokens = live[order], tokens[order]
        logits = language.read(tokens[:, None], cache, 1)
    with np.errstate(invalid="ignore"):
        rows["logprob"] = sums / np.where(rows["counted"], rows["counted"], np.nan)
    return rows


def _choose(logits: Tensor, uniforms: Tensor, decoding: Decoding) -> tuple[Tensor, Tensor]:
    """Return the next token of each row and its log-probability under temperature 1."""
    tokens = decoding.choose_tokens(logits, uniforms)
    return tokens, logits.gather(1, tokens[:, None])[:, 0] - logits.logsumexp(-1)


def _read_end(language: LanguageModel, token: int, has_begun: bool, stop_at_line: bool) -> tuple[bool, bool]:
    """Tell whether a token ends a text, and whether it still belongs to it; a line ends once it has begun."""
    if token in language.ends:
        return True, False
    if not stop_at_line:
        return False, True
    piece = language.decode_token(token)
    if not has_begun:
        piece = piece.lstrip()
        has_begun = bool(piece)
    line, *behind = piece.split("\n")
    return bool(has_begun and behind), bool(line.strip())


def _read_row(language: LanguageModel, row: Any, stop_at_line: bool) -> WrittenText:
    tokens = row["tokens"][: int(row["n"])].tolist()
    text = str(language.tokenizer.decode([token for token in tokens if token not in language.ends])).strip()
    if stop_at_line:
        text = text.split("\n", 1)[0].strip()
    counted = int(row["counted"])
    return WrittenText(text, counted, float(row["logprob"]) if counted else None)
