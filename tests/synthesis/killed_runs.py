"""Runs of `nirank run` that write queries and are killed again and again: `python killed_runs.py FOLDER KILLS SEED`.

Says, as JSON: how many runs were killed, how many of them while queries were written; how many queries were begun though
they had been kept (`again`); and how many stores ended with other files than a run that nobody disturbed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import tiny_models

DOCS, SHARD = 40, 4
CONFIG = """
collections: [{name: generated, docs: docs.jsonl, queries: queries.jsonl, qrels: qrels.txt}]
measures: [nDCG@10]
systems:
  Dense: {dense: ./encoder/model}
  Expanded:
    fold:
      view:
        append_queries:
          queries: {generate: {causal: {model: ./model, temperature: 2.0, per_doc: 2, max_new_tokens: 12, seed: 3}}}
      of: {dense: ./encoder/model}
"""


def main(folder: Path, kills: int, seed: int) -> None:
    import sentence_transformers  # noqa: F401
    import transformers.models.llama.modeling_llama  # noqa: F401

    import nirank.cli.main
    import nirank.experiment.experiment
    import nirank.stages.dense
    import nirank.synthesis.causal_generator  # noqa: F401

    maker = os.fork()  # no thread may run in the process that is forked again and again
    if not maker:
        make_inputs(folder)
        os._exit(0)
    os.waitpid(maker, 0)
    start_s = time.perf_counter()
    status = wait(start(folder, "whole"))
    whole_s = time.perf_counter() - start_s
    assert status == 0, (folder / "whole.out").read_text()
    expected, begins = digest_runs(folder / "whole"), read_log(folder / "whole.log")
    draws = random.Random(seed)
    said = {"kills": 0, "while_writing": 0, "again": 0, "different": 0, "queries": len(set(begins)), "whole_s": whole_s}
    store = 0
    while said["kills"] < kills:
        name = f"store-{store}"
        while True:
            before = len(read_log(folder / f"{name}.log"))
            # Half of them at the n-th query from here on, the others at any time.
            at_query = draws.randint(1, DOCS) if draws.random() < 0.5 else 0
            child = start(folder, name, at_query)
            if not at_query:
                time.sleep(draws.random() * whole_s)
                os.kill(child, signal.SIGKILL)
            status = wait(child)
            if status == 0:
                break
            assert status == -signal.SIGKILL, (folder / f"{name}.out").read_text()
            said["kills"] += 1
            said["while_writing"] += len(read_log(folder / f"{name}.log")) > before
        said["again"] += count_again(folder / f"{name}.log")
        said["different"] += digest_runs(folder / name) != expected
        store += 1
    sys.stdout.write(f"{json.dumps(said)}\n")


def start(folder: Path, name: str, at_query: int = 0) -> int:
    """Fork a run: importing torch anew for each would take longer than the run."""
    child = os.fork()
    if child:
        return child
    try:
        os.chdir(folder)
        os.environ["NIRANK_STORE"] = str(folder / name / "store")
        with (folder / f"{name}.out").open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        run(folder, name, at_query)
    finally:
        os._exit(1)


def run(folder: Path, name: str, at_query: int) -> None:
    """Run `nirank run`, saying in a log which queries begin to be written and which are kept."""
    from nirank.base.memo import hash_texts
    from nirank.cli.main import main as run_nirank
    from nirank.synthesis import causal_generator
    from nirank.synthesis.writing_memo import WritingMemo

    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    write_shard, put, begun = causal_generator._write_shard, WritingMemo.put, 0

    def say(event: str, keys: Any) -> None:
        os.write(log, "".join(f"{event} {key.tobytes().hex()}\n" for key in keys).encode())

    def write_and_say(how: Any, shard: Any, **options: Any) -> Any:
        nonlocal begun
        begun += len(shard)
        say("begin", hash_texts(f"{request.number} {request.doc}" for request in shard))
        if at_query and begun >= at_query:
            os.kill(os.getpid(), signal.SIGKILL)
        return write_shard(how, shard, **options)

    def put_and_say(memo: WritingMemo, keys: Any, rows: Any, seconds: float) -> Any:
        kept = put(memo, keys, rows, seconds)
        say("keep", keys)
        return kept

    patch.object(causal_generator, "_SHARD_QUERIES", SHARD).start()  # for as long as this process lives
    patch.object(causal_generator, "_write_shard", write_and_say).start()
    patch.object(WritingMemo, "put", put_and_say).start()
    try:
        run_nirank(["run", "config.yaml", "--out", f"{name}/out"])
    except SystemExit as ended:
        sys.stdout.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 0)


def wait(child: int) -> int:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def read_log(log: Path) -> list[str]:
    """Return the queries that began to be written, in order."""
    return [line[6:] for line in log.read_text().splitlines() if line.startswith("begin ")] if log.exists() else []


def count_again(log: Path) -> int:
    """Return how many queries were begun after they had been kept."""
    kept: set[str] = set()
    again = 0
    for line in log.read_text().splitlines():
        event, _, key = line.partition(" ")
        again += event == "begin" and key in kept
        if event == "keep":
            kept.add(key)
    return again


def digest_runs(folder: Path) -> dict[str, str]:
    """Return the digests of the rankings that a run wrote."""
    files = sorted((folder / "out" / "runs").rglob("*.gz"))
    assert files
    return {file.name: hashlib.md5(gzip.decompress(file.read_bytes())).hexdigest() for file in files}


def make_inputs(folder: Path) -> None:
    draws = random.Random(1)
    docs = {f"d{n}": " ".join(f"w{draws.randrange(60)}" for _ in range(draws.randint(3, 12))) for n in range(DOCS)}
    (folder / "model").mkdir(parents=True)
    tiny_models.make_causal(folder / "model")
    tiny_models.make_bi_encoder(folder / "encoder")
    for name, texts in (("docs", docs), ("queries", {"q0": "w1 w2 w3", "q1": "w4 w5"})):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    (folder / "qrels.txt").write_text("q0 0 d0 1\nq1 0 d1 1\n")
    (folder / "config.yaml").write_text(CONFIG)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
