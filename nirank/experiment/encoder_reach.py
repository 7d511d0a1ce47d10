"""How much of each query a system's encoder reads, as the memo of its vectors knows."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.model import MODEL, locate_models
from nirank.algebra.node import Node
from nirank.base.memo import hash_texts
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.experiment.system_runs import SystemRun
from nirank.inference.encoder import Encoding, find_row_type
from nirank.plan.execute import Runner


class EncoderReach(NamedTuple):
    """An encoder, and the share of each query's tokens that it reads, (n_queries,) to 1."""

    encoder: str
    shares: NDArray[np.float64]


def measure_reach(run: SystemRun, runner: Runner) -> EncoderReach | None:
    """Return what the first encoder that reads the declared queries sees of them; None where there is none."""
    queries = run.target.get_input("queries")
    for node in run.target.walk(lambda node: not node.training):
        if isinstance(node.stage, Encoding) and ("texts", queries) in node.inputs:
            reach = _read_reach(node, runner)
            if reach is not None:
                return reach
    return None


def _read_reach(node: Node, runner: Runner) -> EncoderReach | None:
    folder = runner.get_value(node)
    stated = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
    models = {model.address: runner.get_value(model) for role, model in node.inputs if role == MODEL}
    how: Encoding = locate_models(node.stage, models)
    texts: Texts = runner.get_value(node.get_input("texts"))
    read = texts.read(TextView(node.params.get("text", TITLE_AND_TEXT)))
    memo = runner.store.open_memo({"embeddings": how.to_memo_space()}, find_row_type(stated["dimension"]))
    present, rows = memo.get(hash_texts(read))
    if not present.all():
        return None  # the vectors were made where nothing is remembered
    limit = stated["max_length"]
    tokens = np.maximum(rows["tokens"].astype(np.float64), 1)
    shares = np.ones(len(tokens)) if limit is None else np.minimum(limit / tokens, 1.0)
    return EncoderReach(f"{stated['model']}, {'no limit' if limit is None else f'{limit:,} tokens'}", shares)
