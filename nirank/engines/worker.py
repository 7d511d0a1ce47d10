"""A worker: a program that reads shards from its standard input and answers on its standard output.

It is a program of its own, so that a user's script needs no guard against being imported again. It ends when its
input does, that is, with the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], value: Any) -> None:
    """Write one value."""
    raw = pickle.dumps(value, protocol=5)
    remaining = memoryview(_LENGTH.pack(len(raw)) + raw)
    while remaining:
        remaining = remaining[stream.write(remaining) :]
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value. Raises EOFError if the other process has ended."""
    return pickle.loads(_read_exactly(stream, _LENGTH.unpack(_read_exactly(stream, _LENGTH.size))[0]))


def _read_exactly(stream: IO[bytes], n: int) -> bytes:
    parts = []
    while n:
        parts.append(stream.read(n))
        if not parts[-1]:
            raise EOFError
        n -= len(parts[-1])
    return b"".join(parts)


def main() -> None:
    """Answer ("open", opener, options) with ("opened", None), ("do", shard) with ("done", value).

    What goes wrong is answered by ("raised", error).
    """
    from nirank.base.work import call_opener, make_sendable

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    function: Callable[[Any], Any] | None = None
    while True:
        try:
            command, *arguments = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if command == "open":
                function = call_opener(*arguments)
                send(answers, ("opened", None))
            else:
                assert function is not None
                send(answers, ("done", function(*arguments)))
        except Exception as error:
            send(answers, ("raised", make_sendable(error)))
