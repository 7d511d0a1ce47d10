"""Small stages whose results can be computed by hand, and a look at what was run."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Retriever, ScopeStage, Scorer, TextMap, option, stage
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

CALLS: list[str] = []


def lengths(job: Job) -> None:
    """Make the toy index: how many words each document has."""
    CALLS.append("index")
    words = [len(text.split()) for text in job.get_input("texts").columns["text"].to_pylist()]
    np.save(job.folder / "lengths.npy", np.array(words))


@stage
class Shared(Retriever):
    """Rank documents by shared words; `bonus` is added to every score."""

    bonus: float = 0.0

    name = "shared"

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return (Node(f"{__name__}:lengths", 1, inputs=(("texts", sides.docs),), offline=True, label="lengths"),)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        CALLS.append("search")
        assert len(np.load(ctx.input_folder() / "lengths.npy")) == len(scope.docs)
        docs = [set(text.split()) for text in ctx.docs.columns["text"].to_pylist()]
        pairs = []
        for q, text in enumerate(queries.columns["text"].to_pylist()):
            words = set(text.split())
            allowed = scope.list_rows(q)
            rows = range(len(docs)) if allowed is None else allowed.tolist()
            pairs += [(q, d, len(words & docs[d]) + self.bonus) for d in rows if words & docs[d]]
        q, d, s = (np.array(column) for column in zip(*pairs, strict=True)) if pairs else (np.empty(0, int),) * 3
        depth = k if k is not None and k < len(docs) else None
        return Ranking.build(queries.ids, scope.docs, q, d, s.astype(np.float32), source="shared", depth=depth)


def train(job: Job) -> None:
    """Learn from a list, for a twentieth of a second, which document comes first most often."""
    CALLS.append("train")
    time.sleep(0.05)
    pairs = job.get_input("list")
    (job.folder / "model.txt").write_text(pairs.docs[int(pairs.rows[0])])


@stage
class Learned(Retriever):
    """Give every query the one document that training found."""

    name = "learned"

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.plan.compile import compile_pipeline

        mined = ("list", compile_pipeline(Shared(), sides))
        return (Node(f"{__name__}:train", 1, inputs=(mined,), training=True, label="training"),)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        CALLS.append("apply")
        (row,) = scope.docs.find_rows([(ctx.input_folder() / "model.txt").read_text()])
        q = np.arange(len(queries))
        return Ranking.build(queries.ids, scope.docs, q, q * 0 + row, np.ones(len(q), np.float32), source="learned")


@stage
class Lookup(Scorer):
    """Score pairs from a table {document id: score}."""

    scores: dict[str, float] = option()

    name = "lookup"

    def score(self, pairs: Pairs, ctx: Context) -> np.ndarray:
        CALLS.append("score")
        return np.array([self.scores.get(doc, 0.0) for doc in pairs.docs.take(pairs.rows)], np.float32)


@stage
class First(Combiner):
    """Give back the first list."""

    name = "first"
    lists = (1, None)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        CALLS.append("combine")
        return lists[0]


@stage
class Halves(TextMap):
    """Split every text into two halves of its words."""

    name = "halves"

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        ids, halves, parents = [], [], []
        for row, text in enumerate(texts.columns["text"].to_pylist()):
            words = text.split()
            for half, part in enumerate((words[: len(words) // 2], words[len(words) // 2 :])):
                ids.append(f"{texts.ids[row]}#{half}")
                halves.append({"text": " ".join(part)})
                parents.append(row)
        return Texts.from_columns(Ids.of(ids), halves, np.array(parents, np.int64))


@stage
class Say(TextMap):
    """Replace every text; an empty replacement drops the row."""

    text: str = ""

    name = "say"

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        rows = np.arange(len(texts) if self.text else 0)
        return Texts.from_columns(Ids.of(texts.ids.take(rows)), [{"text": self.text}] * len(rows), rows)


@stage
class Topper(TextMap):
    """Append the text of the best document that a list has for the query."""

    name = "topper"
    feedback = True

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        assert feedback is not None and ctx.docs is not None
        expanded = []
        for q, text in enumerate(texts.columns["text"].to_pylist()):
            best = feedback.get_rows(q)[:1]
            expanded.append({"text": " ".join([text, *ctx.docs.take(best).columns["text"].to_pylist()])})
        return Texts.from_columns(texts.ids, expanded, np.arange(len(texts)))


@stage
class Short(ScopeStage):
    """Allow documents of at most `words` words."""

    words: int = 2

    name = "short"

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        mask = np.array([len(text.split()) <= self.words for text in docs.columns["text"].to_pylist()], bool)
        return Scope(queries.ids, docs.ids, mask=mask)


def make_fruits(**options: object) -> Collection:
    """Four documents, three queries of which one matches nothing."""
    return Collection.of(
        {"a": "red apple", "b": "red red wine and apple", "c": "green pear", "d": "blue sky above"},
        {"q1": "red apple", "q2": "green sky", "q3": "nothing here"},
        {"q1": {"a": 1}, "q2": {"c": 1}, "q3": {"d": 1}},
        name="fruits",
        **options,  # type: ignore[arg-type]
    )
