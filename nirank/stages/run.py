"""A TREC run file as a retriever."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.files import InputFile
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, suggest
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.flow.trec import Duplicates, OrderBy, read_run
from nirank.stages._paths import check_path, find_path

_SHARED_LINES = 20  # so many lines in lists of one greatest length are no accident
_A_BYTE = 3  # bytes that a byte of a run file takes while it is read: as it is, and as columns,
_PACKED = 8  # of a compressed file, of which only this is known
_ROUND = frozenset(digit * 10**power for digit in (1, 2, 5) for power in range(1, 7))


@stage
class RunFile(Retriever):
    """Take the rankings of a TREC run file, plain or .gz.

    Only the collection's queries and documents are taken. Lists are restricted to the scope and
    cut at k. A file does not say where it was cut; the length of its longest list is taken as its
    depth where it looks like a cut: at least two lists have it, 20 lines or more in all, or it is
    a round number (10, 20, 50, 100, …). A list that has every document was not cut. Where the
    scope takes documents out of cut lists, the depth is the fewest that are left of one.

    path        may contain {collection} and {split}; its content counts, not its name
    duplicates  a document twice in a query with other scores: 'refuse', or take the 'best' or 'first'
    order_by    which column to believe: 'score' (as trec_eval does), 'rank' or 'line'
    """

    path: str = option(identity=False, help="the run file; may contain {collection} and {split}")
    duplicates: Duplicates = option(default="refuse", help="a document twice in a query: refuse, best or first")
    order_by: OrderBy = option(default="score", help="believe the score, the rank, or the order of lines")

    name = "run"

    def check(self) -> None:
        check_path(self.name, self.path)
        for what, value, known in (
            ("duplicates", self.duplicates, get_args(Duplicates)),
            ("order_by", self.order_by, get_args(OrderBy)),
        ):
            if value not in known:
                near = suggest(str(value), known)
                raise ConfigError(f"run: {what} is one of {', '.join(known)}, got {value!r}{near}")

    def list_models(self) -> tuple[str, ...]:
        return (f"what made {self.path}",)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        file = InputFile.of(find_path(self.name, self.path, sides))
        params = {"content": file.digest, "duplicates": self.duplicates, "order_by": self.order_by}
        inputs = (("queries", sides.queries), ("docs", sides.docs))
        label = f"read {file.path.name}"
        size = file.path.stat().st_size * (_PACKED if file.path.suffix == ".gz" else 1)

        def memory(sizes: Sizes) -> MemoryNeed:
            return MemoryNeed(_A_BYTE * size)

        return (
            Node(
                f"{__name__}:read_run_file",
                1,
                params,
                inputs,
                kind="ranking",
                from_user=True,
                memory=memory,
                stage=file,
                label=label,
            ),
        )

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        ranking: Ranking = ctx.inputs[0]
        if ranking.queries != queries.ids:  # a shard of the queries that the file was read for
            ranking = ranking.take(ranking.queries.find_rows(list(queries.ids)), queries.ids)
        restricted = restrict_run(ranking, scope.allows(ranking.query_rows, ranking.rows), scope.count_rows())
        return restricted if k is None else restricted.cut(k)


def read_run_file(job: Job) -> Ranking:
    """Read a run file over the two sides of a collection; what was dropped is counted."""
    file: InputFile = job.stage
    queries, docs = job.get_input("queries").ids, job.get_input("docs").ids
    if not len(queries):
        return Ranking.from_dict({}, queries, docs)
    with file.expect_unchanged() as path:
        run = read_run(path, queries, docs, order_by=job.params["order_by"], duplicates=job.params["duplicates"])
    for what, count in run.counts.items():
        job.context.count(what, count)
    ranking = run.ranking
    return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, guess_depth(ranking))


def restrict_run(ranking: Ranking, keep: NDArray[np.bool_], allowed: NDArray[np.int64] | None) -> Ranking:
    """Leave some results of a run, and say how deep it surely still reaches.

    allowed  (n_queries,) how many documents each query may be given; None: more than any list has
    """
    restricted = ranking.select(keep)
    if ranking.depth is None:
        return restricted
    was_cut = ranking.counts >= ranking.depth
    if allowed is not None:
        was_cut &= restricted.counts < allowed
    depth = max(int(restricted.counts[was_cut].min()), 1) if was_cut.any() else None
    return Ranking(restricted.queries, restricted.docs, restricted.offsets, restricted.rows, restricted.scores, depth)


def guess_depth(ranking: Ranking) -> int | None:
    """Return where a run seems to have been cut, as `RunFile` defines it; None: nowhere."""
    longest = int(ranking.counts.max(initial=0))
    sharing = int((ranking.counts == longest).sum())
    if longest in (0, len(ranking.docs)):
        return None
    piled_up = sharing >= 2 and sharing * longest >= _SHARED_LINES
    return longest if piled_up or longest in _ROUND else None
