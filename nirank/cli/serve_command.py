"""`nirank serve`: the systems of a configuration behind a page and an HTTP interface."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from nirank.cli.groups import EPILOG

log = logging.getLogger("nirank")


@click.command(epilog=EPILOG)
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("systems", nargs=-1)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Of the page [any that is free].")
@click.option("--host", default="127.0.0.1", metavar="H", help="Where it listens [127.0.0.1: this machine only].")
@click.option("--seconds", type=click.FloatRange(0.1, 3600), default=30.0, help="That a search may take [30].")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change one value, as for nirank run.")
@click.option("--quiet", is_flag=True, help="Print warnings and errors only, and the address.")
@click.option("--debug", is_flag=True, help="Print everything, with tracebacks.")
def serve(
    config: Path,
    systems: tuple[str, ...],
    port: int,
    host: str,
    seconds: float,
    overrides: tuple[str, ...],
    quiet: bool,
    debug: bool,
) -> None:
    """Serve the systems of a configuration, or those named: a page to ask them on, and JSON for programs.

    What they need of the documents is found in the store, or computed first. Ctrl-C ends it.

    \b
    Example:
      nirank serve experiments/quickstart/quickstart.yaml BM25 Hybrid
    """
    from nirank.cli.console import ConsoleReporter, set_up_logging

    set_up_logging(quiet=quiet, debug=debug)
    from nirank.config.reader import load_config
    from nirank.searching.application import make_application
    from nirank.searching.opening import open_searcher, warm_up
    from nirank.searching.server import is_loopback, list_hosts, open_socket, require_libraries
    from nirank.searching.server import serve as serve_until_stopped
    from nirank.store import open_store

    require_libraries()
    configuration = load_config(config, overrides)
    store, reporter = open_store(configuration.store), ConsoleReporter(quiet=quiet)
    with open_socket(host, port) as opened:
        port = opened.getsockname()[1]
        searcher = open_searcher(configuration, store, reporter, systems or None, any_collection=True)
        application = make_application(searcher, seconds, list_hosts(host, port), warm_up(searcher))
        if not is_loopback(host):
            log.warning("whoever reaches %s can ask: there is no password, and no encryption", host)
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"http://{shown}:{port}/")
        serve_until_stopped(application, opened)
