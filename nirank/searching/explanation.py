"""From what the computations of a query gave to an answer that explains itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from nirank.algebra.node import Node
from nirank.algebra.stage import Scorer, Stage
from nirank.collections.collection import Collection
from nirank.collections.dates import find_date_key
from nirank.collections.text_fields import value_to_text
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.results.evidence import FoldedList, find_folds
from nirank.results.query_detail import DocumentDetail, StageList
from nirank.searching.answer import Answer, Passage, StageTrace
from nirank.searching.query_run import QueryRun
from nirank.searching.terms import MatchedTerms, find_index_node

_MADE_TERMS = 30  # that are shown of a query that a stage made
CHARACTERS = 1000  # of a document that an answer shows
_BODY = TextView("text")


def explain_answer(
    system: str, collection: Collection, asked: Collection, run: QueryRun, ranking: Ranking, k: int
) -> Answer:
    """Return the first k documents of a ranking of one query, with all that is known of their way."""
    head = ranking.cut(k)
    rows: list[int] = head.rows.tolist()
    target = run.plan.target
    names, terms = _name_nodes(run.plan.asked), _match_terms(run)
    matched = next((terms[node] for node in terms if _is_over(node, target, run)), None)
    folds = find_folds(target, run)
    return Answer(
        collection=collection.name,
        system=system,
        query=next(asked.queries.read(TextView(("title", "text")))),
        found=len(ranking),
        documents=tuple(describe_document(collection, row, CHARACTERS) for row in rows),
        scores=tuple(map(float, head.scores)),
        matches=tuple(() for _ in rows) if matched is None else matched.list_matches(rows),
        passages=tuple(_list_passages(folds, row) for row in rows),
        stages=_list_stages(run, rows, names),
        trace=tuple(_trace(node, names[node], run, terms.get(node)) for node in run.plan.asked),
        ms=1000 * sum(run.seconds.values()),
        loading_ms=1000 * run.loading_s,
    )


def describe_document(collection: Collection, row: int, characters: int | None = None) -> DocumentDetail:
    """Return what a document says, its text cut."""
    docs = collection.docs
    record = docs[row]
    title = str(record.get("title") or "") if not docs.reads_all_columns else ""
    columns = [name for name in docs.text_columns if docs.reads_all_columns or name != "title"]
    text = "\n".join(record[name] for name in columns if record[name].strip())
    key = collection.date or find_date_key(docs)
    date = value_to_text(record.get("metadata", {}).get(key)) if key is not None else ""
    return DocumentDetail(record["id"], title, text[:characters], len(text), date or None)


def _is_over(node: Node, target: Node, run: QueryRun) -> bool:
    """Tell whether a computation's list is one of the asked query, over the documents themselves."""
    roles = [role for role, _ in node.inputs]
    if node.kind not in ("ranking", "pairs") or "docs" not in roles or "queries" not in roles:
        return False
    return node.get_input("docs") == target.get_input("docs") and len(run.get_value(node.get_input("queries"))) == 1


def _list_stages(run: QueryRun, rows: Sequence[int], names: Mapping[Node, str]) -> tuple[StageList, ...]:
    stages = []
    for node in run.plan.asked:
        if not _is_over(node, run.plan.target, run) or node.task.endswith(":restrict"):
            continue
        pairs: Pairs = run.get_value(node)
        places = {row: at for at, row in enumerate(pairs.rows.tolist())}
        found = [places.get(row) for row in rows]
        ranked = isinstance(pairs, Ranking)
        ranks = tuple(None if at is None or not ranked else at + 1 for at in found)
        scores = tuple(
            None if at is None or not isinstance(pairs, Ranking) else float(pairs.scores[at]) for at in found
        )
        stages.append(StageList(names[node], ranks, scores))
    return tuple(stages)


def _name_nodes(nodes: Sequence[Node]) -> dict[Node, str]:
    """Return a short name of each computation: its stage's, numbered where there are several."""
    short = [node.stage.name if isinstance(node.stage, Stage) else node.label.split("(")[0] for node in nodes]
    counts = Counter(short)
    numbers: Counter[str] = Counter()
    names = {}
    for node, name in zip(nodes, short, strict=True):
        numbers[name] += 1
        names[node] = f"{name} {numbers[name]}" if counts[name] > 1 else name
    return names


def _match_terms(run: QueryRun) -> dict[Node, MatchedTerms]:
    lists = (node for node in run.plan.asked if node.kind == "ranking")  # an index of one range counts that range alone
    indexes = ((node, find_index_node(node)) for node in lists)
    return {
        node: MatchedTerms(node, index, run)
        for node, index in indexes
        if index is not None and len(run.get_value(node.get_input("queries"))) == 1
    }


def _trace(node: Node, name: str, run: QueryRun, terms: MatchedTerms | None) -> StageTrace:
    value = run.get_value(node)
    lists = [run.get_value(below) for role, below in node.inputs if role == "list"]
    read = None if not lists else sum(map(len, lists))
    if isinstance(node.stage, Scorer) and isinstance(lists[0], Ranking):
        read = len(lists[0].cut(node.stage.depth))
    made = _join_texts(value) if isinstance(value, Texts) and node.get_input("texts") in _own_texts(run) else None
    made_terms = next(iter(run.contexts[node].made_queries), None)
    if made_terms is not None:
        terms, made = None, _describe_terms(made_terms)
    return StageTrace(
        stage=name,
        label=node.label,
        candidates_in=read,
        candidates_out=len(value) if isinstance(value, Pairs) else None,
        ms=1000 * run.seconds[node],
        text=made,
        terms=() if terms is None else terms.described,
    )


def _own_texts(run: QueryRun) -> set[Node]:
    """Return the query and everything that is made of it."""
    texts = {run.plan.queries}
    for node in run.plan.asked:
        if node.kind == "texts" and any(role == "texts" and below in texts for role, below in node.inputs):
            texts.add(node)
    return texts


def _describe_terms(weights: Mapping[str, float]) -> str:
    """Return weighted terms as text, the greatest first."""
    greatest = sorted(weights.items(), key=lambda item: -item[1])[:_MADE_TERMS]
    return ", ".join(f"{term} {weight:.3g}" for term, weight in greatest)


def _join_texts(texts: Texts) -> str:
    """Return what texts say, a line each."""
    return "\n".join(texts.read(TextView(texts.text_columns)))[:CHARACTERS]


def _list_passages(folds: Sequence[FoldedList], row: int) -> tuple[Passage, ...]:
    passages = []
    for fold in folds:
        if fold.side != "docs":
            continue
        counted = fold.find_parts(0, row)
        texts = fold.parts.read(_BODY, np.array([part for part, _ in counted], np.int64))
        passages += [Passage(fold.label, text, score) for text, (_, score) in zip(texts, counted, strict=True)]
    return tuple(passages)
