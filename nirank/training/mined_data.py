"""From judged queries to examples: positives, negatives by label or mined from lists, a teacher's scores, texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nirank.algebra.application import Fold, Rewrite, Within, fold, rewrite
from nirank.algebra.node import Node
from nirank.algebra.pipeline import RANKED_OR_NOT, Pipeline
from nirank.algebra.sides import Sides, TrainingSources
from nirank.algebra.stage import ALL_DOCUMENTS, Scorer, Stage
from nirank.algebra.tuned import DecidedPipeline
from nirank.algebra.walk import transform
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.stages.bm25 import BM25
from nirank.training.negatives import LabelledNegatives, Mined, Negatives
from nirank.training.training_data import TASKS, Inputs, TrainingData


class MinedData(TrainingData):
    """Judged queries, each positive an example; subclasses are frozen data classes with these fields.

    negatives  labelled ones, mined ones, or several of these; None: none but the batch's
    teacher    a pipeline whose scores of positives and negatives are learned ('margin_mse')
    rewrite    a map of queries: what is read of them; None: all
    parts      a view of documents: of each the part is read that BM25 scores best for what is read of the query; None:
               the whole document
    """

    negatives: Negatives | tuple[Negatives, ...] | None
    teacher: Pipeline | None
    doc_text: View
    query_text: View = TITLE_AND_TEXT
    rewrite: Pipeline | None = None
    parts: Pipeline | None = None

    @property
    def draws_groups(self) -> bool:
        """Tell whether examples are drawn anew every epoch."""
        return False

    @property
    def negative_sources(self) -> tuple[Negatives, ...]:
        """What negatives are taken from, in turn."""
        sources = self.negatives if isinstance(self.negatives, tuple) else (self.negatives,)
        return tuple(source for source in sources if source is not None)

    def check_mining(self) -> None:
        """Raise ConfigError for negatives and a teacher that cannot be meant; a list of one is that one."""
        sources = self.negatives if isinstance(self.negatives, tuple) else (self.negatives,)
        if len(sources) < 2:
            object.__setattr__(self, "negatives", sources[0] if sources else None)
        if sum(isinstance(source, LabelledNegatives) for source in sources) > 1:
            raise ConfigError("negatives: labelled ones are all there are; name them once")
        if not self.draws_groups and any(getattr(source, "candidates", False) for source in sources):
            raise ConfigError("negatives: candidates that nobody labelled are negatives of groups; set groups: query")
        for name, texts in (("rewrite", self.rewrite), ("parts", self.parts)):
            if texts is not None and texts.gives != "texts":
                raise ConfigError(f"{name}: expected a map of texts, got {texts!r}")
        if self.teacher is not None and self.teacher.gives not in RANKED_OR_NOT:
            raise ConfigError(f"teacher: expected a pipeline that scores documents, got {self.teacher!r}")

    def compile_examples(
        self, judged: Sides, sources: TrainingSources, grade: int | None = None, positives: int | None = None
    ) -> Node:
        """Return the computation that makes examples of judged queries.

        grade      the least grade of a positive; None: as the judgement set says
        positives  at most so many a query
        """
        views = self.check_views(judged, sources)
        mined = self.compile_rows(judged, sources, grade, positives)
        text_inputs: Inputs = (("queries", judged.queries), ("docs", judged.docs), ("mined", mined))
        pairs = Node(
            f"{TASKS}:list_pairs", 1, {}, text_inputs, kind="pairs", offline=True, label=f"pairs of {self.title}"
        )
        text_inputs += self._compile_parts(judged, sources, pairs)
        if self.teacher is not None:
            text_inputs += (("teacher", sources.compile_pipeline(score_to_the_end(self.teacher), judged, pairs)),)
        return Node(f"{TASKS}:read_mined", 1, views, text_inputs, offline=True, label=f"examples of {self.title}")

    def compile_rows(
        self, judged: Sides, sources: TrainingSources, grade: int | None = None, positives: int | None = None
    ) -> Node:
        """Return the computation that gives the `MinedRows` of judged queries; options as in `compile_examples`."""
        assert judged.judgements is not None, "checked where judged queries are opened"
        sides_inputs = (("queries", judged.queries), ("docs", judged.docs))
        options = {"grade": grade, "positives": positives}
        params: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        inputs: Inputs = (*sides_inputs, ("judgements", judged.judgements))
        if judged.unit == "pair":
            params["partners"] = "table" if judged.one_table else "tables"
        for source in self.negative_sources:
            if isinstance(source, Mined):
                margins = source.margin is not None or source.relative is not None
                # Margins ask how the positive scores, wherever it stands.
                pipeline = score_to_the_end(source.of) if margins else source.of % source.ranks[1]
                inputs += (("list", sources.compile_pipeline(pipeline, judged)),)
        if self.negatives is not None:
            params["negatives"] = [source.params() for source in self.negative_sources]
        return Node(
            f"{TASKS}:mine_rows", 1, params, inputs, offline=True, label=f"positives and negatives of {self.title}"
        )

    def _compile_parts(self, judged: Sides, sources: TrainingSources, pairs: Node) -> Inputs:
        """Return what is read instead of whole queries and documents, as inputs."""
        if self.rewrite is None and self.parts is None:
            return ()
        # compiled as the pipeline that would search them, of which these are inputs
        searched = BM25() if self.parts is None else fold(self.parts, BM25())
        pipeline = searched if self.rewrite is None else rewrite(self.rewrite, searched)
        found = sources.compile_pipeline(pipeline, replace(judged, full_depth=True), pairs)
        inputs: Inputs = () if self.rewrite is None else (("rewritten", found.get_input("queries")),)
        if self.parts is not None:
            inputs += (("parts", found.get_input("parts")), ("ranked_parts", found.get_input("list")))
        return inputs

    def check_views(self, judged: Sides, sources: TrainingSources) -> dict[str, View]:
        """Return the views that are not the default, by name; raise ConfigError for columns that are not there."""
        views = (("query_text", self.query_text, judged.queries), ("doc_text", self.doc_text, judged.docs))
        for name, view, side in views:
            if side.is_leaf:
                sources.get_texts(side).text_fields.select_fields(
                    TextView(view), f"training set {self.title}: {name} {TextView(view)}"
                )
        return {name: view for name, view, _ in views if view != TITLE_AND_TEXT}


def score_to_the_end(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline whose scorers score lists to their end: what lies below a depth has no score of theirs.

    Pipelines that are applied to other texts stay as they are.
    """

    def deepen(part: Any) -> Any:
        return replace(part, depth=ALL_DOCUMENTS) if isinstance(part, Scorer) else part

    deepened: Pipeline = transform(pipeline, deepen, (Stage, Within, Rewrite, Fold, DecidedPipeline))
    return deepened
