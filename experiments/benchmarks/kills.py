"""Kill a run again and again, resume it, and see that nothing is lost, doubled or different.

    python experiments/benchmarks/kills.py --kills 100 --out experiments/benchmarks/results

A run of five systems (BM25, dense, their fusion, a cross-encoder, late interaction) over generated texts and small
random models is killed by SIGKILL: at random moments, and at the n-th time that a file is brought to disk, which is in
the middle of writing. The next run goes on in the same store, until one gets through; then another store begins.
Said at the end:

  kills        how many runs were killed, and how many of them while something was being written
  different    runs whose rankings are not, byte for byte, those of a run that nobody disturbed
  repeated     shards and artifacts that were begun though they had been finished in that store before
  together     the same of two runs that were started at once on one store: computations that both did
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

import numpy as np
from alternate import write_results

DOCS, QUERIES, WORDS, SHARD = 160, 12, 60, 16
COMPUTE_SHARDS = "nirank.inference.remembered.compute_shards"
RUN_TASK = "nirank.plan.execute.Runner._run_task"
SHARD_SIZES = (
    "nirank.inference.remembered.SHARD_TEXTS",
    "nirank.inference.pair_scores._SHARD_PAIRS",
    "nirank.inference.late._SHARD_DOCS",
)
PATCHED = (COMPUTE_SHARDS, RUN_TASK, *SHARD_SIZES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        row = disturb(Path(folder), options.kills)
        row["together"] = run_two_at_once(Path(folder))
    print(json.dumps(row))
    if options.out:
        write_results(options.out, "kills", [row])


def disturb(folder: Path, kills: int) -> dict[str, Any]:
    import sentence_transformers  # noqa: F401
    import transformers.models.bert.modeling_bert  # noqa: F401

    import nirank.experiment.experiment
    import nirank.lexical.kernels
    import nirank.stages.cross_encoder  # noqa: F401

    maker = os.fork()  # no thread may run in the process that is forked again and again
    if not maker:
        make_models(folder)
        os._exit(0)
    os.waitpid(maker, 0)
    start_s = time.perf_counter()
    expected = wait_for_digest(start(folder, folder / "whole", folder / "whole.log"), folder / "whole.log")
    undisturbed_s = time.perf_counter() - start_s
    syncs = sum(line.startswith("sync") for line in (folder / "whole.log").read_text().splitlines())
    row: dict[str, Any] = {
        "kills": 0,
        "while_writing": 0,
        "runs": 0,
        "different": 0,
        "repeated": 0,
        "whole_s": round(undisturbed_s, 2),
    }
    while row["kills"] < kills:
        store, log = folder / f"store-{row['runs']}", folder / f"{row['runs']}.log"
        while True:
            in_write = random.random() < 0.5
            child = start(folder, store, log, at_sync=random.randint(1, syncs) if in_write else 0)
            if not in_write:
                kill_after(child, random.random() * undisturbed_s)
            if digest := wait_for_digest(child, log):
                row["different"] += digest != expected
                break
            row["kills"] += 1
            row["while_writing"] += in_write
        row["runs"] += 1
        row["repeated"] += count_repeated(log)
    return row


def run_two_at_once(folder: Path) -> dict[str, int]:
    log = folder / "together.log"
    children = [start(folder, folder / "together", log) for _ in range(2)]
    for child in children:
        os.waitpid(child, 0)
    lines = log.read_text().splitlines()
    expected = [line for line in (folder / "whole.log").read_text().splitlines() if line.startswith("done")]
    ends = [line for line in lines if line.startswith("done")]
    starts = [line for line in lines if line.startswith("begin artifact")]
    return {
        "different": sum(line != expected[0] for line in ends) + (len(ends) != 2),
        "twice": len(starts) - len(set(starts)),
    }


def start(folder: Path, store: Path, log: Path, at_sync: int = 0) -> int:
    """Fork a run: importing torch anew for each would take longer than the run."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run(folder, store, log, at_sync)
        status = 0
    finally:
        os._exit(status)


def kill_after(child: int, seconds: float) -> None:
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)


def wait_for_digest(child: int, log: Path) -> str:
    """Return the digest of all rankings, '' where the run did not get through."""
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a run failed; see {log}")
    return log.read_text().splitlines()[-1].removeprefix("done ") if os.WIFEXITED(status) else ""


def count_repeated(log: Path) -> int:
    """Return how often something was begun that had been finished before."""
    finished_names: set[str] = set()
    n_repeated = 0
    for line in log.read_text().splitlines():
        event, _, name = line.partition(" ")
        if event == "finish":
            finished_names.add(name)
        n_repeated += event == "begin" and name in finished_names
    return n_repeated


def run(folder: Path, store: Path, log: Path, at_sync: int) -> None:
    """Run the systems, saying in a log what begins and what is finished."""
    from nirank import BM25, CrossEncoder, Dense, Experiment, MaxSim, rrf
    from nirank.store import LocalStore

    with log.open("a") as lines:

        def say(line: str) -> None:
            os.write(lines.fileno(), f"{line}\n".encode())

        syncs = 0
        really_sync = os.fsync

        def sync(handle: int) -> None:
            nonlocal syncs
            syncs += 1
            say("sync")
            if syncs == at_sync:
                os.kill(os.getpid(), signal.SIGKILL)
            really_sync(handle)

        patch("os.fsync", sync).start()  # for as long as this process lives
        for name in SHARD_SIZES:
            patch(name, SHARD).start()
        patch(COMPUTE_SHARDS, watch_shards(resolve_name(COMPUTE_SHARDS), say)).start()
        patch(RUN_TASK, watch_task(resolve_name(RUN_TASK), say)).start()
        cross, dense, maxsim = (
            CrossEncoder(str(folder / "cross")),
            Dense(str(folder / "bi")),
            MaxSim(str(folder / "bi")),
        )
        systems = {
            "BM25": BM25(), "Dense": dense, "Hybrid": rrf(BM25(), dense), "Cross": BM25() % 20 >> cross,
            "Late": rrf(BM25(), dense) % 20 >> maxsim,
        }  # fmt: skip
        result = Experiment(make_collection(), systems, ["nDCG@10"], store=LocalStore(store), device="cpu").run()
        if result.failed:
            say(str([row.error for row in result.rows]))
            raise SystemExit(1)
        digest = hashlib.md5()
        for name in systems:
            for array in (ranking := result.ranking(name)).rows, ranking.offsets, ranking.scores:
                digest.update(np.ascontiguousarray(array).tobytes())
        say(f"done {digest.hexdigest()}")


def watch_task(run_task: Callable[..., None], say: Callable[[str], None]) -> Callable[..., None]:
    """Say when the computation of an artifact begins and when it has come to its end."""

    def run_and_say(runner: Any, node: Any, inputs: Any) -> None:
        say(f"begin artifact {node.address}")
        run_task(runner, node, inputs)
        say(f"finish artifact {node.address}")

    return run_and_say


def watch_shards(compute_shards: Callable[..., Iterator[Any]], say: Callable[[str], None]) -> Callable[..., Any]:
    """Say when a shard begins to be computed and when it has been kept."""

    def compute_and_say(shards: Any, memo: Any, *arguments: Any) -> Iterator[Any]:
        names: list[str] = []

        def announce() -> Iterator[Any]:
            for shard in shards:
                names.append(f"shard {memo.folder.name} {hashlib.md5(shard.keys.tobytes()).hexdigest()}")
                say(f"begin {names[-1]}")
                yield shard

        for rows in compute_shards(announce(), memo, *arguments):
            say(f"finish {names.pop(0)}")
            yield rows

    return compute_and_say


def make_collection() -> Any:
    from nirank import Collection

    order = np.random.default_rng(0)

    def text() -> str:
        return " ".join(f"w{word}" for word in order.integers(0, WORDS, order.integers(3, 40)))

    docs = {f"d{i}": text() for i in range(DOCS)}
    queries = {f"q{i}": text() for i in range(QUERIES)}
    return Collection.of(docs, queries, {f"q{i}": {f"d{i}": 1} for i in range(QUERIES)}, name="generated")


def make_models(folder: Path) -> None:
    """Write a bi-encoder and a cross-encoder with random weights."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(WORDS))]
    config = BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.5, num_labels=1,
    )  # fmt: skip
    torch.manual_seed(0)
    for name, kind in (("bare", BertModel), ("cross", BertForSequenceClassification)):
        (folder / name).mkdir()
        (folder / name / "vocab.txt").write_text("\n".join(words))
        BertTokenizerFast(str(folder / name / "vocab.txt"), model_max_length=64).save_pretrained(folder / name)
        kind(config).save_pretrained(folder / name)
    SentenceTransformer(modules=[Transformer(str(folder / "bare")), Pooling(32)]).save_pretrained(str(folder / "bi"))


if __name__ == "__main__":
    main()
