"""The card that a trained model carries, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nirank.training.training_curve import TrainingCurve


def format_card(said: Mapping[str, Any], counts: Mapping[str, int], curve: TrainingCurve, measure: str | None) -> str:
    """Return README.md: what the model is, what it was made from and how, and how its training went.

    said  what `training.json` says
    """
    kind = str(said["kind"]).replace("_", "-")
    library = {
        "bi-encoder": "sentence-similarity",
        "cross-encoder": "text-ranking",
        "sparse-encoder": "feature-extraction",
    }
    lines = [
        "---",
        "library_name: sentence-transformers",
        f"pipeline_tag: {library[kind]}",
        f"tags: [sentence-transformers, {kind}, nirank]",
        "---",
        "",
        f"# {kind.capitalize()} trained by nirank",
        "",
        f"- starts from: {said['base']} ({', '.join(f'{name} {value}' for name, value in said['identity'].items())})",
        f"- loss: {said['loss']}, in {said['precision']}",
        f"- recipe: {json.dumps(said['recipe']) if said['recipe'] else 'the defaults'}",
        f"- seed: {said['seed']}",
        f"- examples: {said['examples']:,}; steps: {said['steps']:,}; epochs: {said['epochs']:.2f}",
        f"- parameters trained: {said['trainable_parameters']:,}",
        f"- texts are read up to {said['max_length']} tokens",
    ]
    prompts = [f"{name} {said[name]!r}" for name in ("query_prompt", "doc_prompt") if said[name]]
    lines += [f"- prompts: {', '.join(prompts)}"] if prompts else []
    if curve.steps:
        (first, loss, _), (last, final, _) = curve.steps[0], curve.steps[-1]
        lines.append(f"- loss: {loss:.4f} at step {first}, {final:.4f} at step {last}")
    if curve.best is not None:
        step, value = curve.best
        early = "; training stopped early" if said["stopped_early"] else ""
        lines.append(
            f"- best {measure} of the watched queries: {value:.4f}, at step {step}, whose weights these are{early}"
        )
    if counts:
        lines += ["", "## Examples", "", *(f"- {name}: {number:,}" for name, number in counts.items())]
    return "\n".join(lines) + "\n"
