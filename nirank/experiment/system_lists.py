"""The lists of a system for details of queries: its own, and those on its way, which stay in the store until read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nirank.base.secrets import mask_secrets
from nirank.collections.collection import Collection
from nirank.experiment.leaves import is_one_table
from nirank.experiment.stage_lists import list_stage_lists
from nirank.experiment.system_runs import SystemRun
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.execute import Runner
from nirank.results.judged_lists import DocumentList, JudgedLists, SystemLists


def make_judged_lists(collection: Collection, qrels: Qrels | None) -> JudgedLists:
    """Return what systems return for a collection's queries, of no system yet."""
    return JudgedLists(
        collection.queries.ids,
        collection.docs.ids,
        qrels,
        (collection.queries, collection.docs),
        (collection.query_dates, collection.doc_dates),
        one_table=is_one_table(collection),
    )


def list_system_lists(run: SystemRun, pairs: Pairs, runner: Runner) -> SystemLists:
    """Return the lists of a system that was run; those of its stages are opened where they are stored, when asked for.

    What a scorer reads of a list is no list of its own here: ranks tell it.
    """
    stages = []
    for stage_list in list_stage_lists(run.target, runner):
        node = stage_list.node
        artifact = runner.run(node)
        if stage_list.depth is None and node != run.target and artifact is not None:
            kind: type[Pairs] = Ranking if node.kind == "ranking" else Pairs
            queries, docs = (runner.get_value(node.get_input(role)).ids for role in ("queries", "docs"))
            open_list = partial(_open_list, kind, artifact.folder, queries, docs, node.depth)
            stages.append((mask_secrets(stage_list.label), open_list))
    return SystemLists(DocumentList(pairs), tuple(stages))


def _open_list(kind: type[Pairs], folder: Path, queries: Ids, docs: Ids, depth: int | None) -> DocumentList:
    return DocumentList(kind.open(folder, queries, docs), depth=depth)
