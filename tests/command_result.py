"""What a command says: nirank's command line, run in this process with its output caught."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nirank.cli.main import main


class CommandResult(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    error: str

    @property
    def text(self) -> str:
        return self.out + self.error

    def assert_mistake(self, *words: str) -> None:
        """The mistake is the user's, said in sentences that hold these words."""
        self.assert_guarded()
        assert self.code == 2, self
        missing = [word for word in words if word not in self.text]
        assert not missing, f"{missing} not in {self.text}"

    def assert_guarded(self) -> None:
        """Whatever the user did, nirank takes no blame and shows no traceback."""
        assert "Traceback" not in self.text, self.text
        assert "nirank failed" not in self.text, self.text
        assert self.code != 0 or not self.error.startswith("Error"), self.text


@contextlib.contextmanager
def keep_logging() -> Iterator[None]:
    """Leave nirank's log as it was: a command sends it elsewhere, for as long as its process lives."""
    log = logging.getLogger("nirank")
    handlers, level, propagate = list(log.handlers), log.level, log.propagate
    log.handlers.clear()  # a command closes those that it finds
    try:
        yield
    finally:
        for handler in log.handlers:
            handler.close()
        log.handlers[:], log.propagate = handlers, propagate
        log.setLevel(level)


def run_nirank(*arguments: object, cwd: Path | None = None) -> CommandResult:
    """Run `nirank` with arguments, in a folder."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        stack.enter_context(keep_logging())
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(error))
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return CommandResult(code, out.getvalue(), error.getvalue())
