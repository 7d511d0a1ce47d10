"""Queries by a causal language model that is shown examples, or asked in a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.values import fit_fields, to_expression
from nirank.base.work import Work
from nirank.errors import ConfigError
from nirank.inference.causal import open_language_model, record_use
from nirank.inference.decoding import Decoding
from nirank.inference.device import ShardResult, measure_shards
from nirank.inference.encoder import Precision
from nirank.inference.generation import TextGeneration, prepare_prompts, write_texts
from nirank.inference.models import resolve_model
from nirank.inference.prompts import Frame
from nirank.synthesis.few_shot import FewShot, Pairs, cut_words, write_completion_prompt
from nirank.synthesis.generator import Generator, Writing
from nirank.synthesis.writing_memo import Request, to_rows, write_missing

_ASK = "Write a search query that the following document answers. Answer with the query only."
_SHARD_QUERIES = 64  # that are written, and then kept, together: what a crash can lose
_PLACE = "\u2063"  # stands for the document while the prompt around it is made


@dataclass(frozen=True)
class CausalGenerator(Generator):
    """Have a causal language model write queries: `CausalGenerator("org/name", examples=FewShot(pairs))`.

    Without `chat` the model completes plain text: examples and the document, each under a line `Example n:`, as InPars
    does (Bonifacio et al., SIGIR 2022). With it, the model's chat template frames it: examples are earlier turns.

    model           hub id, folder, pkg:PACKAGE/path, or a .gguf file
    examples        documents with queries that they answer, which the prompt shows
    instruction     what the model is asked; before the examples, or in every turn of a chat, which asks for a search
                    query by default
    words           shown of a document, and of the examples' documents
    temperature     0: the likeliest token each time; above, tokens are drawn, from `seed` and the document's text
    stop_at_line    a query ends with its line
    max_length      tokens of prompt and query together; the document is cut to fit
    """

    model: str
    examples: FewShot = field(default_factory=FewShot)
    chat: bool = False
    instruction: str | None = None
    words: int = 256
    per_doc: int = 1
    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    stop_at_line: bool = True
    max_length: int | None = None
    precision: Precision = "float32"
    revision: str | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "causal")
        if not self.model:
            raise ConfigError("causal: model is empty; expected a hub id, a folder, pkg:PACKAGE/path or a .gguf file")
        for name in ("words", "per_doc"):
            if getattr(self, name) < 1:
                raise ConfigError(f"causal: {name} must be 1 or more, got {getattr(self, name)}")
        if self.max_length is not None and self.max_length <= self.max_new_tokens:
            raise ConfigError(f"causal: max_length must leave room for a prompt, got {self.max_length}")
        self._decoding.check("causal")
        if self.per_doc > 1 and not self.temperature:
            raise ConfigError("causal: without a temperature all queries of a document are the same; set one above 0")

    @property
    def title(self) -> str:
        return f"{self.model} (chat)" if self.chat else self.model

    @property
    def _decoding(self) -> Decoding:
        return Decoding(self.max_new_tokens, self.temperature, self.top_k, self.top_p, self.seed)

    def describe_identity(self) -> Mapping[str, Any]:
        return {
            "generator": "causal",
            "version": 1,
            "words": self.words,
            **self._make_generation(self.examples.pairs).to_params(),
        }

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        return self.examples.plan_inputs(sides)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return self._make_generation(()).estimate_memory()

    def _make_generation(self, pairs: Pairs) -> TextGeneration:
        """Return how queries are written after these examples."""
        frame, turns = self._make_frame([(cut_words(document, self.words), query) for document, query in pairs])
        return TextGeneration(
            resolve_model(self.model, self.revision),
            frame,
            turns,
            self.chat,
            self._decoding,
            self.stop_at_line,
            self.max_length,
            self.precision,
            self.batch_tokens,
        )

    def _make_frame(self, pairs: Sequence[tuple[str, str]]) -> tuple[Frame, tuple[tuple[str, str], ...]]:
        if self.chat:
            ask = f"{_ASK if self.instruction is None else self.instruction}\n\n".lstrip()
            return Frame(ask, ""), tuple((ask + document, query) for document, query in pairs)
        before, after = write_completion_prompt(pairs, _PLACE).split(_PLACE)
        return Frame(f"{self.instruction}\n\n{before}" if self.instruction else before, after), ()

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        how = self._make_generation(self.examples.read_pairs(inputs))
        language = open_language_model(how.model, how.precision, ctx.device)
        record_use(how.model, language, ctx)
        shown = [cut_words(doc, self.words) for doc in docs]
        ctx.count("shortened_documents", sum(len(doc.split()) > self.words for doc in docs))
        _, lost = prepare_prompts(language, shown, how)
        ctx.count("truncated_documents", sum(tokens > 0 for tokens in lost))
        ctx.count("document_tokens_lost", sum(lost))
        ctx.declare("prompt", {"before": how.frame.before, "after": how.frame.after, "chat": how.chat})
        total = len(docs) * self.per_doc
        done = iter(ctx.track(range(total), total, f"writing with {self.title}"))

        def write(shards: Iterable[list[Request]]) -> Iterable[ShardResult]:
            if ctx.engine is None:
                return map(measure_shards(partial(_write_shard, how, device=ctx.device, done=done)), shards)
            return ctx.engine.map(Work(f"{__name__}:open_shards", (how, ctx.device), _describe_shard), shards)

        yield from write_missing(shown, self.per_doc, how.to_params(), write, _SHARD_QUERIES, ctx)
        for _ in done:
            pass

    def __repr__(self) -> str:
        return to_expression(self)


def open_shards(how: TextGeneration, device: str) -> Callable[[list[Request]], ShardResult]:
    """Return the function that writes a shard; a worker process calls this."""
    open_language_model(how.model, how.precision, device)
    return measure_shards(partial(_write_shard, how, device=device, done=iter(())))


def _write_shard(how: TextGeneration, shard: list[Request], device: str, done: Iterator[int]) -> Any:
    language = open_language_model(how.model, how.precision, device)
    docs, numbers = zip(*shard, strict=True)
    texts = write_texts(language, docs, numbers, how, lambda: next(done, None))
    return to_rows([Writing(text.text, text.logprob, text.tokens) for text in texts])


def _describe_shard(shard: list[Request]) -> str:
    return f"{len(shard):,} queries (for '{shard[0].doc[:40]}' and on)"
