"""What the training of an interaction network is watched by: lists of held-out queries, mixed by the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nirank.algebra.context import Context
from nirank.collections.texts import Texts
from nirank.evaluation.evaluate import evaluate
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.inference.interaction_models import score_lists
from nirank.inference.interactions import Interactions
from nirank.inference.mixture import Mixture, scale_lists

if TYPE_CHECKING:
    from nirank.inference.interaction_networks import MixedScorer


@dataclass(frozen=True, eq=False)
class WatchedInteractions:
    """Lists of held-out queries, cut where training's are, and the measure of their re-ranking.

    patience  epochs without gain after which training stops; None: never
    """

    lists: Ranking
    queries: Texts
    docs: Texts
    qrels: Qrels
    interactions: Interactions
    measure: str
    patience: int | None

    @classmethod
    def of(
        cls,
        lists: Ranking,
        sides: tuple[Texts, Texts],
        qrels: Qrels,
        interactions: Interactions,
        measure: str,
        patience: int | None,
        depth: int,
    ) -> Self:
        """Cut the lists where those of training are cut."""
        return cls(lists.cut(depth), *sides, qrels, interactions, measure, patience)

    def measure_network(self, network: MixedScorer, device: str, ctx: Context) -> float:
        """Return the mean of the measure where the network, as it stands, mixes its scores with the lists'."""
        network.eval()
        s_r = score_lists(network, self.interactions, self.lists, self.queries, self.docs, device, ctx)
        weights = network.weights.detach().cpu().tolist()
        mixture = Mixture(weights[0], weights[1], 0.0, 0.0)
        scores = mixture.mix(s_r, scale_lists(self.lists.scores, self.lists.offsets))
        network.train()
        mean = evaluate(self.lists.rescore(scores, source="training"), self.qrels, (self.measure,)).means[self.measure]
        return float("nan") if mean is None else float(mean)
