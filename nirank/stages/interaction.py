"""Re-ranking by DRMM or PACRR, whose score is mixed with that of the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nirank.algebra.context import Context
from nirank.algebra.model import Model, PlannedModel
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MIB, MemoryNeed, Sizes, estimate_library_memory
from nirank.collections.dates import find_date_keys
from nirank.collections.text_view import TITLE_AND_TEXT, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, ModelError
from nirank.flow.ranking import Ranking
from nirank.flow.tails import append_tail

if TYPE_CHECKING:
    from nirank.inference.interaction_models import InteractionFiles
    from nirank.inference.models import ModelFiles


@stage
class Interaction(Combiner):
    """Re-rank the head of a list by a trained DRMM or PACRR: `bm25 >> Interaction(model)`.

    rel(q, d) = w_r · s_r(q, d) + w_p · s_p(q, d): s_r is the network's score, s_p the list's, min-max scaled within the
    head (all 0 where all are equal), and both weights were learned with the network. Below `depth` the old order
    stays. Terms are word pieces of the model's base, idf is that among the documents that are searched.

    Guo et al., CIKM 2016; Hui et al., EMNLP 2017; mixed as in Chalkidis et al., EACL 2021.
    """

    model: Model = option(identity=False, help="a model that is trained with kind: drmm or pacrr, or its folder")
    depth: int | None = option(default=None, help="how many documents a query are re-ranked [as in training]")
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")

    name = "interaction"
    model_kind = ("drmm", "pacrr")
    source = "Guo et al., CIKM 2016, section 3; Hui et al., EMNLP 2017, section 3; Chalkidis et al., EACL 2021"

    def check(self) -> None:
        if not self.model:
            raise ConfigError("interaction: model is empty; expected a model trained with kind: drmm or pacrr")
        if self.depth is not None and self.depth < 2:
            raise ConfigError(f"interaction: depth must be 2 or more, got {self.depth}")

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        model = self.model
        key = self._read_files().design.date_key if isinstance(model, str) else getattr(model, "date_key", None)
        if key is not None:
            find_date_keys(key, queries, docs, self.name)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.inference.word_pieces import make_piece_node

        base = self._resolve_base()
        return (
            make_piece_node(base, sides.queries, self.query_text, offline=False),
            make_piece_node(base, sides.docs, self.doc_text, offline=True),
        )

    def describe_identity(self) -> dict[str, Any]:
        from nirank.inference.models import resolve_model

        return {**super().describe_identity(), "model": dict(resolve_model(self.model).identity)}

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.inference.word_pieces import estimate_unit_vectors
        from nirank.inference.word_vectors import WordVectors

        base = self._resolve_base()
        vectors = estimate_unit_vectors(base) + estimate_library_memory("numba")
        return MemoryNeed(WordVectors(base).estimate_memory(sizes).main + vectors + 64 * MIB)

    def describe_conventions(self) -> Mapping[str, Any]:
        return {**super().describe_conventions(), "s_p": "min-max within the head"}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        from nirank.inference.encoder import choose_device
        from nirank.inference.interaction_models import score_lists
        from nirank.inference.interactions import Interactions
        from nirank.inference.mixture import Mixture, scale_lists
        from nirank.inference.models import resolve_model
        from nirank.inference.word_pieces import WordPieces, read_unit_vectors

        ranking = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        files, base, device = self._read_files(), self._resolve_base(), choose_device(ctx.device)
        model = resolve_model(self.model)
        network = files.load_network(model.path, device)
        ctx.record_model(str(model.content), sum(weights.numel() for weights in network.parameters()), device)
        pieces = [WordPieces.open(ctx.input_folder(at)) for at in (0, 1)]
        interactions = Interactions(files.design, read_unit_vectors(base), base.loaded_identity, pieces[0], pieces[1])
        depth = self.depth or files.depth
        head = ranking.cut(depth)
        s_p = scale_lists(head.scores, head.offsets)
        s_r = score_lists(network, interactions, head, ctx.queries, ctx.docs, device, ctx)
        mixture = Mixture.measure(files.mixture.w_r, files.mixture.w_p, s_r, s_p, "pairs that were re-ranked")
        ctx.declare("mixture", {**asdict(mixture), "reliance": mixture.reliance})
        ctx.declare("depth", depth)
        reranked = head.rescore(mixture.mix(s_r, s_p), source=self.name)
        return reranked if len(head) == len(ranking) else append_tail(reranked, ranking, depth)

    def _resolve_base(self) -> ModelFiles:
        """Return the model whose word pieces are read; raise ModelError where it is no longer what it was."""
        from nirank.inference.models import resolve_model

        if isinstance(self.model, PlannedModel):
            return resolve_model(self.model.base_name)
        files = self._read_files()
        base = resolve_model(files.base)
        if dict(base.identity) != dict(files.base_content):
            raise ModelError(
                f"model '{self.model}': was trained on the word vectors of {files.base}, and those files have changed"
            )
        return base

    def _read_files(self) -> InteractionFiles:
        from nirank.inference.interaction_models import InteractionFiles
        from nirank.inference.models import resolve_model

        files = resolve_model(self.model)
        return InteractionFiles.open(files.path, files.name)
