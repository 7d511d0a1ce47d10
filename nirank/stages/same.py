"""Attribute equality: records with the same value in some columns are candidates."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from nirank.algebra.context import Context
from nirank.algebra.stage import Read, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.keys import RecordKeys
from nirank.blocking.words import split_tokens
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import SIDES, Blocker, is_one_table, join_blocks, limit_bucket_pairs

_A_VALUE = 150  # bytes of a distinct value, its key and its places


@stage
class Same(Blocker):
    """Pair records that have equal values in a column; `Same(("phone", "name+city"))`: the phone, or name and city.

    Values are compared in lower case, with single blanks and without punctuation. An empty value equals nothing.
    """

    columns: tuple[str, ...] = option(help="columns, one of which must be equal; of columns joined by + all must be")
    max_block: int | None = option(default=1000, help="records that may share a value at most; null: any number")

    name = "same"
    symmetric = True
    version = 2
    source = "standard blocking; Christen, Data Matching, Springer 2012, section 4.4"

    def check(self) -> None:
        super().check()
        if not self.columns or not all(part.strip() for column in self.columns for part in column.split("+")):
            raise ConfigError("same: expected the names of columns, such as [phone, name+city]")
        if self.max_block is not None and self.max_block < 2:
            raise ConfigError(f"same: max_block must be 2 records or more, got {self.max_block}")

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        for name in dict.fromkeys(part.strip() for column in self.columns for part in column.split("+")):
            yield from (("columns", side, TextView(name)) for side in SIDES)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the values of both sides take."""
        return MemoryNeed(
            _A_VALUE * (sizes.queries + sizes.docs) * len(self.columns) + sizes.query_bytes + sizes.doc_bytes
        )

    def estimate_pairs(self, sizes: Sizes) -> int:
        n = len(self.columns)
        return limit_bucket_pairs(sizes, n * sizes.queries, n * sizes.docs, self.max_block)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        assert ctx.docs is not None
        same_side = is_one_table(queries, ctx.docs, scope)
        docs = RecordKeys.from_words(self._join_values(ctx.docs))
        query_keys = docs if same_side else RecordKeys.from_words(self._join_values(queries))
        without_value = [int((side.counts == 0).sum()) for side in ((docs,) if same_side else (query_keys, docs))]
        ctx.count("records_without_value", sum(without_value))
        return join_blocks(query_keys, docs, scope, ctx, same_side=same_side, most=self.max_block)

    def _join_values(self, records: Texts) -> Iterator[list[str]]:
        """Yield each record's values, one for each group of columns in which it has all of them."""
        groups = [[part.strip() for part in column.split("+")] for column in self.columns]
        read = {name: records.read(TextView(name)) for group in groups for name in group}
        for row in zip_longest(*read.values()):
            values = {name: " ".join(split_tokens(text)) for name, text in zip(read, row, strict=True)}
            yield [
                f"{group_number}\x1f" + "\x1f".join(values[name] for name in group)
                for group_number, group in enumerate(groups)
                if all(values[name] for name in group)
            ]
