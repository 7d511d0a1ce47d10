"""The computations of training: from judgements to examples, from examples to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nirank.algebra.node import Job
from nirank.base.files import InputFile
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.errors import DataError
from nirank.flow.pairs import Pairs
from nirank.training import example_builders, group_mining, mining
from nirank.training.examples import Examples
from nirank.training.groups import open_training_set
from nirank.training.passage_choice import PassageChoice
from nirank.training.questions import normalise_question
from nirank.training.watch import WatchCodes
from nirank.training.watched_lists import WatchedLists

TRAIN_TASK, SOUP_TASK = f"{__name__}:train_model", f"{__name__}:average_models"


def mine_rows(job: Job) -> None:
    """Choose positives and negatives."""
    sides = (job.get_input("queries"), job.get_input("docs"))
    mined = mining.mine_rows(*sides, job.get_input("judgements"), job.inputs.get("list", ()), job.params)
    mined.save(job.folder)
    job.context.declare("examples", dict(mined.counts))


def make_groups(job: Job) -> None:
    """Choose what each query's examples are drawn from, and read the texts."""
    groups = group_mining.make_groups(
        job.get_input("queries"),
        job.get_input("docs"),
        _read_views(job),
        job.get_input("judgements"),
        job.inputs.get("candidates", ()),
        list(zip(job.inputs.get("evaluated_docs", ()), job.inputs.get("evaluated", ()), strict=True)),
        job.params,
    )
    if not len(groups):
        raise DataError(_describe_nothing(groups.counts))
    groups.save(job.folder)
    job.context.declare("examples", {**groups.counts, "texts": len(groups.texts)})


def list_pairs(job: Job) -> Pairs:
    """Return the pairs that a teacher is to score."""
    q, d = mining.MinedRows.open(job.get_input("mined")).list_pairs()
    return Pairs.build(job.get_input("queries").ids, job.get_input("docs").ids, q, d, source="examples")


def read_mined(job: Job) -> None:
    """Read the texts of what was mined."""
    views = _read_views(job)
    teacher = next(iter(job.inputs.get("teacher", ())), None)
    mined = mining.MinedRows.open(job.get_input("mined"))
    queries = job.get_input("rewritten" if "rewritten" in job.inputs else "queries")
    passages = PassageChoice(job.get_input("parts"), job.get_input("ranked_parts")) if "parts" in job.inputs else None
    _save_examples(
        example_builders.build_from_rows(mined, queries, job.get_input("docs"), views, teacher, passages), job
    )


def pair_fields(job: Job) -> None:
    """Pair two fields of every document."""
    views = TextView(job.params["query"]), TextView(job.params["positive"])
    pairs = example_builders.pair_fields(job.get_input("texts"), *views, job.params.get("sample"))
    overlap = set(job.params.get("without", ()))
    lines = (example for example in pairs if normalise_question(example.query) not in overlap)
    _save_examples(example_builders.build_from_lines(lines), job)


def label_pairs(job: Job) -> None:
    """Have a rule label pairs of records."""
    from nirank.training.rule_pairs import RulePairs, label_pairs

    data: RulePairs = job.stage
    queries, overlap = job.get_input("queries"), set(job.params.get("without", ()))
    texts = enumerate(queries.read(TextView(TITLE_AND_TEXT))) if overlap else ()
    without = frozenset(row for row, text in texts if normalise_question(text) in overlap)
    mined = label_pairs(data.rule, queries, job.get_input("docs"), job.get_input("list"), job.params, without)
    mined.save(job.folder)
    job.context.declare("examples", dict(mined.counts))


def copy_records(job: Job) -> None:
    """Pair every record with corrupted copies of it."""
    from nirank.training.copies import copy_records

    view = TextView(job.params.get("text", TITLE_AND_TEXT))
    overlap = set(job.params.get("without", ()))
    counts: dict[str, int] = {}
    lines = [
        example
        for texts in job.inputs["texts"]
        for example in copy_records(texts, view, job.params, counts)
        if normalise_question(example.positive) not in overlap
    ]
    examples = example_builders.build_from_lines(lines)
    _save_examples(replace(examples, counts={**counts, **examples.counts}), job)


def code_texts(job: Job) -> None:
    """Read documents and the codes that they have."""
    from nirank.training.codes import Codes

    data: Codes = job.stage
    coded = data.read(job.get_input("texts"), frozenset(job.params.get("left_out", ())), job.context)
    if not len(coded):
        raise DataError(_describe_nothing(coded.counts))
    coded.save(job.folder)
    job.context.declare("examples", dict(coded.counts))


def read_file(job: Job) -> None:
    """Read a file of examples."""
    from nirank.training.example_files import read_examples

    queries, docs = (next(iter(job.inputs.get(role, ())), None) for role in ("queries", "docs"))
    overlap = set(job.params.get("without", ()))
    file: InputFile = job.stage
    with file.expect_unchanged() as path:
        lines = (
            example
            for example in read_examples(path, queries, docs)
            if normalise_question(example.query) not in overlap
        )
        _save_examples(example_builders.build_from_lines(lines), job)


def mix_sets(job: Job) -> None:
    """Put training sets together."""
    sets = [Examples.open(folder) for folder in job.inputs["examples"]]
    _save_examples(example_builders.mix_examples(sets, evenly=job.params.get("by") == "even"), job)


def train_model(job: Job) -> None:
    """Train a model."""
    from nirank.inference.models import resolve_model
    from nirank.training.fitting import Fitting, fit_model
    from nirank.training.models import Train

    train: Train = job.stage
    watch = train.watch
    base = resolve_model(train.base)
    if dict(base.identity) != job.params.get("base", base.identity):
        raise DataError(f"{base.path}: changed since it was read at planning; run again")
    is_cross = train.kind == "cross_encoder"
    prompts = (base.pair_prompt, "") if is_cross else (base.get_prompt("query"), base.get_prompt("document"))
    limits = (None, None) if watch is None else (watch.patience, watch.every)
    held_out = watch.held_out if isinstance(watch, WatchCodes) else 0.0
    fitting = Fitting(train.kind, base, train.recipe, int(job.params["seed"]), *prompts, *limits, held_out)
    examples, scratch = open_training_set(job.get_input("examples")), job.context.open_scratch_folder()
    fit_model(fitting, examples, _open_watched(job), scratch, job.folder, job.context)


def average_models(job: Job) -> None:
    """Average the weights of models."""
    from nirank.training.soup_building import build_soup

    start = next(iter(job.inputs.get("start", ())), None)
    build_soup(job.inputs["model"], job.stage, start, _open_watched(job), job.folder, job.context)


def _open_watched(job: Job) -> WatchedLists | None:
    if "watched" not in job.inputs:
        return None
    names = ("watched", "watched_queries", "watched_docs", "watched_judgements")
    lists, queries, docs, qrels = (job.get_input(name) for name in names)
    watch = job.stage.watch
    views = TextView(watch.query_text), TextView(watch.doc_text)
    return WatchedLists.of(lists, queries, docs, qrels, watch.measure, views)


def _save_examples(examples: Examples, job: Job) -> None:
    """Write the examples and declare their counts; raise DataError where there is none."""
    if not len(examples):
        raise DataError(_describe_nothing(examples.counts))
    examples.save(job.folder)
    counts = {**examples.counts, "queries": len(np.unique(examples.queries)), "texts": len(examples.texts)}
    job.context.declare("examples", counts)


def _read_views(job: Job) -> tuple[TextView, TextView]:
    """Return the views of queries and documents that the options name."""
    query_text, doc_text = (job.params.get(name, TITLE_AND_TEXT) for name in ("query_text", "doc_text"))
    return TextView(query_text), TextView(doc_text)


def _describe_nothing(counts: Mapping[str, int]) -> str:
    reasons = ", ".join(f"{name}: {n:,}" for name, n in counts.items() if n) or "nothing was read"
    return f"there is no example to train on ({reasons})"
