"""`nirank verify`: whether configurations still give the scores that they are known for."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import click

from nirank.cli.groups import EPILOG

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--limit-queries", type=click.IntRange(min=1), metavar="N", help="Use N queries a collection: plausible or off."
)
@click.option("--at-most", metavar="TIME", help="Skip a configuration that takes longer, such as 10min.")
@click.option("--accept", is_flag=True, help="Write the scores into the configurations: from now on they are expected.")
@click.option("--details", is_flag=True, help="Print every score, not only those that are off.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a page too.")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the table.")
@click.option("--debug", is_flag=True, help="Print everything, with tracebacks.")
def verify(
    paths: tuple[Path, ...],
    limit_queries: int | None,
    at_most: str | None,
    accept: bool,
    details: bool,
    as_json: bool,
    html: Path | None,
    quiet: bool,
    debug: bool,
) -> None:
    """Run configurations, or all in folders, and compare their scores with the expected ones.

    Scores that are off or failed make the exit code 1, and so does a configuration of a folder that cannot run; skipped
    ones do not.

    \b
    Example:
      nirank verify experiments/quickstart
    """
    from nirank.base.amounts import parse_age
    from nirank.base.secrets import mask_secrets
    from nirank.cli.console import set_up_logging
    from nirank.errors import ConfigError
    from nirank.verification.paths import find_configurations
    from nirank.verification.processes import verify_apart
    from nirank.verification.report import format_text, render_page, to_json
    from nirank.verification.verification import fail_unread, skip

    set_up_logging(quiet=quiet, debug=debug)
    if accept and limit_queries is not None:
        raise ConfigError("--accept takes scores of all queries; leave --limit-queries out")
    seconds = None if at_most is None else parse_age(at_most)
    if html is not None and not html.parent.is_dir():
        raise ConfigError(f"{html}: its folder does not exist")
    verifications = []
    for path, config in find_configurations(paths, accept=accept).items():
        if isinstance(config, ConfigError):
            log.debug("%s: %s", path, config)
            verifications.append(fail_unread(path, config))
            continue
        if config.expected is None and not accept:
            verifications.append(skip(path, config, "has no expected scores"))
            continue
        log.info("verifying %s", path)
        verification = verify_apart(path, config, limit_queries=limit_queries, at_most=seconds, accept=accept)
        counts = verification.counts
        log.info("%s: %s", path, ", ".join(f"{n} {status}" for status, n in counts.items()) or verification.note)
        verifications.append(verification)
    if html is not None:
        html.write_text(str(mask_secrets(render_page(verifications))), encoding="utf-8")
    text = json.dumps(to_json(verifications), indent=1) if as_json else format_text(verifications, details=details)
    click.echo(str(mask_secrets(text)))
    if not all(verification.passed for verification in verifications):
        sys.exit(1)
