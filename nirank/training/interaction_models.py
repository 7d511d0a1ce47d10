"""TrainInteraction: DRMM and PACRR as models that are made as part of a plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nirank.algebra.model import KINDS, Model, NetworkKind, TrainedModel
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides, TrainingSources
from nirank.base.identity import SEED, Placeholder
from nirank.base.memory import MIB, MemoryNeed, Sizes, estimate_library_memory
from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.collections.dates import find_date_keys
from nirank.errors import ConfigError
from nirank.inference.interactions import BINS, InteractionDesign
from nirank.training.negatives import Mined
from nirank.training.training_data import Inputs, TrainingData, require_sources
from nirank.training.training_sets import TrainingSet
from nirank.training.watch import Watch

_TASKS = "nirank.training.interaction_tasks"
# What a network has where nothing else is asked for: of DRMM (Guo et al., CIKM 2016), with the number of query terms
# ours, since its queries are whole documents; of PACRR (Hui et al., EMNLP 2017), l_q 16, l_g 3, n_s 2, with l_d 256 in
# place of 800 and 16 filters in place of 32: a tenth of the time, on a processor.
_DEFAULTS: Mapping[NetworkKind, Mapping[str, Any]] = {
    "drmm": {"query_terms": 50, "learning_rate": 0.01, "epochs": 20},
    "pacrr": {
        "query_terms": 16,
        "doc_terms": 256,
        "ngrams": 3,
        "filters": 16,
        "k_max": 2,
        "learning_rate": 0.001,
        "epochs": 5,
    },
}
_PACRR_ONLY = ("doc_terms", "ngrams", "filters", "k_max")


@dataclass(frozen=True)
class InteractionRecipe:
    """How an interaction network is trained: Adam, and a pairwise hinge within each query's list.

    epochs         passes over the positives; None: 20 of a DRMM, 5 of a PACRR
    batch          positives a step, each with its negatives
    learning_rate  None: 0.01 of a DRMM, 0.001 of a PACRR
    margin         loss of a pair: max(0, margin - rel(positive) + rel(negative))
    """

    epochs: int | None = None
    batch: int = 16
    learning_rate: float | None = None
    margin: float = 1.0

    def __post_init__(self) -> None:
        fit_fields(self, "recipe")
        wrong = [
            f"recipe: {name} must be {expected}, got {value}"
            for name, value, good, expected in (
                ("epochs", self.epochs, self.epochs is None or self.epochs >= 1, "1 or more"),
                ("batch", self.batch, self.batch >= 1, "1 or more"),
                (
                    "learning_rate",
                    self.learning_rate,
                    self.learning_rate is None or self.learning_rate > 0,
                    "above 0",
                ),
                ("margin", self.margin, self.margin > 0, "above 0"),
            )
            if not good
        ]
        if wrong:
            raise ConfigError(*wrong)

    def resolve(self, kind: NetworkKind) -> InteractionRecipe:
        """Return the recipe with nothing left open."""
        epochs = self.epochs or _DEFAULTS[kind]["epochs"]
        return InteractionRecipe(
            epochs, self.batch, self.learning_rate or _DEFAULTS[kind]["learning_rate"], self.margin
        )

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class TrainInteraction(TrainedModel):
    """A network that reads how near a query's terms are to a document's, and mixes its score with the pre-fetcher's.

    rel(q, d) = w_r · s_r(q, d) + w_p · s_p(q, d): s_r is the network's, s_p the pre-fetcher's, min-max scaled within
    each list, and the weights are learned with the network.

    base         whose word-piece vectors the terms have; they stay as they are
    data         judged queries, with negatives that the pre-fetcher finds: `of` is the pre-fetcher, the second of
                 `ranks` how deep its lists are, `n` how many negatives a positive gets. `choose: random` draws them
                 anew every epoch, 'top' always takes the first. Positives that are not in the list are left out
    kind         'drmm' (histograms of cosines; Guo et al., CIKM 2016) or 'pacrr' (convolutions over their matrix; Hui
                 et al., EMNLP 2017)
    query_terms  word pieces of a query that are read, those of the greatest tf · idf; None: 50 of a DRMM, 16 of a PACRR
    doc_terms    pacrr: so many of a document's first word pieces are read; None: 256
    ngrams       pacrr: convolutions of 2 × 2 up to so many; None: 3
    filters      pacrr: of each size; None: 16
    k_max        pacrr: greatest signals that are kept of a query term at each size; None: 2
    date_key     metadata key of dates: the years between query and document are read too; None: they are not
    recipe       how
    watch        held-out queries by which the best epoch is chosen, `patience` in epochs; None: the last one
    seed         of the first weights, order and draws; SEED: the experiment's
    """

    base: Model
    data: TrainingData
    kind: NetworkKind = "drmm"
    query_terms: int | None = None
    doc_terms: int | None = None
    ngrams: int | None = None
    filters: int | None = None
    k_max: int | None = None
    date_key: str | None = None
    recipe: InteractionRecipe = dataclasses.field(default_factory=InteractionRecipe)
    watch: Watch | None = None
    seed: int | Placeholder = SEED

    def __post_init__(self) -> None:
        where = self.kind
        fit_fields(self, where)
        if self.kind not in _DEFAULTS:
            raise ConfigError(f"an interaction network: kind is drmm or pacrr, got {self.kind!r}")
        if not isinstance(self.base, str):
            raise ConfigError(
                f"{where}: base is a model by its name, whose word-piece vectors stay as they are; training has not"
                f" changed those of {self.base.title} for the better: name what it starts from, {self.base.base_name}"
            )
        for name in ("query_terms", *_PACRR_ONLY):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{where}: {name} must be 1 or more, got {value}")
            if value is not None and name not in _DEFAULTS[self.kind]:
                raise ConfigError(f"{where}: {name} does nothing in {KINDS[self.kind]}; leave it out")
        if self.watch is not None and self.watch.every is not None:
            raise ConfigError(f"{where}: watch.every is of steps; a network is watched once an epoch, leave it out")
        if self.date_key == "":
            raise ConfigError(f"{where}: date_key is empty; expected the metadata key of the dates")
        self._get_negatives()
        design = self.design
        if design.kind == "pacrr" and max(design.ngrams, design.k_max) > design.doc_terms:
            raise ConfigError(
                f"{where}: ngrams and k_max must not exceed doc_terms, got {design.ngrams}, {design.k_max} and"
                f" {design.doc_terms}"
            )

    @property
    def base_name(self) -> str:
        assert isinstance(self.base, str), "checked when it was made"
        return self.base

    @property
    def design(self) -> InteractionDesign:
        """What the network reads, and its size."""
        sizes = {name: value for name, value in _DEFAULTS[self.kind].items() if name not in ("learning_rate", "epochs")}
        given = {name: getattr(self, name) for name in sizes if getattr(self, name) is not None}
        return InteractionDesign(self.kind, **{**sizes, **given}, date_key=self.date_key)

    @property
    def depth(self) -> int:
        """How deep the pre-fetcher's lists are."""
        return self._get_negatives().ranks[1]

    @property
    def title(self) -> str:
        changed = {
            name: getattr(self, name)
            for name in ("query_terms", *_PACRR_ONLY, "date_key")
            if getattr(self, name) is not None
        } | find_changed_fields(self.recipe)
        options = [f"{name} {value}" for name, value in changed.items()]
        if isinstance(self.seed, int):
            options.append(f"seed {self.seed}")
        title = f"{self.kind.upper()} trained on {self.data.title}"
        return f"{title} ({', '.join(options)})" if options else title

    def compile_node(self, sides: Sides) -> Node:
        from nirank.inference.models import resolve_model
        from nirank.inference.word_pieces import make_piece_node

        assert isinstance(self.data, TrainingSet), "checked when it was made"
        sources, negatives = require_sources(sides), self._get_negatives()
        judged = sources.open_judged(self.data.queries, "trained", self.data.grade)
        self.data.check_views(judged, sources)
        if self.date_key is not None and judged.queries.is_leaf:
            find_date_keys(self.date_key, sources.get_texts(judged.queries), sources.get_texts(judged.docs), self.kind)
        base = resolve_model(self.base)
        examples = self._compile_examples(judged, sources)
        params: dict[str, Any] = {
            "design": self.design.to_json(),
            "base": dict(base.identity),
            "depth": self.depth,
            "negatives": {"n": negatives.n, "choose": negatives.choose},
            "recipe": dataclasses.asdict(self.recipe.resolve(self.kind)),
            "seed": self.seed,
        }
        inputs: Inputs = (
            ("examples", examples),
            ("queries", judged.queries),
            ("docs", judged.docs),
            ("list", examples.get_input("list")),
            ("pieces", make_piece_node(base, judged.queries, self.data.query_text, offline=True)),
            ("pieces", make_piece_node(base, judged.docs, self.data.doc_text, offline=True)),
        )
        if self.watch is not None:
            watched = dict(self.watch.inputs(sides))
            inputs += tuple(watched.items())
            inputs += (
                (
                    "watched_pieces",
                    make_piece_node(base, watched["watched_queries"], self.watch.query_text, offline=True),
                ),
                ("watched_pieces", make_piece_node(base, watched["watched_docs"], self.watch.doc_text, offline=True)),
            )
            params["watch"] = self.watch.params()
        return Node(
            f"{_TASKS}:train_interaction",
            1,
            params,
            inputs,
            offline=True,
            training=True,
            memory=self.estimate_memory,
            stage=self,
            label=f"train {KINDS[self.kind]}: {self.title}",
        )

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what training needs: vectors, and what is read of every pair, or of a batch."""
        from nirank.inference.models import resolve_model
        from nirank.inference.word_pieces import estimate_unit_vectors
        from nirank.inference.word_vectors import WordVectors

        design = self.design
        per_pair = design.query_terms * BINS * 2 if design.kind == "drmm" else 24
        batch = 16 * design.query_terms * design.width * (design.filters + 1) * 16 * max(design.ngrams - 1, 1)
        base = resolve_model(self.base_name)
        vectors = estimate_unit_vectors(base) + estimate_library_memory("numba")
        model = WordVectors(base).estimate_memory(sizes).main
        return MemoryNeed(model + vectors + sizes.listed_pairs * per_pair + batch + 64 * MIB)

    def _compile_examples(self, judged: Sides, sources: TrainingSources) -> Node:
        """Return the computation that gives the retrieved positives, each with all that may be its negatives."""
        assert isinstance(self.data, TrainingSet), "checked when it was made"
        negatives = self._get_negatives()
        whole = dataclasses.replace(negatives, n=self.depth, choose="top")
        data = dataclasses.replace(self.data, negatives=whole)
        mined = data.compile_rows(judged, sources, self.data.grade, self.data.positives)
        inputs = (
            ("queries", judged.queries),
            ("docs", judged.docs),
            ("mined", mined),
            ("list", mined.get_input("list")),
        )
        return Node(f"{_TASKS}:keep_retrieved", 1, {}, inputs, offline=True, label=f"lists of {self.data.title}")

    def _get_negatives(self) -> Mined:
        """Return the negatives of the data; raise ConfigError for data that no list of a pre-fetcher belongs to."""
        example = "{split: train, negatives: {of: bm25, ranks: [1, 100], n: 4, choose: random}}"
        if not isinstance(self.data, TrainingSet):
            raise ConfigError(f"{self.kind}: its data are judged queries and their lists, {example}; got {self.data!r}")
        negatives = self.data.negatives
        if not isinstance(negatives, Mined) or self.data.draws_groups:
            raise ConfigError(f"{self.kind}: its negatives come from one pre-fetcher's lists, {example}")
        if self.data.teacher is not None:
            raise ConfigError(f"{self.kind}: learns from judgements; leave teacher out")
        if self.data.rewrite is not None or self.data.parts is not None:
            raise ConfigError(f"{self.kind}: reads texts as its views say; leave rewrite and parts out")
        if negatives.margin is not None or negatives.relative is not None:
            raise ConfigError(f"{self.kind}: its negatives are those of the list; leave margin and relative out")
        return negatives

    def __repr__(self) -> str:
        return to_expression(self)
