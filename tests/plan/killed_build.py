"""Index documents in ranges, and be killed while one of them is indexed.

python tests/plan/killed_build.py FOLDER STORE N    kill at the end of the n-th index that is built
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from nirank import BM25, Experiment, load
from nirank.lexical import postings
from nirank.store import LocalStore

FOLDER, STORE, N = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
BUILD = postings.build_index
built = 0


def build_and_die(*arguments: Any) -> None:
    global built
    BUILD(*arguments)
    built += 1
    if built == N:
        os.kill(os.getpid(), signal.SIGKILL)


postings.build_index = build_and_die
store = LocalStore(STORE)
toy = load(FOLDER, ranges=6, store=store)
Experiment(toy, {"BM25": BM25(analyzer="whitespace")}, ["nDCG@10"], store=store).run()
