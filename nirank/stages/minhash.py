"""MinHash blocking: records whose sets of shingles are alike share a bucket with a known probability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.hashing import Rows, Values
from nirank.algebra.stage import option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.keys import RecordKeys
from nirank.blocking.words import cut_character_shingles, join_word_shingles
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import Blocker, is_one_table, join_blocks, limit_bucket_pairs

_A_SHINGLE = 150  # bytes while sets of shingles are made


@stage
class MinHash(Blocker):
    """Pair records that agree in all components of at least one band of their MinHash signatures.

    Sets with Jaccard similarity J share a bucket with probability 1 - (1 - J^functions)^tables. Without `tables` and
    `functions`, they are chosen for `threshold` with at most `components` in all, as datasketch does.

    Broder, Compression and Complexity of Sequences 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
    section 3.4.
    """

    threshold: float = option(default=0.5, help="similarity from which pairs are wanted")
    components: int = option(default=128, help="hash functions in all, at most")
    weights: tuple[float, float] = option(default=(0.5, 0.5), help="of pairs too many and pairs missed")
    tables: int | None = option(default=None, help="bands, of which one must agree; null: chosen by threshold")
    functions: int | None = option(default=None, help="components of a band, which all must agree; null: chosen")
    shingles: Literal["words", "characters"] = option(default="characters", help="words or characters")
    n: int = option(default=4, help="words or characters of a shingle")
    max_block: int | None = option(default=1000, help="records that a bucket may have at most; null: any number")
    seed: int = option(default=0, help="of the hash functions")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns joined, or a template")

    name = "minhash"
    symmetric = True
    version = 2
    source = "Broder 1997; bands as in Mining of Massive Datasets, section 3.4"

    def check(self) -> None:
        super().check()
        if not 0 < self.threshold < 1:
            raise ConfigError(f"minhash: threshold must lie between 0 and 1, got {self.threshold}")
        if (self.tables is None) != (self.functions is None):
            raise ConfigError("minhash: give both tables and functions, or neither")
        counts = {"components": self.components, "n": self.n, "tables": self.tables, "functions": self.functions}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ConfigError(f"minhash: {name} must be 1 or more, got {value}")
        if len(self.weights) != 2 or min(self.weights) < 0 or not any(self.weights):
            raise ConfigError(f"minhash: weights are two numbers from 0, one of them above, got {self.weights}")
        if self.max_block is not None and self.max_block < 2:
            raise ConfigError(f"minhash: max_block must be 2 records or more, got {self.max_block}")
        if self.seed < 0:
            raise ConfigError(f"minhash: seed must be 0 or more, got {self.seed}")

    @property
    def bands(self) -> tuple[int, int]:
        """Tables and functions of each."""
        from nirank.blocking.survival import choose_bands

        if self.tables is not None and self.functions is not None:
            return self.tables, self.functions
        return choose_bands(self.threshold, self.components, self.weights)

    def describe_conventions(self) -> Mapping[str, Any]:
        tables, functions = self.bands
        return {**super().describe_conventions(), "tables": tables, "functions": functions}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the shingles of both sides take, and the keys."""
        keys = 40 * (sizes.queries + sizes.docs) * self.bands[0]
        each = 6 if self.shingles == "words" else 1
        return MemoryNeed(_A_SHINGLE * (sizes.query_bytes + sizes.doc_bytes) // each + keys)

    def estimate_pairs(self, sizes: Sizes) -> int:
        tables, _ = self.bands
        return limit_bucket_pairs(sizes, tables * sizes.queries, tables * sizes.docs, self.max_block)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        assert ctx.docs is not None
        same_side = is_one_table(queries, ctx.docs, scope) and self.query_text == self.doc_text
        keys = self.make_keys(queries, ctx.docs, same_side=same_side)
        return join_blocks(*keys, scope, ctx, same_side=same_side, **self.purging)

    def make_keys(self, queries: Texts, docs: Texts, *, same_side: bool) -> tuple[RecordKeys, RecordKeys]:
        doc_keys = self._hash_texts(docs.read(TextView(self.doc_text)))
        return doc_keys if same_side else self._hash_texts(queries.read(TextView(self.query_text))), doc_keys

    @property
    def purging(self) -> Mapping[str, Any]:
        return {"smoothing": None, "ratio": None, "most": self.max_block}

    def _hash_texts(self, texts: Iterable[str]) -> RecordKeys:
        from nirank.blocking.minhash import hash_words

        tables, functions = self.bands
        return hash_words(RecordKeys.from_words(self._cut_shingles(texts)), tables, functions, self.seed)

    def _cut_shingles(self, texts: Iterable[str]) -> Iterator[Iterator[str]]:
        cut = join_word_shingles if self.shingles == "words" else cut_character_shingles
        return (cut(text, self.n) for text in texts)

    @property
    def likeness(self) -> str:
        return "Jaccard similarity"

    def measure_likeness(self, query_rows: Rows, doc_rows: Rows, ctx: Context) -> Values:
        assert ctx.docs is not None and ctx.queries is not None
        reads = ((ctx.queries, self.query_text, query_rows), (ctx.docs, self.doc_text, doc_rows))
        left, right = (map(set, self._cut_shingles(_read_rows(*read))) for read in reads)
        similarities = (
            len(mine & theirs) / (len(mine | theirs) or 1) for mine, theirs in zip(left, right, strict=True)
        )
        return np.fromiter(similarities, np.float64, len(query_rows))

    def find_survival(self, likeness: Values) -> Values:
        """Return 1 - (1 - J^functions)^tables."""
        from nirank.blocking.survival import find_survival

        tables, functions = self.bands
        return find_survival(likeness, functions, tables)


def _read_rows(texts: Texts, view: View, rows: Rows) -> Iterator[str]:
    """Yield the texts of rows in any order, some of them more than once."""
    distinct, places = np.unique(rows, return_inverse=True)
    read = list(texts.read(TextView(view), distinct))
    return (read[place] for place in places.tolist())
