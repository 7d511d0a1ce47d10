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
_MACHINE_ERRORS = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ENOSPC", "EDQUOT", "EROFS", "ENAMETOOLONG", "ELOOP", "EMFILE", "ENFILE", "EFBIG")
    if hasattr(errno, name)
)


def _discard_output() -> None:
    """Send nowhere what is still to be written to standard output, which nobody reads any more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_guarded(command: Callable[[], Any], *, debug: bool) -> int:
    """Run a command and return its exit code; print what went wrong as sentences.

    debug  whether what nobody foresaw is raised, with its traceback
    """
    from nirank.base.secrets import mask_secrets

    try:
        command()
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was finished is stored, run the same command again to go on", err=True)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 0
    except NirankError as error:
        for message in error.messages:
            click.echo(mask_secrets(message), err=True)
        log.debug("traceback", exc_info=True)
        return error.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _MACHINE_ERRORS:
            click.echo(f"{error.filename or 'standard output'}: {error.strerror}", err=True)
            log.debug("traceback", exc_info=True)
            if error.filename is None:
                _discard_output()
            return 2
        if debug:
            raise
        log.debug("traceback", exc_info=True)
        files = [handler.baseFilename for handler in log.handlers if isinstance(handler, logging.FileHandler)]
        where = f"the traceback is in {files[0]}" if files else "run again with --debug for the traceback"
        click.echo(mask_secrets(f"nirank failed: {type(error).__name__}: {error}; {where}"), err=True)
        return 1
    return 0
