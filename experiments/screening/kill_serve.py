"""Kill `nirank screen --serve` at random moments while somebody decides; look whether a decision is lost or doubled.

    python experiments/screening/kill_serve.py --kills 100

One client decides without a pause: include, exclude, maybe, skip, undo. The server gets SIGKILL some milliseconds after
it began to listen, or while it still starts, and is started again on the same project and port. What the client sent
without an answer it sends again, as a browser does when somebody reloads; every tenth form it sends twice anyway.

Prints one line of JSON. `acknowledged`: answers that the client was told were kept. `lost`: those of them that the log
lacks, or has otherwise. `doubled`: records with two answers at once, and tokens that are in the log twice. `unknown`:
entries of the log that the client never sent. `resent`: forms sent again after a kill, and how many of them had been
kept already before it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from nirank.records.files import read_record_file
from nirank.screening.project import Project, ReviewPlan

N_RECORDS = 4000
ANSWERS = ("included", "excluded", "excluded", "excluded", "maybe", "skipped", "undo")
WAIT_S = 120.0


def make_project(folder: Path) -> None:
    table = folder / "records.csv"
    lines = [
        "id,title,abstract",
        *(f"{n},Vitamin {n % 7} and bone {n % 11},A trial of {n % 13}" for n in range(N_RECORDS)),
    ]
    table.write_text("\n".join(lines) + "\n")
    plan = ReviewPlan("vitamin and bone", "", "elas_u4", 0, range(N_RECORDS), {})
    Project.begin(folder / "review", read_record_file(table), plan).close()


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """Decides on and on; notes what it sent, and what it was told."""

    def __init__(self, port: int, seed: int) -> None:
        self.port, self.random = port, random.Random(seed)
        self.sent: dict[str, str] = {}  # token: answer, in the order of sending
        self.acknowledged: dict[str, str] = {}
        self.pending: tuple[str, dict[str, str]] | None = None
        self.resent = self.kept_before = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        interrupted = False
        while not self.is_over.is_set():
            try:
                if self.pending is None:
                    self.pending = self.choose()
                    interrupted = False
                if self.pending is None:
                    return
                outcome = self.send(*self.pending)
                if interrupted:
                    self.resent += 1
                    self.kept_before += outcome == "repeated"
                elif self.random.random() < 0.1:
                    assert self.send(*self.pending) != "kept", "a form counted twice"
                self.pending = None
            except (OSError, http.client.HTTPException):
                interrupted = True
                time.sleep(0.02)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            header = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request(method, path, None if form is None else urlencode(form), header if form else {})
            response = connection.getresponse()
            return response, response.read().decode()

    def choose(self) -> tuple[str, dict[str, str]] | None:
        _, page = self.ask("GET", "/")
        forms = {
            action: {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', fields)}
            for action, fields in re.findall(r'action="(/\w+)">(.*?)</form>', page, re.DOTALL)
        }
        answer = self.random.choice(ANSWERS)
        if "/answer" not in forms:
            return None
        if answer == "undo" and "token" in forms["/undo"]:
            return "/undo", forms["/undo"]
        return "/answer", {**forms["/answer"], "answer": "excluded" if answer == "undo" else answer}

    def send(self, path: str, form: dict[str, str]) -> str:
        answer = form.get("answer", "undone")
        self.sent[form["token"]] = answer
        response, page = self.ask("POST", path, form)
        assert response.status == 303, (response.status, page)
        outcome = parse_qs(urlsplit(response.headers["Location"]).query).get("outcome", [""])[0]
        if outcome in ("kept", "repeated"):
            self.acknowledged[form["token"]] = answer
        return outcome


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nirank.cli.main", "screen", "--project", str(folder / "review"), "--serve"]
    return subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"the server does not listen (exit code {process.poll()})")


def kill_again_and_again(folder: Path, kills: int, seed: int) -> dict[str, object]:
    chance, port = random.Random(seed), find_port()
    client = Client(port, seed)
    client.thread.start()
    starting = 0
    try:
        for _ in range(kills):
            process = start(folder, port)
            if chance.random() < 0.1:
                time.sleep(chance.uniform(0.0, 0.5))
                starting += 1
            else:
                wait_until_it_listens(port, process)
                time.sleep(chance.uniform(0.0, 2.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
        process = start(folder, port)  # what was pending is sent again
        wait_until_it_listens(port, process)
        while client.pending is not None and client.thread.is_alive():
            time.sleep(0.05)
    finally:
        client.is_over.set()
        client.thread.join()
        process.kill()
        process.wait()
    resent = {"resent": client.resent, "kept_before_kill": client.kept_before}
    return {"kills": kills, "while_starting": starting, **resent, **compare(folder, client)}


def compare(folder: Path, client: Client) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(folder / "review" / "decisions.sqlite")) as connection:
        entries = connection.execute(
            "SELECT number, record, answer, token, undoes FROM entries ORDER BY number"
        ).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = {token: answer for _, _, answer, token, _ in entries}
    taken_back = {undoes for *_, undoes in entries if undoes is not None}
    live = [entry for entry in entries if entry[4] is None and entry[0] not in taken_back]
    decided = [record for _, record, answer, *_ in live if answer != "skipped"]
    return {
        "acknowledged": len(client.acknowledged),
        "entries": len(entries),
        "lost": sum(kept.get(token) != answer for token, answer in client.acknowledged.items()),
        "doubled": len(decided) - len(set(decided)) + len(entries) - len(kept),
        "unknown": sum(client.sent.get(token) != answer for token, answer in kept.items()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder))
        print(json.dumps(kill_again_and_again(Path(folder), arguments.kills, arguments.seed)))


if __name__ == "__main__":
    main()
