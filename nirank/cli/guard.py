"""How a command ends: every mistake is a sentence and an exit code, never a traceback."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from nirank.errors import NirankError

log = logging.getLogger("nirank")

# What a machine refuses anybody: a full or read-only disk, no permission, names too long, too many files.
_OF_THE_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ENOSPC", "EDQUOT", "EROFS", "ENAMETOOLONG", "ELOOP", "EMFILE", "ENFILE", "EFBIG")
    if hasattr(errno, name)
)


def _silence_output(code: int) -> int:
    """Return an exit code; what is still to be written to standard output goes nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def run_guarded(command: Callable[[], Any], *, debug: bool) -> int:
    """Run a command and return its exit code; print what went wrong as sentences.

    debug  whether what nobody foresaw is raised, with its traceback
    """
    from nirank.base.secrets import mask_secrets

    try:
        command()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was finished is stored, run the same command again to go on", err=True)
        return 130
    except BrokenPipeError:
        return _silence_output(0)
    except NirankError as error:
        for message in error.messages:
            click.echo(mask_secrets(message), err=True)
        log.debug("traceback", exc_info=True)
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            click.echo(f"{error.filename or 'standard output'}: {error.strerror}", err=True)
            log.debug("traceback", exc_info=True)
            return 2 if error.filename else _silence_output(2)
        if debug:
            raise
        log.debug("traceback", exc_info=True)
        files = [one.baseFilename for one in log.handlers if isinstance(one, logging.FileHandler)]
        where = f"the traceback is in {files[0]}" if files else "run again with --debug for the traceback"
        click.echo(mask_secrets(f"nirank failed: {type(error).__name__}: {error}; {where}"), err=True)
        return 1
    return 0
