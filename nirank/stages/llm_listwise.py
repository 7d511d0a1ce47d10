"""List-wise re-ranking by a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, option, stage
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking

_NUMBER = re.compile(r"\[?\b(\d{1,4})\b\]?")
_SYSTEM = "You rank passages by their relevance to a query. You answer with the ranking only."
_ASK = (
    "Query: {query}\n\n{passages}\n\nQuery: {query}\nRank the {n} passages above by their relevance to the query, the"
    " most relevant first, as identifiers like [2] > [1]. Answer with the ranking only."
)


@stage
class LLMListwise(Combiner):
    """Let a chat model order the head of each list, in windows that slide from its end to its front.

    `bm25 >> LLMListwise("http://localhost:8000/v1", "model", depth=20)`. Works with any OpenAI-compatible endpoint; the
    key is read from the environment. Every candidate is kept: identifiers that an answer repeats or invents are passed
    over, those that it leaves out keep their order behind the others; partial and malformed answers are counted.
    Below `depth` the old order stays. Scores count down from the number of candidates.

    Sun et al., EMNLP 2023 (RankGPT).
    """

    url: str = option(help="of the endpoint, up to and without /chat/completions")
    model: str = option(help="the model's name at the endpoint")
    depth: int = option(default=100, help="how many documents of each list are ordered")
    window: int = option(default=20, help="documents shown at a time")
    step: int = option(default=10, help="how far the window moves")
    words: int = option(default=200, help="words shown of a document")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    key_env: str = option(default="OPENAI_API_KEY", identity=False, help="environment variable with the key")
    timeout_s: float = option(default=120.0, identity=False, help="seconds to wait for an answer")
    retries: int = option(default=3, identity=False, help="how often a failed request is repeated")

    name = "llm_listwise"
    source = "Sun et al., EMNLP 2023, section 3.1 (permutation generation, sliding windows)"

    def check(self) -> None:
        from nirank.inference.chat import check_url

        check_url(self.url)
        if not self.model:
            raise ConfigError("llm_listwise: model is empty; expected its name at the endpoint")
        if self.window < 2 or not 1 <= self.step < self.window:
            raise ConfigError(f"llm_listwise: expected 1 <= step < window, got {self.step} and {self.window}")
        if self.depth < 2 or self.words < 1 or self.retries < 0 or self.timeout_s <= 0:
            raise ConfigError(
                "llm_listwise: depth must be 2 or more, words 1 or more, retries 0 or more, timeout_s above 0"
            )

    @property
    def title(self) -> str:
        """Without the address: rows and labels hold it."""
        options = {name: value for name, value in self.options.items() if name not in ("url", "model")}
        return (
            f"LLMListwise({', '.join([repr(self.model), *(f'{name}={value!r}' for name, value in options.items())])})"
        )

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"model": self.model, "depth": self.depth, "window": self.window, "step": self.step}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        scores = np.empty(len(ranking), np.float64)
        queries = ctx.track(range(len(ranking.queries)), len(ranking.queries), f"ranking with {self.model}")
        for query in queries:
            start, end = ranking.offsets[query : query + 2].tolist()
            order = self._order_candidates(query, ranking.rows[start : min(end, start + self.depth)].tolist(), ctx)
            # The ones behind the head keep their places, so positions are a permutation of the list's.
            places = np.concatenate((order, np.arange(len(order), end - start))).astype(np.int64)
            scores[start + places] = np.arange(end - start, 0, -1)
        return ranking.rescore(scores, source=self.name)

    def _order_candidates(self, query: int, rows: list[int], ctx: Context) -> list[int]:
        """Return the positions of a list's head in the model's order."""
        assert ctx.queries is not None and ctx.docs is not None
        order = list(range(len(rows)))
        if len(rows) < 2:
            return order
        (query_text,) = ctx.queries.read(TextView(self.query_text), np.array([query]))
        texts = [
            " ".join(text.split()[: self.words]) for text in ctx.docs.read(TextView(self.doc_text), np.array(rows))
        ]
        last = max(len(rows) - self.window, 0)
        for start in [*range(last, 0, -self.step), 0]:
            part = order[start : start + self.window]
            order[start : start + self.window] = [
                part[position]
                for position in self._rank_window(query_text, [texts[position] for position in part], ctx)
            ]
        return order

    def _rank_window(self, query: str, texts: list[str], ctx: Context) -> list[int]:
        from nirank.inference.chat import Endpoint, ask

        ctx.record_model(f"endpoint {self.model}", None, "endpoint")
        endpoint = Endpoint(self.url, self.model, self.key_env, self.timeout_s, self.retries)
        passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
        content = _ASK.format(query=query, passages=passages, n=len(texts))
        messages = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": content}]
        ctx.count("llm_requests")
        return parse_permutation(ask(endpoint, messages, max_tokens=8 * len(texts) + 32), len(texts), ctx)


def parse_permutation(answer: str, n: int, ctx: Context) -> list[int]:
    """Return positions 0 … n-1 in an answer's order, `[2] > [1]`; what it leaves out follows in the old order."""
    positions = [int(number) - 1 for number in _NUMBER.findall(answer)]
    valid = list(dict.fromkeys(position for position in positions if 0 <= position < n))
    if not valid:
        ctx.count("malformed_answers")
    elif len(valid) < n or len(positions) > len(valid):
        ctx.count("partial_answers")
    return [*valid, *(position for position in range(n) if position not in set(valid))]
