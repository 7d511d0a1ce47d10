"""Print a plan: what is computed, stored and shared, what that will cost, and after the run what it did cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.algebra.node import Node, Store, Stored
from nirank.base.amounts import format_size
from nirank.base.memory import measure_process_memory
from nirank.plan.costs import alone_s, in_words
from nirank.plan.estimate import PastCosts
from nirank.plan.memory import FindValue, MemoryEstimator

_LABEL = 120  # characters of a computation's name


@dataclass(frozen=True)
class Step:
    """One computation of a plan.

    users      systems that need it
    stored     its artifact, if there was one before the run
    estimate_s what it will take without memos; None where there is no rate yet, or it is stored
    memory     bytes that the process will hold meanwhile, at the least; None where that is not known, or it is stored
    """

    node: Node
    users: Sequence[str]
    stored: Stored | None
    estimate_s: float | None = None
    memory: int | None = None


def steps(systems: Iterable[tuple[str, Node]], store: Store, value: FindValue, workers: int = 0) -> list[Step]:
    """Return the graph, in the order in which nodes would run.

    systems  (name, node) of every ranking that is asked for
    value    what is known of the nodes' values before anything runs
    workers  processes that will work beside this one
    """
    users: dict[str, dict[str, None]] = {}
    deepest: dict[str, Node] = {}
    for name, target in systems:
        for node in target.walk():
            if node.is_leaf:
                continue
            users.setdefault(node.address, {})[name] = None
            known = deepest.get(node.address)
            if known is None or (known.depth is not None and (node.depth is None or node.depth > known.depth)):
                deepest[node.address] = node
    found = {address: store.find(node) for address, node in deepest.items()}
    past = PastCosts(store.read_descriptions() if None in found.values() else ())
    memory, held = MemoryEstimator(value, workers, past), measure_process_memory()

    def count_rows(node: Node) -> int | None:
        texts = value(node)
        return None if texts is None else len(texts)

    made = []
    for address, node in deepest.items():
        there, names = found[address], tuple(users[address])
        seconds = None if there else past.estimate_seconds(node, count_rows)
        taken = None if there else memory.estimate(node)
        made.append(Step(node, names, there, seconds, None if taken is None else held + taken))
    return made


def before(plan: Sequence[Step]) -> str:
    """Return the graph as lines; the last says what is to be computed, how long that takes and what sharing saves."""
    lines = []
    for step in plan:
        if step.stored:
            told = f"({in_words(alone_s(step.stored.meta['cost']))} when it was computed)"
        else:
            told = "no rate yet" if step.estimate_s is None else f"about {in_words(step.estimate_s)}"
            if step.memory is not None:
                told += f", {format_size(step.memory)}"
        lines.append(_line("stored " if step.stored else "compute", step, told))
    todo = [step for step in plan if not step.stored]
    wanted = sum(len(step.users) for step in plan)
    summary = (
        f"{len(plan)} computations ({wanted} if nothing were shared): {len(plan) - len(todo)} stored,"
        f" {len(todo)} to compute"
    )
    known = [step for step in todo if step.estimate_s is not None]
    if known:
        once = sum(step.estimate_s or 0.0 for step in known)
        each = sum((step.estimate_s or 0.0) * len(step.users) for step in known)
        summary += f"; at most about {in_words(once)}, where each system alone would take {in_words(each)} together"
        if len(known) < len(todo):
            summary += f" ({len(todo) - len(known)} have no rate yet)"
    return "\n".join([*lines, summary])


def after(plan: Sequence[Step], spent: Mapping[str, Mapping[str, Any]], store: Store, seconds: float) -> str:
    """Return the same graph with what it did cost.

    spent    {address: cost} of what this run computed
    store    where what another process computed meanwhile is found
    seconds  of the whole run
    """
    lines, estimated, took = [], 0.0, 0.0
    for step in plan:
        cost = spent.get(step.node.address)
        if cost is None:
            there = step.stored or store.find(step.node)
            state = "stored " if step.stored else "found  " if there else "failed "
            told = f"({in_words(alone_s(there.meta['cost']))} when it was computed)" if there else ""
        else:
            state = "computed"
            told = in_words(cost["wall_s"])
            if cost.get("found_s"):
                told += f", {int(cost['found']):,} found in memos ({in_words(cost['found_s'])} spared)"
            if step.estimate_s is not None:
                told += f"; estimated {in_words(step.estimate_s)}"
                estimated, took = estimated + step.estimate_s, took + alone_s(cost)
        lines.append(_line(state, step, told))
    if not spent and all(step.stored for step in plan):
        return "\n".join([*lines, f"all {len(plan)} computations were stored; {in_words(seconds)}"])
    apart = sum(alone_s(cost) * len(step.users) for step in plan if (cost := spent.get(step.node.address)))
    summary = (
        f"{len(spent)} of {len(plan)} computations in {in_words(seconds)};"
        f" each system alone would have taken {in_words(apart)} together"
    )
    if estimated:
        summary += f"; estimated {in_words(estimated)} for what took {in_words(took)}"
    return "\n".join([*lines, summary])


def _line(state: str, step: Step, told: str) -> str:
    depth = "" if step.node.depth is None else f" to depth {step.node.depth}"
    label = step.node.label if len(step.node.label) <= _LABEL else f"{step.node.label[: _LABEL - 1]}…"
    label += depth
    return f"{state}  {step.node.address[:12]}  {label}  {told}{' ' if told else ''} [{', '.join(step.users)}]"
