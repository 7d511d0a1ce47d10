"""Training sets as values: judged queries with mined negatives, fields of documents, files, and mixtures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nirank.algebra.application import Fold, Rewrite, Within
from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.node import Node
from nirank.algebra.pipeline import RANKED_OR_NOT, Pipeline, require_system
from nirank.algebra.sides import Sides, TrainingSources
from nirank.algebra.stage import Scorer, Stage
from nirank.algebra.tuned import Tuned
from nirank.algebra.walk import transform
from nirank.base.files import InputFile, expand_path
from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.training.files import read_examples

TASKS = "nirank.training.tasks"
_ALL = 2**31 - 1  # documents of a query: no list is that long
Inputs = tuple[tuple[str, Node], ...]


class Data:
    """A training set; a frozen value."""

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    def compile_node(self, sides: Sides) -> Node:
        """Return the computation that gives the `Examples`, for a system on these sides."""
        raise NotImplementedError


@dataclass(frozen=True)
class Mined:
    """Hard negatives: what a pipeline finds for a query and is not known to be relevant.

    of        the pipeline that finds them
    ranks     from which rank to which, both included, from 1
    n         at most so many an example
    choose    the 'top' ones, or 'random' ones among the ranks
    margin    only those whose score is at least so far below the positive's
    relative  only those whose score is at most this share of the positive's (0.95: TopK-PercPos of Moreira et al.,
              arXiv 2407.15831)

    Judged positives of the query, documents with the text of one, the query's own text and blank ones are never
    negatives. Margins ask for the positive's score in the same list; where it is not there they remove nothing.
    """

    of: Pipeline
    ranks: tuple[int, int] = (1, 100)
    n: int = 1
    choose: Literal["top", "random"] = "top"
    margin: float | None = None
    relative: float | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "negatives")
        require_system("negatives", self.of)
        if len(self.ranks) != 2 or not 1 <= self.ranks[0] <= self.ranks[1]:
            raise ConfigError(f"negatives: ranks are two numbers from 1, the lesser first, got {list(self.ranks)}")
        if self.n < 1:
            raise ConfigError(f"negatives: n must be 1 or more, got {self.n}")
        if self.choose not in ("top", "random"):
            raise ConfigError(f"negatives: choose is top or random, got {self.choose!r}")
        if self.of.gives != "ranking":
            raise ConfigError("negatives: ranks are asked for, and the pipeline gives unranked pairs")
        if self.relative is not None and not 0 < self.relative <= 1:
            raise ConfigError(f"negatives: relative must lie in (0, 1], got {self.relative}")

    def params(self) -> dict[str, Any]:
        """Return what the negatives depend on, beside the list."""
        return {
            name: list(value) if name == "ranks" else value
            for name, value in find_changed_fields(self).items()
            if name != "of"
        }

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class TrainingSet(Data):
    """Judged queries, each positive an example.

    queries    which
    negatives  mined for each; None: none but the batch's
    teacher    a pipeline whose scores of positives and negatives are learned ('margin_mse')
    grade      the least grade of a positive; None: as the judgement set says
    positives  at most so many a query, the highest grades first, equal ones by hash
    """

    queries: Judged = field(default_factory=Judged)
    negatives: Mined | None = None
    teacher: Pipeline | None = None
    grade: int | None = None
    positives: int | None = None
    doc_text: View = TITLE_AND_TEXT
    query_text: View = TITLE_AND_TEXT

    def __post_init__(self) -> None:
        fit_fields(self, "data")
        if self.teacher is not None and self.teacher.gives not in RANKED_OR_NOT:
            raise ConfigError(f"teacher: expected a pipeline that scores documents, got {self.teacher!r}")
        if self.positives is not None and self.positives < 1:
            raise ConfigError(f"positives: expected 1 or more, got {self.positives}")

    @property
    def title(self) -> str:
        return described(self.queries)

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        own = sources.open_judged(self.queries, "trained", self.grade)
        assert own.judgements is not None, "checked where judged queries are opened"
        for name, view, side in (("query_text", self.query_text, own.queries), ("doc_text", self.doc_text, own.docs)):
            sources.get_texts(side).readable.read(TextView(view), f"training set {self.title}: {name} {TextView(view)}")
        both = (("queries", own.queries), ("docs", own.docs))
        given = {"grade": self.grade, "positives": self.positives}
        params: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        inputs: Inputs = (*both, ("judgements", own.judgements))
        if self.negatives is not None:
            margins = self.negatives.margin is not None or self.negatives.relative is not None
            # Margins ask how the positive scores, wherever it stands.
            of = score_to_the_end(self.negatives.of) if margins else self.negatives.of % self.negatives.ranks[1]
            inputs += (("list", sources.compile_pipeline(of, own)),)
            params |= {"negatives": self.negatives.params()}
        mined = Node(f"{TASKS}:mine", 1, params, inputs, offline=True, label=f"positives and negatives of {self.title}")
        read: Inputs = (*both, ("mined", mined))
        if self.teacher is not None:
            pairs = Node(f"{TASKS}:pairs", 1, {}, read, kind="pairs", offline=True, label=f"pairs of {self.title}")
            read += (("teacher", sources.compile_pipeline(score_to_the_end(self.teacher), own, pairs)),)
        views = {"doc_text": self.doc_text, "query_text": self.query_text}
        params = {name: view for name, view in views.items() if view != TITLE_AND_TEXT}
        return Node(f"{TASKS}:examples", 1, params, read, offline=True, label=f"examples of {self.title}")

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Fields(Data):
    """Pairs without judgements: one field of every document as the query, another as what answers it.

    query, positive  text columns of the documents, or templates
    source           a folder or id; None: the collection that the system runs on
    sample           at most so many documents, chosen by hash of id
    """

    query: str = "title"
    positive: str = "text"
    source: str | None = None
    sample: int | None = None
    on_overlap: OnOverlap = "refuse"

    def __post_init__(self) -> None:
        fit_fields(self, "fields")

    @property
    def title(self) -> str:
        return f"{self.query} and {self.positive} of {'the documents' if self.source is None else _named(self.source)}"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        docs = sources.open_collection(self.source).docs
        texts = sources.get_texts(docs)
        for name, view in (("query", TextView(self.query)), ("positive", TextView(self.positive))):
            texts.readable.read(view, f"training set {self.title}: {name} {view}")
        asked = texts.read(TextView(self.query))
        left = sources.find_overlap(asked, self.title, self.on_overlap, (docs.address, self.query), docs)
        given = {"query": self.query, "positive": self.positive, "sample": self.sample, "without": sorted(left) or None}
        params = {name: value for name, value in given.items() if value is not None}
        return Node(f"{TASKS}:fields", 1, params, (("texts", docs),), offline=True, label=f"examples of {self.title}")

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class TrainingFile(Data):
    """A file of examples.

    JSON lines with `query`, `positive` and, if there are any, `negatives` (a list, or one text) and `scores` (a
    teacher's, the positive's first); or lines of two or more columns separated by tabs: query, positive, negatives.
    Either may be packed by gzip.

    path     of the file
    source   where the columns are ids: the collection that they belong to
    """

    path: str
    source: str | None = None
    on_overlap: OnOverlap = "refuse"

    def __post_init__(self) -> None:
        fit_fields(self, "file of examples")

    @property
    def title(self) -> str:
        return Path(self.path).name

    def compile_node(self, sides: Sides) -> Node:
        path = expand_path(self.path)
        if not path.is_file():
            raise ConfigError(f"training file {path}: there is no such file")
        sources = require_sources(sides)
        given = InputFile.of(path)
        params: dict[str, Any] = {"digest": given.digest}
        inputs: Inputs = ()
        if self.source is not None:
            whole = sources.open_collection(self.source)
            inputs = (("queries", whole.queries), ("docs", whole.docs))
        opened = {role: sources.get_texts(node) for role, node in inputs}
        whole_file = (given.digest, *(node.address for _, node in inputs))
        with given.expect_unchanged():
            asked = (one.query for one in read_examples(path, opened.get("queries"), opened.get("docs")))
            left = sources.find_overlap(asked, self.title, self.on_overlap, whole_file, dict(inputs).get("docs"))
        if left:
            params["without"] = sorted(left)
        return Node(
            f"{TASKS}:file", 1, params, inputs, offline=True, given=True, stage=given, label=f"examples of {self.title}"
        )

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Mixture(Data):
    """Several training sets together.

    by  'size': all examples of all; 'even': of each as many as the smallest has, chosen by hash
    """

    of: tuple[Data, ...]
    by: Literal["size", "even"] = "size"

    def __post_init__(self) -> None:
        fit_fields(self, "mix")
        if len(self.of) < 2:
            raise ConfigError(f"mix: expected two training sets or more, got {len(self.of)}")
        if self.by not in ("size", "even"):
            raise ConfigError(f"mix: by is size or even, got {self.by!r}")

    @property
    def title(self) -> str:
        return " + ".join(one.title for one in self.of)

    def compile_node(self, sides: Sides) -> Node:
        inputs = tuple(("examples", one.compile_node(sides)) for one in self.of)
        params = {} if self.by == "size" else {"by": self.by}
        return Node(f"{TASKS}:mixed", 1, params, inputs, offline=True, label=f"examples of {self.title}")

    def __repr__(self) -> str:
        return to_expression(self)


def score_to_the_end(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline whose scorers score lists to their end: what lies below a depth has no score of theirs.

    Pipelines that are applied to other texts stay as they are.
    """

    def deepen(part: Any) -> Any:
        return replace(part, depth=_ALL) if isinstance(part, Scorer) else part

    deepened: Pipeline = transform(pipeline, deepen, (Stage, Within, Rewrite, Fold, Tuned))
    return deepened


def require_sources(sides: Sides) -> TrainingSources:
    """Return what training asks for data."""
    if sides.training_sources is None:
        raise ConfigError("a model can only be trained by an experiment, which knows what is evaluated")
    return sides.training_sources


def described(queries: Judged) -> str:
    """Return some judged queries as people say it."""
    if queries.outside_fold:
        where = "the other folds"
    else:
        where = "/".join(filter(None, (_named(queries.source) if queries.source else "", queries.split)))
    low, high = queries.part
    part = "" if (low, high) == (0, 1) else f" {100 * low:g}-{100 * high:g} %"
    return where + part + (f", {queries.sample} queries" if queries.sample else "")


def _named(source: str) -> str:
    return "/".join(Path(source).parts[-2:]) if "/" in source else source
