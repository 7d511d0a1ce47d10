"""The computations of training: from judgements to examples, from examples to a model."""

from __future__ import annotations

import numpy as np

from nirank.algebra.node import Job
from nirank.base.files import InputFile
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.errors import DataError
from nirank.flow.pairs import Pairs
from nirank.training.dev import Watched
from nirank.training.examples import Examples
from nirank.training.leaks import normalised
from nirank.training.making import mixed as put_together
from nirank.training.making import of_fields, of_lines, of_rows
from nirank.training.mining import MinedRows
from nirank.training.mining import mine as mined_rows

TRAIN_TASK, SOUP_TASK = f"{__name__}:train", f"{__name__}:soup"


def mine(job: Job) -> None:
    """Choose positives and negatives."""
    found = next(iter(job.inputs.get("list", ())), None)
    made = mined_rows(job.get_input("queries"), job.get_input("docs"), job.get_input("judgements"), found, job.params)
    made.save(job.folder)
    job.context.declare("examples", dict(made.counts))


def pairs(job: Job) -> Pairs:
    """Give the pairs that a teacher is to score."""
    q, d = MinedRows.open(job.get_input("mined")).pairs()
    return Pairs.build(job.get_input("queries").ids, job.get_input("docs").ids, q, d, source="examples")


def examples(job: Job) -> None:
    """Read the texts of what was mined."""
    views = (
        TextView(job.params.get("query_text", TITLE_AND_TEXT)),
        TextView(job.params.get("doc_text", TITLE_AND_TEXT)),
    )
    teacher = next(iter(job.inputs.get("teacher", ())), None)
    mined = MinedRows.open(job.get_input("mined"))
    _keep(of_rows(mined, job.get_input("queries"), job.get_input("docs"), views, teacher), job)


def fields(job: Job) -> None:
    """Pair two fields of every document."""
    views = TextView(job.params["query"]), TextView(job.params["positive"])
    found = of_fields(job.get_input("texts"), *views, job.params.get("sample"))
    left = set(job.params.get("without", ()))
    _keep(of_lines(one for one in found if normalised(one.query) not in left), job)


def file(job: Job) -> None:
    """Read a file of examples."""
    from nirank.training.files import read_examples

    sides = [next(iter(job.inputs.get(role, ())), None) for role in ("queries", "docs")]
    left = set(job.params.get("without", ()))
    given: InputFile = job.stage
    with given.expect_unchanged() as path:
        found = read_examples(path, sides[0], sides[1])
        _keep(of_lines(one for one in found if normalised(one.query) not in left), job)


def mixed(job: Job) -> None:
    """Put training sets together."""
    sets = [Examples.open(folder) for folder in job.inputs["examples"]]
    _keep(put_together(sets, evenly=job.params.get("by") == "even"), job)


def train(job: Job) -> None:
    """Train a model."""
    from nirank.inference.models import resolve
    from nirank.training.fit import Fitting, fit
    from nirank.training.train import Train

    one: Train = job.stage
    watch = one.watch
    base = resolve(one.base)
    if dict(base.identity) != job.params.get("base", base.identity):
        raise DataError(f"{base.path}: changed since it was read at planning; run again")
    prompts = (base.pair_prompt, "") if one.kind == "cross_encoder" else (base.prompt("query"), base.prompt("document"))
    limits = (None, None) if watch is None else (watch.patience, watch.every)
    how = Fitting(one.kind, base, one.recipe, int(job.params["seed"]), *prompts, *limits)
    fit(
        how,
        Examples.open(job.get_input("examples")),
        _watched(job),
        job.context.open_scratch_folder(),
        job.folder,
        job.context,
    )


def soup(job: Job) -> None:
    """Average models."""
    from nirank.training.cooking import cook

    start = next(iter(job.inputs.get("start", ())), None)
    cook(job.inputs["model"], job.stage, start, _watched(job), job.folder, job.context)


def _watched(job: Job) -> Watched | None:
    if "watched" not in job.inputs:
        return None
    names = ("watched", "watched_queries", "watched_docs", "watched_judgements")
    lists, queries, docs, qrels = (job.get_input(name) for name in names)
    watch = job.stage.watch
    views = TextView(watch.query_text), TextView(watch.doc_text)
    return Watched.of(lists, queries, docs, qrels, watch.measure, views)


def _keep(made: Examples, job: Job) -> None:
    if not len(made):
        reasons = ", ".join(f"{name}: {n:,}" for name, n in made.counts.items() if n) or "nothing was read"
        raise DataError(f"there is no example to train on ({reasons})")
    made.save(job.folder)
    counts = {**made.counts, "queries": len(np.unique(made.queries)), "texts": len(made.texts)}
    job.context.declare("examples", counts)
