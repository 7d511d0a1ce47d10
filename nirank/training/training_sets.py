"""Training sets as values: judged queries with mined negatives, fields of documents, files, and mixtures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nirank.algebra.judged import Judged, OnOverlap
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides, TrainingSources
from nirank.base.files import InputFile, expand_path
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.training.codes import Codes
from nirank.training.example_files import read_examples
from nirank.training.mined_data import MinedData
from nirank.training.negatives import LabelledNegatives, Negatives
from nirank.training.training_data import TASKS, Inputs, TrainingData, require_sources, shorten_source


@dataclass(frozen=True)
class TrainingSet(MinedData):
    """Judged queries, each positive an example.

    queries    which
    negatives  labelled ones, mined ones, or several of these; None: none but the batch's
    teacher    a pipeline whose scores of positives and negatives are learned ('margin_mse')
    grade      the least grade of a positive; None: as the judgement set says
    positives  at most so many a query, the highest grades first, equal ones by hash
    rewrite    a map of queries: what is read of them, such as KeySentences(8); None: all
    parts      a view of documents, such as Windows(200): of each document the part is read that BM25 scores best for
               what is read of the query; None: the whole document
    groups     what an example is: each 'positive'; or each 'query', of which every epoch draws a positive and `n`
               labelled negatives anew, with replacement where there are fewer
    shared     of groups by query, what an evaluated query may be given too: 'keep' it, counted, or 'drop' it
    """

    queries: Judged = field(default_factory=Judged)
    negatives: Negatives | tuple[Negatives, ...] | None = None
    teacher: Pipeline | None = None
    grade: int | None = None
    positives: int | None = None
    doc_text: View = TITLE_AND_TEXT
    query_text: View = TITLE_AND_TEXT
    rewrite: Pipeline | None = None
    parts: Pipeline | None = None
    groups: Literal["positive", "query"] = "positive"
    shared: Literal["keep", "drop"] = "keep"

    def __post_init__(self) -> None:
        fit_fields(self, "data")
        self.check_mining()
        self._check_groups()
        if self.positives is not None and self.positives < 1:
            raise ConfigError(f"positives: expected 1 or more, got {self.positives}")

    @property
    def title(self) -> str:
        return describe_queries(self.queries)

    @property
    def draws_groups(self) -> bool:
        return self.groups == "query"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        judged = sources.open_judged(self.queries, "trained", self.grade)
        if self.draws_groups:
            return self._compile_groups(judged, sources)
        return self.compile_examples(judged, sources, self.grade, self.positives)

    def _check_groups(self) -> None:
        """Raise ConfigError for groups that cannot be meant."""
        labelled = self.negatives if isinstance(self.negatives, LabelledNegatives) else None
        if self.groups == "query" and (labelled is None or labelled.n is None or self.teacher is not None):
            raise ConfigError(
                "groups: by query draw labelled negatives, and no teacher scores them; give {labelled: {n: 9}}"
            )
        if self.groups == "query" and (self.rewrite is not None or self.parts is not None):
            raise ConfigError("groups: by query read whole texts; leave rewrite and parts out")
        if self.groups == "positive" and self.shared == "drop":
            raise ConfigError("shared: is of groups by query; set groups: query")

    def _compile_groups(self, judged: Sides, sources: TrainingSources) -> Node:
        """Return the computation that gives `Groups`."""
        assert isinstance(self.negatives, LabelledNegatives), "checked when it was made"
        assert judged.judgements is not None, "checked where judged queries are opened"
        inputs: Inputs = (("queries", judged.queries), ("docs", judged.docs), ("judgements", judged.judgements))
        if self.negatives.candidates:
            if not judged.full_depth:
                raise ConfigError(
                    f"training set {self.title}: negatives are candidates that nobody labelled, and {judged.collection}"
                    " lists no candidates"
                )
            inputs += tuple(("candidates", node) for node in judged.scope)
        for docs, candidates in sources.list_evaluated_candidates():
            inputs += (("evaluated_docs", docs), ("evaluated", candidates))
        options = {
            "grade": self.grade,
            "positives": self.positives,
            "shared": None if self.shared == "keep" else "drop",
        }
        params: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        params["negatives"] = self.negatives.params()
        params |= self.check_views(judged, sources)
        return Node(f"{TASKS}:make_groups", 1, params, inputs, offline=True, label=f"groups of {self.title}")

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Fields(TrainingData):
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
        source = "the documents" if self.source is None else shorten_source(self.source)
        return f"{self.query} and {self.positive} of {source}"

    def compile_node(self, sides: Sides) -> Node:
        sources = require_sources(sides)
        docs = sources.open_collection(self.source).docs
        texts = sources.get_texts(docs)
        for name, view in (("query", TextView(self.query)), ("positive", TextView(self.positive))):
            texts.text_fields.select_fields(view, f"training set {self.title}: {name} {view}")
        questions = texts.read(TextView(self.query))
        overlap = sources.find_overlap(questions, self.title, self.on_overlap, (docs.address, self.query), docs)
        options = {
            "query": self.query,
            "positive": self.positive,
            "sample": self.sample,
            "without": sorted(overlap) or None,
        }
        params = {name: value for name, value in options.items() if value is not None}
        return Node(
            f"{TASKS}:pair_fields", 1, params, (("texts", docs),), offline=True, label=f"examples of {self.title}"
        )

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class TrainingFile(TrainingData):
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
        file = InputFile.of(path)
        params: dict[str, Any] = {"digest": file.digest}
        inputs: Inputs = ()
        if self.source is not None:
            source = sources.open_collection(self.source)
            inputs = (("queries", source.queries), ("docs", source.docs))
        texts = {role: sources.get_texts(node) for role, node in inputs}
        overlap_key = (file.digest, *(node.address for _, node in inputs))
        with file.expect_unchanged():
            questions = (example.query for example in read_examples(path, texts.get("queries"), texts.get("docs")))
            overlap = sources.find_overlap(
                questions, self.title, self.on_overlap, overlap_key, dict(inputs).get("docs")
            )
        if overlap:
            params["without"] = sorted(overlap)
        return Node(
            f"{TASKS}:read_file",
            1,
            params,
            inputs,
            offline=True,
            from_user=True,
            stage=file,
            label=f"examples of {self.title}",
        )

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Mixture(TrainingData):
    """Several training sets together.

    by  'size': all examples of all; 'even': of each as many as the smallest has, chosen by hash
    """

    of: tuple[TrainingData, ...]
    by: Literal["size", "even"] = "size"

    def __post_init__(self) -> None:
        fit_fields(self, "mix")
        if len(self.of) < 2:
            raise ConfigError(f"mix: expected two training sets or more, got {len(self.of)}")
        if self.by not in ("size", "even"):
            raise ConfigError(f"mix: by is size or even, got {self.by!r}")
        if any(isinstance(data, MinedData) and data.draws_groups for data in self.of):
            raise ConfigError("mix: groups by query are drawn anew every epoch and do not mix with examples")

        if any(isinstance(data, Codes) for data in self.of):
            raise ConfigError("mix: codes of documents are learned by a loss of their own and do not mix with examples")

    @property
    def title(self) -> str:
        return " + ".join(data.title for data in self.of)

    def compile_node(self, sides: Sides) -> Node:
        inputs = tuple(("examples", data.compile_node(sides)) for data in self.of)
        params = {} if self.by == "size" else {"by": self.by}
        return Node(f"{TASKS}:mix_sets", 1, params, inputs, offline=True, label=f"examples of {self.title}")

    def __repr__(self) -> str:
        return to_expression(self)


def describe_queries(queries: Judged) -> str:
    """Return some judged queries as people say it."""
    if queries.outside_fold:
        origin = "the other folds"
    else:
        origin = "/".join(filter(None, (shorten_source(queries.source) if queries.source else "", queries.split)))
    low, high = queries.part
    part = "" if (low, high) == (0, 1) else f" {100 * low:g}-{100 * high:g} %"
    return origin + part + (f", {queries.sample} queries" if queries.sample else "")
