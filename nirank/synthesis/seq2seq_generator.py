"""Queries by a sequence-to-sequence model that was trained to write them: doc2query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from nirank.algebra.context import Context
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.values import fit_fields, to_expression
from nirank.base.work import Work
from nirank.errors import ConfigError
from nirank.inference.decoding import Decoding
from nirank.inference.device import ShardResult, measure_shards, record_model_use
from nirank.inference.encoder import Precision
from nirank.inference.models import resolve_model
from nirank.inference.seq2seq import Rewriting, open_seq2seq_model, rewrite_texts
from nirank.synthesis.generator import Generator, Writing
from nirank.synthesis.writing_memo import Request, to_rows, write_missing

_SHARD_QUERIES = 64  # that are written, and then kept, together: what a crash can lose


@dataclass(frozen=True)
class Seq2SeqGenerator(Generator):
    """Have a T5, a BART or their kin write queries, each token drawn among the ten likeliest.

    Nogueira, Lin and the Epistemic AI group, From doc2query to docTTTTTquery, 2019 (top_k).

    model           hub id, folder or pkg:PACKAGE/path
    temperature     what logits are divided by before a token is drawn, from `seed` and the document's text; 0: the
                    likeliest token each time
    top_k, top_p    draw among the k likeliest tokens, and among the fewest whose probabilities sum up to p
    prefix          put before every document, as the model was trained
    max_length      tokens that are read of a document
    """

    model: str
    per_doc: int = 1
    max_new_tokens: int = 64
    temperature: float = 1.0
    top_k: int | None = 10
    top_p: float | None = None
    seed: int = 0
    prefix: str = ""
    max_length: int = 512
    precision: Precision = "float32"
    revision: str | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "seq2seq")
        if not self.model:
            raise ConfigError("seq2seq: model is empty; expected a hub id, a folder or pkg:PACKAGE/path")
        for name in ("per_doc", "max_length"):
            if getattr(self, name) < 1:
                raise ConfigError(f"seq2seq: {name} must be 1 or more, got {getattr(self, name)}")
        self._decoding.check("seq2seq")
        if self.per_doc > 1 and not self.temperature:
            raise ConfigError("seq2seq: at temperature 0 all queries of a document are the same; set one above 0")

    @property
    def title(self) -> str:
        return self.model

    @property
    def _decoding(self) -> Decoding:
        top_k = self.top_k if self.temperature or self.top_k != type(self).top_k else None  # the default is of draws
        return Decoding(self.max_new_tokens, self.temperature, top_k, self.top_p, self.seed)

    @property
    def _rewriting(self) -> Rewriting:
        files = resolve_model(self.model, self.revision)
        return Rewriting(files, self.prefix, self._decoding, self.max_length, self.precision, self.batch_tokens)

    def describe_identity(self) -> Mapping[str, Any]:
        return {"generator": "seq2seq", "version": 1, **self._rewriting.to_params()}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return self._rewriting.estimate_memory()

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        how = self._rewriting
        model = open_seq2seq_model(how.model, how.precision, ctx.device)
        record_model_use(how.model, model.model, model.device, ctx)
        _, lost = model.tokenize([how.prefix + doc for doc in docs], how.max_length)
        ctx.count("truncated_documents", sum(tokens > 0 for tokens in lost))
        ctx.count("document_tokens_lost", sum(lost))
        total = len(docs) * self.per_doc
        done = iter(ctx.track(range(total), total, f"writing with {self.title}"))

        def write(shards: Iterable[list[Request]]) -> Iterable[ShardResult]:
            if ctx.engine is None:
                return map(measure_shards(partial(_write_shard, how, ctx.device, done)), shards)
            return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _describe_shard), shards)

        yield from write_missing(docs, self.per_doc, how.to_params(), write, _SHARD_QUERIES, ctx)
        for _ in done:
            pass

    def __repr__(self) -> str:
        return to_expression(self)


def open_shards(how: Rewriting, device: str) -> Callable[[list[Request]], ShardResult]:
    """Return the function that writes a shard; a worker process calls this."""
    open_seq2seq_model(how.model, how.precision, device)
    return measure_shards(partial(_write_shard, how, device, iter(())))


def _write_shard(how: Rewriting, device: str, done: Iterator[int], shard: list[Request]) -> Any:
    model = open_seq2seq_model(how.model, how.precision, device)
    docs, numbers = zip(*shard, strict=True)
    texts = rewrite_texts(model, docs, numbers, how, lambda: next(done, None))
    return to_rows([Writing(text.text, text.logprob, text.tokens) for text in texts])


def _describe_shard(shard: list[Request]) -> str:
    return f"{len(shard):,} queries (for '{shard[0].doc[:40]}' and on)"
