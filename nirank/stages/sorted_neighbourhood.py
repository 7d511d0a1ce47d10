"""Sorted neighbourhood: records that stand close to each other when all are sorted are candidates."""

from __future__ import annotations

from collections.abc import Iterator

from nirank.algebra.context import Context
from nirank.algebra.stage import Read, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.blocking.words import split_tokens
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import SIDES, Blocker, count_lost_records, is_one_table


@stage
class SortedNeighbourhood(Blocker):
    """Sort the records of both sides by a key, and pair those that stand fewer than `window` places apart.

    A key is a text view in lower case, with single blanks and without punctuation. Several keys mean several passes,
    of which one must bring a pair together. A record with a blank key takes no part in that pass, and is counted.

    Hernández and Stolfo, SIGMOD 1995.
    """

    window: int = option(default=5, help="records that are looked at together; 2: neighbours only")
    keys: tuple[View, ...] = option(default=(TITLE_AND_TEXT,), help="a text view for each pass: columns or a template")

    name = "sorted_neighbourhood"
    version = 2
    source = "Hernández and Stolfo, SIGMOD 1995, section 2"

    def check(self) -> None:
        super().check()
        if self.window < 2:
            raise ConfigError(f"sorted_neighbourhood: window must be 2 or more, got {self.window}")
        if not self.keys:
            raise ConfigError("sorted_neighbourhood: keys is empty; expected a column, or a text view, for each pass")

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        yield from (("keys", side, TextView(view)) for view in self.keys for side in SIDES)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what the sorted keys take."""
        return MemoryNeed(2 * (sizes.query_bytes + sizes.doc_bytes) + 200 * (sizes.queries + sizes.docs))

    def estimate_pairs(self, sizes: Sizes) -> int:
        neighbours = 2 * (self.window - 1) * len(self.keys)
        return min(sizes.queries * sizes.docs, min(sizes.queries, sizes.docs) * neighbours)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.blocking.neighbourhood import join_neighbours, order_keys, order_table

        assert ctx.docs is not None
        same_side = is_one_table(queries, ctx.docs, scope)
        passes = []
        for view in self.keys:
            keys = [
                [" ".join(split_tokens(text)) for text in side.read(TextView(view))]
                for side in ((ctx.docs,) if same_side else (queries, ctx.docs))
            ]
            ctx.count("blank_keys", sum(not key for side_keys in keys for key in side_keys))
            passes.append(order_table(keys[0]) if same_side else order_keys(keys[0], keys[1]))
        pairs = join_neighbours(passes, self.window, scope)
        count_lost_records(pairs, ctx)
        return pairs
