"""Rounds: hard negatives that are mined anew by the model as it was trained so far."""

from __future__ import annotations

from dataclasses import replace

from nirank.algebra.model import TrainedModel
from nirank.algebra.pipeline import Pipeline
from nirank.errors import ConfigError
from nirank.stages.dense import Dense
from nirank.stages.sparse import Sparse
from nirank.training.mined_data import MinedData
from nirank.training.negatives import Mined, Negatives
from nirank.training.training_data import TrainingData
from nirank.training.training_sets import Mixture


def mine_anew(data: TrainingData, model: TrainedModel) -> TrainingData:
    """Return a training set whose hard negatives are what a model finds.

    Mined negatives keep their ranks, number and margins; their pipeline becomes the search with this model. Labelled
    ones stay. Where none is mined, the model's nearest document is. Of a mixture this goes for every set of judged
    queries in it.
    """
    changed = _mine_with(data, model)
    if changed == data:
        raise ConfigError(
            f"train: rounds mine the negatives of judged queries anew, and there are none in {data.title}"
        )
    return changed


def _mine_with(data: TrainingData, model: TrainedModel) -> TrainingData:
    if isinstance(data, Mixture):
        return replace(data, of=tuple(_mine_with(part, model) for part in data.of))
    if not isinstance(data, MinedData):
        return data
    pipeline = _search_with(model, data)
    negatives: list[Negatives] = []
    for source in data.negative_sources:
        anew = replace(source, of=pipeline) if isinstance(source, Mined) else source
        if anew not in negatives:
            negatives.append(anew)
    if not any(isinstance(source, Mined) for source in negatives):
        negatives.append(Mined(pipeline))
    return replace(data, negatives=tuple(negatives))  # type: ignore[type-var]


def _search_with(model: TrainedModel, data: MinedData) -> Pipeline:
    """Return the retrieval of a model's nearest documents, on the texts that it is trained on."""
    if model.kind == "bi_encoder":
        return Dense(model, doc_text=data.doc_text, query_text=data.query_text)
    if model.kind == "sparse_encoder":
        return Sparse(model, doc_text=data.doc_text, query_text=data.query_text)
    raise ConfigError("train: in rounds the model itself finds the negatives, and a cross-encoder does not search")
