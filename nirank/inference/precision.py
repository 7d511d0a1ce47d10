"""Precision 'auto': the fastest arithmetic whose answers are still those of float32."""

from __future__ import annotations

from collections.abc import Callable

from nirank.errors import ModelError
from nirank.inference.agreement import MIN_COSINE, Answers, compute_min_cosine
from nirank.inference.encoder import Precision, choose_device
from nirank.inference.quantised_layers import has_bfloat16


def choose_precision(device: str, answers: Callable[[Precision], Answers]) -> Precision:
    """Return the fastest precision on a device whose answers to a sample agree with float32's.

    answers  what the model says in some precision, (n, d); a row must have a cosine of at least 0.9995
    """
    candidates = _list_faster(choose_device(device))
    exact = answers("float32") if candidates else None
    for precision in candidates:
        try:
            rows = answers(precision)
        except (ModelError, RuntimeError):  # not finite, or not offered by a kernel
            continue
        if exact is not None and compute_min_cosine(exact, rows) >= MIN_COSINE:
            return precision
    return "float32"


def _list_faster(device: str) -> tuple[Precision, ...]:
    """Return what a device computes faster than float32, the fastest first.

    int8 is not among them: beside bfloat16 it was no faster, and no processor without bfloat16 was at hand.
    """
    import torch

    if device.startswith("cuda"):
        return ("bfloat16", "float16") if torch.cuda.is_bf16_supported() else ("float16",)
    if device.startswith("mps"):
        return ("float16",)
    return ("bfloat16",) if has_bfloat16() else ()
