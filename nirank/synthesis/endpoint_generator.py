"""Queries that a model behind an OpenAI-compatible endpoint writes: vLLM, Ollama, TGI, llama.cpp, a service."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal

from nirank.algebra.context import Context
from nirank.algebra.judged import hash_with_salt
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.values import find_changed_fields, fit_fields
from nirank.errors import ConfigError, StageError
from nirank.inference.chat import Answer, Endpoint, MalformedAnswer, check_url, request_answer
from nirank.inference.device import ShardResult
from nirank.inference.pace import Pace
from nirank.synthesis.few_shot import FewShot, Pairs, cut_words, write_completion_prompt
from nirank.synthesis.generator import Generator, Writing
from nirank.synthesis.writing_memo import Request, to_rows, write_missing

INSTRUCTION = (
    "Write one search query that this document answers. Reply with the query alone, without quotes or explanation."
)
_AS_JSON = 'Reply with JSON: {"query": "…"}.'
_SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string"}},
    "required": ["query"],
    "additionalProperties": False,
}
_STOPS = ("\n\n", "\nExample", "\nDocument:")  # where a completion goes on with what nobody asked for
_TRIED = 20  # malformed answers at the start, after which nobody is asked any more
_VERSION = 1  # raised where the same options ask for something else
_PRIVATE = ("url", "key_env", "timeout_s", "retries", "requests_per_minute", "concurrency")  # where, and how fast
_MALFORMED = "malformed answer"


@dataclass(frozen=True)
class EndpointGenerator(Generator):
    """Ask a model behind an endpoint for a query of each document.

    url          up to and without /chat/completions, such as http://localhost:8000/v1
    model        its name there
    prompt       chat: instruction and document, examples as earlier turns; plain: a text to complete, in InPars' form
    instruction  of a chat model
    words        of a document that are shown
    temperature  0: always the most likely query; above, each request has a seed, of document and number
    logprobs     ask for log-probabilities; servers that do not know them may refuse
    structured   ask a chat model for JSON that has a query, by a schema
    key_env      environment variable with the key, sent only if it is set
    requests_per_minute  begin in a minute at most; None: no limit
    concurrency  requests under way at once

    Address, key and how fast it is asked are no part of what is computed. A document whose answer cannot be read stays
    without a query, and is counted.
    """

    url: str
    model: str
    per_doc: int = 1
    prompt: Literal["chat", "plain"] = "chat"
    instruction: str = INSTRUCTION
    examples: FewShot = field(default_factory=FewShot)
    words: int = 200
    max_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    logprobs: bool = False
    structured: bool = False
    key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    retries: int = 5
    requests_per_minute: float | None = None
    concurrency: int = 4

    def __post_init__(self) -> None:
        fit_fields(self, "endpoint")
        check_url(self.url)
        if not self.model:
            raise ConfigError("endpoint: model is empty; expected its name at the endpoint")
        for name, least in (("per_doc", 1), ("words", 1), ("max_tokens", 1), ("concurrency", 1), ("retries", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"endpoint: {name} must be {least} or more, got {getattr(self, name)}")
        if self.timeout_s <= 0 or not (self.requests_per_minute is None or self.requests_per_minute > 0):
            raise ConfigError("endpoint: timeout_s and requests_per_minute must be above 0")
        if not 0 <= self.temperature <= 2:
            raise ConfigError(f"endpoint: temperature must be from 0 to 2, got {self.temperature}")
        if self.per_doc > 1 and not self.temperature:
            raise ConfigError("endpoint: at temperature 0 all queries of a document are the same; set a temperature")
        if self.prompt == "plain" and self.structured:
            raise ConfigError("endpoint: structured answers are asked of chat models; set prompt: chat")
        if self.prompt == "plain" and self.instruction != INSTRUCTION:
            raise ConfigError("endpoint: a prompt that is plain has no instruction; give examples, or set prompt: chat")

    @property
    def title(self) -> str:
        return self.model

    def describe_identity(self) -> Mapping[str, Any]:
        names = [item.name for item in fields(self) if item.name not in (*_PRIVATE, "per_doc", "examples")]
        options = {name: getattr(self, name) for name in names}
        return {"endpoint": _VERSION, **options, "examples": self.examples.describe_identity()}

    def plan_inputs(self, sides: Sides) -> tuple[tuple[str, Node], ...]:
        return self.examples.plan_inputs(sides)

    def write_queries(
        self, docs: Sequence[str], inputs: Mapping[str, Sequence[Any]], ctx: Context
    ) -> Iterator[list[Writing]]:
        pairs = tuple((cut_words(document, self.words), query) for document, query in self.examples.read_pairs(inputs))
        ctx.record_model(f"endpoint {self.model}", None, "endpoint")
        ctx.declare("prompt", self._make_request(Request("…", 0), pairs))
        space = {**self.describe_identity(), "examples": pairs}
        shown = [cut_words(doc, self.words) for doc in docs]
        yield from write_missing(shown, self.per_doc, space, partial(self._ask_all, pairs, ctx), 1, ctx)

    def _ask_all(self, pairs: Pairs, ctx: Context, shards: Iterable[list[Request]]) -> Iterator[ShardResult]:
        """Yield the writing of each request, in order, while those that follow are under way.

        When the endpoint cannot be asked, nothing more is, and what is under way comes first: it will be kept.
        """
        pace = Pace(self.requests_per_minute)
        endpoint = Endpoint(self.url, self.model, self.key_env, self.timeout_s, self.retries)
        waiting: deque[Future[Answer]] = deque()
        failure: StageError | None = None
        malformed: list[bool] = []
        executor = ThreadPoolExecutor(self.concurrency)

        def take_next() -> ShardResult:
            nonlocal failure
            try:
                writing = self._read_answer(waiting.popleft().result(), ctx)
            except MalformedAnswer as error:
                writing = Writing("", reason=_MALFORMED)
                if len(malformed) >= _TRIED - 1 and all(malformed):
                    failure = failure or error
            except StageError as error:
                failure = failure or error
                writing = Writing("", reason="not asked")
            malformed.append(writing.reason == _MALFORMED)
            ctx.count("malformed_answers", writing.reason == _MALFORMED)
            return ShardResult(to_rows([writing]), 0.0)

        try:
            for (request,) in shards:
                waiting.append(executor.submit(request_answer, endpoint, self._make_request(request, pairs), pace))
                ctx.count("endpoint_requests")
                if len(waiting) >= 2 * self.concurrency:
                    yield take_next()
                if failure is not None:
                    break
            while waiting:
                yield take_next()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        if failure is not None:
            raise failure

    def _make_request(self, request: Request, pairs: Pairs) -> dict[str, Any]:
        options: dict[str, Any] = {"max_tokens": self.max_tokens, "temperature": self.temperature}
        options["seed"] = hash_with_salt(f"{request.number} {request.doc}", f"seed {self.seed}") >> 33
        if self.prompt == "plain":
            logprobs = {"logprobs": 1} if self.logprobs else {}
            prompt = write_completion_prompt(pairs, request.doc)
            return {"prompt": prompt, "stop": list(_STOPS), **options, **logprobs}
        turns: list[dict[str, str]] = []
        for document, query in (*pairs, (request.doc, None)):
            instruction = f"{self.instruction} {_AS_JSON}" if self.structured else self.instruction
            turns.append({"role": "user", "content": f"{instruction}\n\nDocument: {document}"})
            if query is not None:
                answer = json.dumps({"query": query}, ensure_ascii=False) if self.structured else query
                turns.append({"role": "assistant", "content": answer})
        if self.logprobs:
            options["logprobs"] = True
        if self.structured:
            form = {"name": "query", "strict": True, "schema": _SCHEMA}
            options["response_format"] = {"type": "json_schema", "json_schema": form}
        return {"messages": turns, **options}

    def _read_answer(self, answer: Answer, ctx: Context) -> Writing:
        ctx.count("prompt_tokens", answer.prompt_tokens)
        ctx.count("answers_cut_off", answer.is_cut_off)
        text = _parse_query(answer.text) if self.structured else answer.text
        if text is None:
            return Writing("", reason=_MALFORMED)
        logprob = sum(answer.logprobs) / len(answer.logprobs) if answer.logprobs else None
        return Writing(text, logprob, answer.tokens or len(answer.logprobs))

    def __repr__(self) -> str:
        """Without the address: rows and labels hold it."""
        changed = {name: value for name, value in find_changed_fields(self).items() if name not in _PRIVATE}
        return f"EndpointGenerator({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


def _parse_query(text: str) -> str | None:
    """Return the query in an answer that should be JSON; None where there is none."""
    try:
        query = json.loads(text)["query"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return query.encode("utf-8", "replace").decode() if isinstance(query, str) else None
