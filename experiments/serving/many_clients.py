"""Two hundred clients ask a server at once: how long each waits, and what the server's memory does.

    python experiments/serving/many_clients.py CONFIG SYSTEM [CLIENTS] [SECONDS]

Queries are those of the configuration's first collection, each client's from another one on. A client that is told
that too many wait (503) comes back when it is told to. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

from nirank.cli.console import set_up_logging
from nirank.collections.text_view import TextView
from nirank.config.experiments import load_collections
from nirank.config.reader import load_config
from nirank.store import open_store

ROUNDS = 3  # after each of which memory is read


def read_memory(pid: int, name: str = "VmRSS") -> float:
    """Return the MiB that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def read_processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask(
    client: httpx.AsyncClient, system: str, queries: list[str], first: int, end: float, seen: list[tuple[int, float]]
) -> None:
    """Ask one query after the other until the time is over."""
    at = first
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            reply = await client.post("/api/search", json={"system": system, "query": queries[at % len(queries)]})
        except httpx.TransportError:  # such as a connection that was closed after a long silence
            seen.append((0, time.monotonic() - began))
            continue
        seen.append((reply.status_code, time.monotonic() - began))
        if reply.status_code == 503:
            await asyncio.sleep(int(reply.headers["retry-after"]))
        else:
            at += 1


async def ask_together(
    url: str, system: str, queries: list[str], clients: int, seconds: float
) -> list[tuple[int, float]]:
    seen: list[tuple[int, float]] = []
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        await asyncio.gather(*(ask(client, system, queries, 7 * n, end, seen) for n in range(clients)))
    return seen


def main(config: str, system: str, clients: int = 200, seconds: float = 20.0) -> None:
    set_up_logging(quiet=True, debug=False)
    configuration = load_config(config)
    collection = load_collections(configuration, open_store(configuration.store))[0]
    queries = list(collection.queries.read(TextView(("title", "text"))))
    command = [sys.executable, "-m", "nirank.cli.main", "serve", config, system, "--quiet"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        measure(server, system, queries, clients, seconds)
    finally:
        server.terminate()


def measure(server: subprocess.Popen[str], system: str, queries: list[str], clients: int, seconds: float) -> None:
    assert server.stdout is not None
    began = time.monotonic()
    url = server.stdout.readline().strip()
    started_s = time.monotonic() - began
    asyncio.run(ask_together(url, system, queries, 1, 2.0))  # a first one alone
    memory = [read_memory(server.pid)]
    alone = asyncio.run(ask_together(url, system, queries, 1, 3.0))
    rounds = []
    processor_s = read_processor_seconds(server.pid)
    for _ in range(ROUNDS):
        rounds.append(asyncio.run(ask_together(url, system, queries, clients, seconds / ROUNDS)))
        memory.append(read_memory(server.pid))
    processor_s = read_processor_seconds(server.pid) - processor_s
    peak = read_memory(server.pid, "VmHWM")
    server.terminate()
    seen = [reply for replies in rounds for reply in replies]
    answered = np.array([took for status, took in seen if status == 200])
    print(
        json.dumps(
            {
                "system": system,
                "clients": clients,
                "started_s": round(started_s, 1),
                "alone_ms": {
                    name: round(1000 * float(np.quantile([took for _, took in alone], q)), 1)
                    for name, q in (("median", 0.5), ("p95", 0.95))
                },
                "replies": dict(Counter(str(status) for status, _ in seen)),
                "answers_per_s": round(len(answered) / seconds, 1),
                "processor_ms_an_answer": round(1000 * processor_s / len(answered), 1),
                "answered_ms": {
                    name: round(1000 * float(np.quantile(answered, q)))
                    for name, q in (("median", 0.5), ("p95", 0.95), ("most", 1.0))
                },
                "memory_mib": {
                    "before": round(memory[0]),
                    "after": [round(m) for m in memory[1:]],
                    "peak": round(peak),
                },
                "exit_code": server.wait(20),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(value) for value in sys.argv[3:5]))
