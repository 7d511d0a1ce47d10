"""Whether hash keys of vectors are worth a worker: seconds of the processor to hash them, and to send them.

python experiments/scale/lsh_keys.py --vectors 100000 --repeats 5

Vectors of 384 numbers, hyperplanes with ten tables of twelve functions (LSH's defaults), in blocks of 8,192 as there;
sending is pickling a block, writing it to a pipe, reading and unpickling it, as `LocalEngine` does. Prints medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DIMENSION, TABLES, FUNCTIONS, BLOCK = 384, 10, 12, 8192


def measure_cpu(work: Callable[[], object]) -> float:
    """Return the seconds that all threads of this process spend on some work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()

    from nirank.blocking.vector_hashing import Hyperplanes
    from nirank.engines.worker import receive, send

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, np.random.default_rng(1).standard_normal((arguments.vectors, DIMENSION), np.float32))
        vectors = np.load(path, mmap_mode="r")
        family = Hyperplanes.draw(np.zeros(DIMENSION, np.float32), TABLES, FUNCTIONS, 0)
        blocks = [slice(first, first + BLOCK) for first in range(0, len(vectors), BLOCK)]

        def send_all() -> None:
            reading, writing = os.pipe()
            with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
                reader = threading.Thread(target=lambda: [receive(source) for _ in blocks])
                reader.start()
                for block in blocks:
                    send(sink, np.array(vectors[block]))
                reader.join()

        works: dict[str, Callable[[], object]] = {
            "read": lambda: [np.array(vectors[block]) for block in blocks],
            "hash": lambda: family.hash_vectors(vectors),
            "send": send_all,
        }
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(arguments.repeats):
            for name, work in works.items():
                seconds[name].append(measure_cpu(work))
    print(f"{arguments.vectors:,} vectors, {vectors.nbytes / 1e6:.0f} MB; processor seconds, medians")
    for name, values in seconds.items():
        print(f"{name:5} {statistics.median(values):6.3f}  {[round(value, 3) for value in values]}")


if __name__ == "__main__":
    main()
