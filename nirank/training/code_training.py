"""What training on codes has of its own: batches of coded texts, their loss, and micro-F1 of held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.errors import DataError
from nirank.inference.batches import choose_token_budget, run_in_batches
from nirank.training.coded_texts import CodedTexts
from nirank.training.collators import Batch
from nirank.training.objectives import Objective
from nirank.training.recipe import Recipe
from nirank.training.tokens import Ids, TextReader

if TYPE_CHECKING:
    from torch import Tensor

MICRO_F1 = "micro-F1"


class CodeCollator:
    """Makes batches of coded texts: `inputs`, `place` of each text among their outputs, and its `codes`, (b, codes)."""

    def __init__(self, coded: CodedTexts, reader: TextReader, prompt: str) -> None:
        self.coded, self.reader = coded, reader
        self.tokens = reader.read(coded.texts.to_pylist(), prompt)

    def __call__(self, at: Sequence[int]) -> Batch:
        """Return the batch of some texts."""
        import torch

        inputs, place = self.reader.split_passes([self.frame_text(row) for row in at])
        return {"inputs": inputs, "place": place, "codes": torch.from_numpy(self.coded.mark_codes(at))}

    def frame_text(self, row: int) -> tuple[Ids, Ids]:
        """Return a text as the model reads it."""
        return self.reader.frame_text(self.tokens.get(row))

    def count_example_tokens(self) -> NDArray[np.int64]:
        """Return the tokens that the model reads of each text, (n,)."""
        return np.minimum(self.tokens.lengths, self.reader.text_limit)

    def count_truncated(self, ctx: Context) -> None:
        """Count texts that are longer than the model reads."""
        ctx.count("truncated_documents", int((self.tokens.lengths > self.reader.text_limit).sum()))


class CodeObjective(Objective):
    """The negative log-likelihood of a text's codes, each there or not by itself: a sum over codes, a mean over texts.

    Binary cross-entropy of a sigmoid for each code.
    """

    def __init__(self, recipe: Recipe, similarity: str) -> None:
        super().__init__("bi_encoder", "bce", recipe, similarity)

    def __call__(self, model: Any, batch: Batch) -> Tensor:
        """Return the loss, a scalar."""
        import torch

        from nirank.training.code_head import get_head

        scores = get_head(model).score_codes(self.compute_outputs(model, batch["inputs"])[batch["place"]])
        losses = torch.nn.functional.binary_cross_entropy_with_logits(scores, batch["codes"], reduction="none")
        return losses.sum(-1).mean()


class CodeEvaluator:
    """Measures a model on coded texts that are held out; training does not notice it."""

    def __init__(self, held_out: CodedTexts, objective: CodeObjective, reader: TextReader, prompt: str) -> None:
        self.collator, self.objective = CodeCollator(held_out, reader, prompt), objective
        self.codes = held_out.mark_codes(range(len(held_out)))

    def value(self, model: Any) -> float:
        """Return micro-F1."""
        import torch

        from nirank.training.code_head import get_head

        rows = [self.collator.frame_text(row) for row in range(len(self.codes))]
        scores = np.zeros(self.codes.shape, np.float32)

        def prepare(batch: list[int]) -> Any:
            return self.collator.reader.pad_rows([rows[row] for row in batch])

        def score(batch: list[int], padded: Any) -> None:
            inputs = {name: value.to(model.device) for name, value in padded.items()}
            vectors = self.objective.compute_outputs(model, [inputs])
            scores[batch] = get_head(model).score_codes(vectors).cpu().numpy()

        lengths = np.array([len(ids) for ids, _ in rows], np.int64)
        devices = [model.device] if model.device.type == "cuda" else []
        training = model.training
        model.eval()
        try:
            with torch.random.fork_rng(devices), torch.no_grad():
                run_in_batches(lengths, range(len(rows)), choose_token_budget(model.device.type, None), prepare, score)
        finally:
            model.train(training)
        return compute_micro_f1(scores, self.codes)


def compute_micro_f1(scores: NDArray[np.floating], codes: NDArray[np.floating]) -> float:
    """Return micro-F1 where as many codes are given, over all texts, as they have: there precision is recall.

    scores, codes  (n, n_codes), `codes` 1 or 0

    So it needs no threshold, which a classifier in its first epochs would not reach for any code. Where scores are
    equal to the last one that is given, all of them are.
    """
    n = int(codes.sum())
    if not n:
        raise DataError("training: no text that is held out has a code that is learned; hold out a greater share")
    last = np.partition(scores.ravel(), -n)[-n]
    given = scores >= last
    return float(2 * (given & (codes > 0)).sum() / (given.sum() + n))
