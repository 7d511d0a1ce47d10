"""The server: one socket, one process, stopped by a signal."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Any

from nirank.errors import ConfigError, MissingExtra
from nirank.searching.gate import Gate

LOOPBACK = "127.0.0.1"

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_HTTP_PORT = 80  # which browsers leave out
_MAX_CONNECTIONS = 1024
_HEADER_BYTES = 1 << 14


def require_libraries() -> None:
    """Raise MissingExtra where what serves is not installed, before anything is loaded."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtra(f"nirank serve needs {error.name}: pip install 'nirank[serve]'") from None


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0: any that is free. Raises ConfigError where that cannot be."""
    with ExitStack() as stack:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            opened = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((host, port))
            opened.listen(_MAX_CONNECTIONS)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(f"{host}:{port} cannot be used ({reason}); name another --host or --port") from None
        stack.pop_all()
        return opened


def list_hosts(host: str, port: int) -> frozenset[str] | None:
    """Return what a request may name as its host; None: anything, where other machines may ask too."""
    if not is_loopback(host):
        return None
    with_port = {f"{name}:{port}" for name in _LOOPBACK_NAMES}
    return frozenset(with_port | set(_LOOPBACK_NAMES)) if port == _HTTP_PORT else frozenset(with_port)


def serve(application: Gate, opened: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM; what is being answered then is finished, for five seconds at most."""
    import uvicorn

    config = uvicorn.Config(
        application,
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    before = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        uvicorn.Server(config).run(sockets=[opened])  # raises the signals that stopped it once more
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(number: int, frame: Any) -> None:
    """Let a signal pass that has stopped the server already."""
