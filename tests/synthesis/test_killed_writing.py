"""A generation that is killed at any moment goes on, and what was kept is not asked for again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from model_server import ModelServer, Reply, chat
from writing_process import CONCURRENCY, write

N, KILLS = 60, 5


@pytest.mark.slow
def test_killed_and_resumed_only_what_was_under_way_is_asked_again(tmp_path: Path) -> None:
    server = ModelServer(
        lambda body: Reply(chat(f"on {body['messages'][-1]['content'].rpartition(': ')[2]}").body, after_s=0.05)
    )
    draws, kills = random.Random(3), 0
    try:
        command = [
            sys.executable,
            str(Path(__file__).with_name("writing_process.py")),
            server.url,
            str(tmp_path / "a"),
            str(N),
        ]
        for _ in range(20):
            asked = len(server.requests)
            process = subprocess.Popen(command)
            wanted = draws.randint(4, 14) if kills < KILLS else N
            while process.poll() is None and len(server.requests) - asked < wanted:
                time.sleep(0.005)
            if kills < KILLS:
                time.sleep(draws.random() * 0.05)
                process.kill()
                kills += process.wait() != 0
            elif process.wait() == 0:
                break
        times = Counter(body["messages"][-1]["content"] for body in server.requests)
        assert kills == KILLS and len(times) == N
        repeated = len(server.requests) - N
        assert repeated <= kills * 2 * CONCURRENCY, "those under way, and those that wait for an earlier one"
        before = len(server.requests)
        resumed = write(server.url, tmp_path / "a", N)
        assert len(server.requests) == before, "everything is stored"
        whole = write(server.url, tmp_path / "b", N)
        assert list(resumed.raw) == list(whole.raw) and resumed.counts == whole.counts
    finally:
        server.close()
