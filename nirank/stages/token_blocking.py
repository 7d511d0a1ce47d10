"""Token blocking: records that share a word are candidates, but for words that too many share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from nirank.algebra.context import Context
from nirank.algebra.stage import option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.keys import RecordKeys
from nirank.blocking.words import cut_qgrams, cut_suffixes, split_tokens
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import Blocker, is_one_table, join_blocks, limit_bucket_pairs

_A_WORD = 150  # bytes of a distinct word, its key and its places while blocks are counted


@stage
class TokenBlocking(Blocker):
    """Pair records that share a token, a q-gram or a suffix of a token, in lower case.

    Blocks with too many comparisons are purged, and each record stays in the smallest of its blocks only (block
    filtering). What was left out is counted on the row.

    Papadakis, Skoutas, Thanos and Palpanas, ACM Computing Surveys 53(2), 2020.
    """

    words: Literal["tokens", "qgrams", "suffixes"] = option(default="tokens", help="tokens, qgrams or suffixes")
    q: int = option(default=3, help="characters of a q-gram; the least of a suffix")
    smoothing: float | None = option(default=1.025, help="of block purging; null: no block is purged")
    ratio: float | None = option(default=0.8, help="of each record's blocks, its smallest, that it stays in; null: all")
    max_block: int | None = option(default=2000, help="records that a block may have at most; null: any number")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")

    name = "token_blocking"
    symmetric = True
    version = 3
    source = "Papadakis et al., ACM Computing Surveys 53(2), 2020, sections 3.1 and 4.1"

    def check(self) -> None:
        super().check()
        if self.q < 1:
            raise ConfigError(f"token_blocking: q must be 1 or more characters, got {self.q}")
        if self.smoothing is not None and self.smoothing < 1:
            raise ConfigError(f"token_blocking: smoothing must be 1 or more, got {self.smoothing}")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise ConfigError(f"token_blocking: ratio must be above 0 and at most 1, got {self.ratio}")
        if self.max_block is not None and self.max_block < 2:
            raise ConfigError(f"token_blocking: max_block must be 2 records or more, got {self.max_block}")

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the words of both sides take: about one in six bytes begins one, each q-gram is one."""
        each = 6 if self.words == "tokens" else 1
        return MemoryNeed(_A_WORD * (sizes.query_bytes + sizes.doc_bytes) // each)

    def estimate_pairs(self, sizes: Sizes) -> int:
        if (self.query_text, self.doc_text) != (TITLE_AND_TEXT, TITLE_AND_TEXT):
            return sizes.queries * sizes.docs  # a template writes words of its own
        return limit_bucket_pairs(sizes, 2 * sizes.query_bytes, 2 * sizes.doc_bytes, self.max_block)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        assert ctx.docs is not None
        same_side = is_one_table(queries, ctx.docs, scope) and self.query_text == self.doc_text
        keys = self.make_keys(queries, ctx.docs, same_side=same_side)
        return join_blocks(*keys, scope, ctx, same_side=same_side, **self.purging)

    def make_keys(self, queries: Texts, docs: Texts, *, same_side: bool) -> tuple[RecordKeys, RecordKeys]:
        doc_keys = RecordKeys.from_words(map(self._list_words, docs.read(TextView(self.doc_text))))
        if same_side:
            return doc_keys, doc_keys
        return RecordKeys.from_words(map(self._list_words, queries.read(TextView(self.query_text)))), doc_keys

    @property
    def purging(self) -> Mapping[str, Any]:
        return {"smoothing": self.smoothing, "ratio": self.ratio, "most": self.max_block}

    def _list_words(self, text: str) -> Iterable[str]:
        if self.words == "tokens":
            return split_tokens(text)
        return cut_qgrams(text, self.q) if self.words == "qgrams" else cut_suffixes(text, self.q)
