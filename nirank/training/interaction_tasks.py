"""The computations of interaction models: which positives a pre-fetcher found, and the training."""

from __future__ import annotations

from dataclasses import replace

from nirank.algebra.node import Job
from nirank.errors import DataError
from nirank.training.mining import MinedRows

TRAIN_TASK = f"{__name__}:train_interaction"


def keep_retrieved(job: Job) -> None:
    """Leave the positives that stand in the pre-fetcher's list."""
    from nirank.training.interaction_fitting import select_retrieved

    mined = select_retrieved(MinedRows.open(job.get_input("mined")), job.get_input("list"))
    if not len(mined.queries):
        reasons = ", ".join(f"{name}: {n:,}" for name, n in mined.counts.items() if n)
        raise DataError(f"no list has a positive and a negative to train on ({reasons})")
    mined.save(job.folder)
    job.context.declare("examples", dict(mined.counts))


def train_interaction(job: Job) -> None:
    """Train a network."""
    from nirank.inference.interactions import InteractionDesign, Interactions
    from nirank.inference.models import resolve_model
    from nirank.inference.word_pieces import WordPieces, read_unit_vectors
    from nirank.training.interaction_fitting import InteractionFitting, TrainingLists, fit_interaction
    from nirank.training.interaction_models import InteractionRecipe, TrainInteraction
    from nirank.training.interaction_watch import WatchedInteractions

    train: TrainInteraction = job.stage
    base = resolve_model(train.base)
    if dict(base.identity) != job.params["base"]:
        raise DataError(f"{base.path}: changed since it was read at planning; run again")
    design = InteractionDesign.from_json(job.params["design"])
    pieces = [WordPieces.open(folder) for folder in job.inputs["pieces"]]
    interactions = Interactions(design, read_unit_vectors(base), base.loaded_identity, pieces[0], pieces[1])
    lists = TrainingLists.of(
        MinedRows.open(job.get_input("examples")),
        job.get_input("list"),
        job.get_input("queries"),
        job.get_input("docs"),
        interactions,
        job.context,
    )
    fitting = InteractionFitting(
        InteractionRecipe(**job.params["recipe"]),
        int(job.params["negatives"]["n"]),
        job.params["negatives"]["choose"] == "random",
        int(job.params["depth"]),
        int(job.params["seed"]),
        train.base_name,
        dict(base.identity),
    )
    watched = None
    if train.watch is not None:
        watched_pieces = [WordPieces.open(folder) for folder in job.inputs["watched_pieces"]]
        watched = WatchedInteractions.of(
            job.get_input("watched"),
            (job.get_input("watched_queries"), job.get_input("watched_docs")),
            job.get_input("watched_judgements"),
            replace(interactions, queries=watched_pieces[0], docs=watched_pieces[1]),
            train.watch.measure,
            train.watch.patience,
            fitting.depth,
        )
    fit_interaction(fitting, lists, watched, job.folder, job.context)
