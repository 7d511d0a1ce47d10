"""The card that a trained model carries, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nirank.training.training_curve import TrainingCurve


def format_card(
    description: Mapping[str, Any], counts: Mapping[str, int], curve: TrainingCurve, measure: str | None
) -> str:
    """Return README.md: what the model is, what it was made from and how, and how its training went.

    description  what `training.json` says
    """
    kind = str(description["kind"]).replace("_", "-")
    library = {
        "bi-encoder": "sentence-similarity",
        "cross-encoder": "text-ranking",
        "sparse-encoder": "feature-extraction",
    }
    limit = description["max_length"]
    identity = ", ".join(f"{name} {value}" for name, value in description["identity"].items())
    lines = [
        "---",
        "library_name: sentence-transformers",
        f"pipeline_tag: {library[kind]}",
        f"tags: [sentence-transformers, {kind}, nirank]",
        "---",
        "",
        f"# {kind.capitalize()} trained by nirank",
        "",
        f"- starts from: {description['base']} ({identity})",
        f"- loss: {description['loss']}, in {description['precision']}",
        f"- recipe: {json.dumps(description['recipe']) if description['recipe'] else 'the defaults'}",
        f"- seed: {description['seed']}",
        f"- examples: {description['examples']:,}; steps: {description['steps']:,};"
        f" epochs: {description['epochs']:.2f}",
        f"- parameters trained: {description['trainable_parameters']:,}",
        f"- texts are read {'whole' if limit is None else f'up to {limit} tokens'}",
    ]
    prompts = [f"{name} {description[name]!r}" for name in ("query_prompt", "doc_prompt") if description[name]]
    lines += [f"- prompts: {', '.join(prompts)}"] if prompts else []
    if curve.steps:
        (first, loss, _), (last, final, _) = curve.steps[0], curve.steps[-1]
        lines.append(f"- loss: {loss:.4f} at step {first}, {final:.4f} at step {last}")
    if curve.best is not None:
        step, value = curve.best
        early = "; training stopped early" if description["stopped_early"] else ""
        lines.append(
            f"- best {measure} of the watched queries: {value:.4f}, at step {step}, whose weights these are{early}"
        )
    if counts:
        lines += ["", "## Examples", "", *(f"- {name}: {number:,}" for name, number in counts.items())]
    return "\n".join(lines) + "\n"
