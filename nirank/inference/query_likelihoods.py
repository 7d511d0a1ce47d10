"""How likely a causal language model finds a query after a document: the one place where such scores are computed.

A document is read once for all queries that ask for it, and what all prompts begin with once for all documents; only
the queries' own tokens are then read behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import combine_keys, hash_texts
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.work import Work
from nirank.errors import ConfigError, ModelError
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.inference.causal import LanguageModel, count_shared_tokens, open_language_model, record_use
from nirank.inference.device import ShardResult, count_device_seconds, estimate_model_memory, measure_shards
from nirank.inference.encoder import Precision
from nirank.inference.models import ModelFiles
from nirank.inference.prompts import Frame, TokenizedPrompt, cut_document, make_chat_frame, tokenize_prompts
from nirank.inference.remembered import compute_missing_pairs, split_by_number

DOCUMENT = "{document}"
# Sachan et al., EMNLP 2022: "Passage: ", title, text, ". ", and the instruction, by the authors' own code.
UPR = f"Passage: {DOCUMENT}. Please write a question based on this passage."
_SHARD_PAIRS = 512  # whose scores are stored together
_LOGIT_BYTES = 1 << 28  # of the logits that are made probabilities at a time


class PairTexts(NamedTuple):
    """The texts of a shard of pairs."""

    queries: list[str]
    docs: list[str]


@dataclass(frozen=True)
class LikelihoodScoring:
    """How pairs are scored.

    prompt      with {document} where the document stands; the query follows after a blank, or as the answer of a chat
    chat        whether the model's chat template frames the prompt
    max_length  tokens of prompt and query together; None: as many as the model has positions
    """

    model: ModelFiles
    prompt: str = UPR
    chat: bool = False
    max_length: int | None = None
    precision: Precision = "float32"
    batch_tokens: int | None = None

    def to_memo_space(self) -> dict[str, Any]:
        """Return what a pair's score depends on beside the two texts."""
        return {
            "model": self.model.loaded_identity,
            "prompt": self.prompt,
            "chat": self.chat,
            "max_length": self.max_length,
            "precision": self.precision,
        }

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what scoring needs: the model, the texts, and keys of all pairs."""
        model = estimate_model_memory(self.model, self.precision)
        return model._replace(main=model.main + 2 * (sizes.query_bytes + sizes.doc_bytes) + 48 * sizes.listed_pairs)

    def make_frame(self, language: LanguageModel) -> Frame:
        """Return what stands around a document."""
        frame = split_prompt(self.prompt, "query_likelihood")
        return make_chat_frame(language, frame) if self.chat else frame


def split_prompt(prompt: str, where: str) -> Frame:
    """Return what stands before and behind the document; raise ConfigError unless it has one place."""
    parts = prompt.split(DOCUMENT)
    if len(parts) != 2:
        raise ConfigError(f"{where}: prompt must have {DOCUMENT} once, got {len(parts) - 1} in '{prompt}'")
    before, after = parts
    return Frame(before, after)


def score_likelihoods(
    queries: Sequence[str], docs: Sequence[str], pairs: NDArray[np.integer], how: LikelihoodScoring, ctx: Context
) -> NDArray[np.float32]:
    """Return the mean log-probability of each pair's query tokens after its document, (n_pairs,) float32.

    queries, docs  the texts
    pairs          (n_pairs, 2) positions in them
    A query without tokens has 0. The document is cut to fit; a query that does not fit without a document is cut too.
    What a memo knows is not scored again. Counts truncated documents and queries, and tokens lost.
    """
    if not len(pairs):
        return np.empty(0, np.float32)
    language = open_language_model(how.model, how.precision, ctx.device)
    record_use(how.model, language, ctx)
    done = iter(ctx.track(range(len(pairs)), len(pairs), f"scoring queries with {how.model.name}"))

    def gather_texts(shard: NDArray[np.int64]) -> PairTexts:
        return PairTexts([queries[q] for q in pairs[shard, 0].tolist()], [docs[d] for d in pairs[shard, 1].tolist()])

    def score_shard(texts: PairTexts) -> NDArray[Any]:
        return _score_shard(language, texts, how, done)

    def compute(shards: Iterable[NDArray[np.int64]]) -> Iterable[ShardResult]:
        texts = map(gather_texts, shards)
        if ctx.engine is None:
            return map(measure_shards(score_shard), texts)
        return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _describe_pairs), texts)

    def cut(missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        by_document = missing[np.lexsort((missing, pairs[missing, 1]))]
        return split_by_number(_SHARD_PAIRS, by_document)

    row_type = np.dtype([("score", "<f4"), ("doc_lost", "<u4"), ("query_lost", "<u4")])
    memo = ctx.open_memo({"query likelihoods": how.to_memo_space()}, row_type)
    keys = combine_keys(hash_texts(queries)[pairs[:, 0]], hash_texts(docs)[pairs[:, 1]])
    rows = compute_missing_pairs(keys, memo, cut, compute, row_type, ctx)
    for _ in done:
        pass
    ctx.count("truncated_documents", int((rows["doc_lost"] > 0).sum()))
    ctx.count("document_tokens_lost", int(rows["doc_lost"].sum()))
    ctx.count("truncated_queries", len(np.unique(pairs[rows["query_lost"] > 0, 0])))
    limits = [limit for limit in (how.max_length, language.max_tokens) if limit is not None]
    declared = {
        "model": how.model.name,
        "prompt": how.prompt,
        "chat": how.chat,
        "max_length": min(limits, default=None),
        "precision": how.precision,
        "output": "mean log-probability of the query's tokens",
    }
    for name, value in declared.items():
        ctx.declare(name, value)
    scores: NDArray[np.float32] = rows["score"]
    return scores


def open_shards(how: LikelihoodScoring, device: str) -> Callable[[PairTexts], ShardResult]:
    """Load the model, and return the function that scores a shard; a worker process calls this."""
    language = open_language_model(how.model, how.precision, device)
    return measure_shards(lambda texts: _score_shard(language, texts, how, iter(())))


def _describe_pairs(texts: PairTexts) -> str:
    return f"{len(texts.docs):,} pairs (of the query '{texts.queries[0][:40]}' and on)"


def _score_shard(
    language: LanguageModel, texts: PairTexts, how: LikelihoodScoring, done: Iterator[int]
) -> NDArray[Any]:
    """Score pairs in batches of documents of similar length; advance `done` by every pair."""
    rows = np.zeros(len(texts.docs), [("score", "<f4"), ("doc_lost", "<u4"), ("query_lost", "<u4")])
    limits = [limit for limit in (how.max_length, language.max_tokens) if limit is not None]
    targets = [query if how.chat else f" {query}" if query else "" for query in texts.queries]
    prompts: list[TokenizedPrompt] = []
    for row, prompt in enumerate(tokenize_prompts(language, how.make_frame(language), texts.docs, targets)):
        cut, rows["doc_lost"][row], rows["query_lost"][row] = cut_document(prompt, min(limits, default=None))
        prompts.append(cut)
    groups = _group_by_document(texts.docs, prompts)
    lengths = np.array([max(len(prompts[row].tokens) for row in group) for group in groups], np.int64)

    def run(batch: list[int], _: None) -> None:
        members = [groups[at] for at in batch]
        with count_device_seconds(language.device):
            for row, score in _score_groups(language, [[prompts[row] for row in group] for group in members], members):
                rows["score"][row] = score
                next(done, None)

    budget = min(
        language.choose_batch_tokens(how.batch_tokens), choose_token_budget(language.device.type, how.batch_tokens)
    )
    run_in_batches(lengths, range(len(groups)), budget, lambda _: None, run)
    if not np.isfinite(rows["score"]).all():
        raise ModelError(
            f"model '{how.model.name}' in {how.precision}: {(~np.isfinite(rows['score'])).sum()} scores not finite"
        )
    return rows


def _group_by_document(docs: Sequence[str], prompts: Sequence[TokenizedPrompt]) -> list[list[int]]:
    """Return the rows of each document, as far as their prompts are cut alike; rows without a target are left out."""
    groups: dict[tuple[str, tuple[int, int]], list[int]] = {}
    for row, (doc, prompt) in enumerate(zip(docs, prompts, strict=True)):
        if prompt.target < len(prompt.tokens):
            groups.setdefault((doc, prompt.document), []).append(row)
    return list(groups.values())


def _score_groups(
    language: LanguageModel, groups: list[list[TokenizedPrompt]], names: list[list[int]]
) -> Iterator[tuple[int, float]]:
    """Yield (name, score) of every prompt; those of a group share their document."""
    import torch

    order = sorted(range(len(groups)), key=lambda at: -len(groups[at]))  # those with most queries stand first
    groups, names = [groups[at] for at in order], [names[at] for at in order]
    shared = [_count_shared(group) for group in groups]
    heads = [group[0].tokens[:n] for group, n in zip(groups, shared, strict=True)]
    tails = [[prompt.tokens[n:] for prompt in group] for group, n in zip(groups, shared, strict=True)]
    cache, _ = language.read_prompts(heads, max(len(tail) for group in tails for tail in group))
    length = cache.length
    starts = cache.starts
    for turn in range(len(groups[0])):
        n = sum(len(group) > turn for group in groups)
        cache.show(n, length)
        cache.starts = starts[:n]
        rows = [group[turn] for group in tails[:n]]
        longest = max(map(len, rows))
        tokens = torch.tensor([row + row[-1:] * (longest - len(row)) for row in rows], device=language.device)
        logits = language.read(tokens, cache, longest)
        for at in range(n):
            first = groups[at][turn].target - shared[at]  # in the tail
            yield names[at][turn], _compute_mean(logits[at, first - 1 : len(rows[at]) - 1], rows[at][first:])


def _count_shared(group: Sequence[TokenizedPrompt]) -> int:
    """Return with how many tokens all prompts of a document begin; the last one before a target is never among them."""
    before = min(prompt.target for prompt in group) - 1
    return min(before, count_shared_tokens([prompt.tokens for prompt in group]))


def _compute_mean(logits: Any, tokens: list[int]) -> float:
    """Return the mean log-probability of tokens, (n,), by logits, (n, vocabulary)."""
    import torch

    step = max(_LOGIT_BYTES // (4 * logits.shape[-1]), 1)
    total = 0.0
    for start in range(0, len(tokens), step):
        part = logits[start : start + step].float()
        chosen = torch.tensor(tokens[start : start + step], device=part.device)
        total += float((part.gather(1, chosen[:, None])[:, 0] - part.logsumexp(-1)).double().sum())
    return total / len(tokens)
