"""Where a page is served: the socket that listens, by what it is reached, and how a server ends."""

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Event, Thread
from typing import Any

from ..errors import OutputError, UsageError, reason_of
from .paths import shown

_WAIT_SECONDS = 0.2
_END_SECONDS = 2  # in which requests come to their end after Ctrl-C
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Listening:
    """A socket that listens, and by what it is reached.

    Attributes:
        socket: it takes connections already; they wait until a server answers them.
        is_local: whether nobody but this machine reaches it.
        url: of the page, for people.
        hosts: names by which the server may be called: a foreign page whose own name leads here
            uses another one. `*`, which is any name, where others reach the server.
    """

    socket: socket.socket
    is_local: bool
    url: str
    hosts: list[str]


@contextmanager
def listening_at(host: str, port: int) -> Iterator[Listening]:
    """Listen at an address and port, 0 for any that is free; UsageError where that cannot be."""
    host = host.removeprefix("[").removesuffix("]")  # as a URL has an address of IPv6
    try:
        (family, *_, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listening = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter: a name that none can be
        raise UsageError(_no_address(host)) from error
    with listening:
        try:
            if os.name != "nt":  # where it would let two servers have one port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen()
        except OSError as error:
            raise UsageError(_refusal(host, port, error)) from error
        yield _described(host, listening)


def run_server(app: Callable[..., Any], listening: Listening, tell: Callable[[str], None]) -> None:
    """Serve an application (ASGI) until Ctrl-C; OutputError where the server ends by itself.

    What it fails with is told in a line; who made the request gets an error of the server.
    """
    import uvicorn  # which an extra brings
    from starlette.requests import ClientDisconnect

    async def told(scope: Mapping[str, Any], receive: object, send: object) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            # An application need not know of lifespans, and a browser may go away while it sends.
            if scope["type"] != "lifespan" and not isinstance(error, ClientDisconnect):
                tell(f"the page failed at {scope['path']}: {reason_of(error)}")
            raise

    config = uvicorn.Config(
        told,
        log_config=None,
        log_level="critical",  # else it tells the same again, and at the end what it cancels
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    server, is_over = uvicorn.Server(config), Event()

    def serve() -> None:
        try:
            server.run([listening.socket])
        finally:
            is_over.set()

    # In a thread: signals are the main one's, which stops the server then.
    thread = Thread(target=serve, name="server", daemon=True)
    thread.start()
    try:
        # A join that a signal interrupts takes a thread that still runs for one that has ended.
        while not is_over.is_set():
            time.sleep(_WAIT_SECONDS)
    except KeyboardInterrupt:
        server.should_exit = True
        thread.join()
    else:
        thread.join()
        raise OutputError("the server ended by itself: start it again.")


def _described(host: str, listening: socket.socket) -> Listening:
    text, port = listening.getsockname()[:2]
    address = ip_address(text)
    name = f"[{host}]" if ":" in host else host
    if text == "127.0.0.1":
        name = "localhost"
    elif address.is_unspecified:
        name = socket.gethostname()
    hosts = [*_LOCAL_NAMES, name] if address.is_loopback else ["*"]
    return Listening(listening, address.is_loopback, f"http://{name}:{port}/", hosts)


def _no_address(host: str) -> str:
    return (
        f"--host {shown(host)} is no address of this machine: leave it out for this machine alone, "
        "or name 0.0.0.0 for all its addresses."
    )


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return _no_address(host)
    text = f"cannot listen at {shown(host)}, port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"{text}, which is taken: name another --port, or 0 for any that is free."
    if error.errno == errno.EACCES:
        return f"{text}, which needs a right that you lack: name a --port from 1024 on."
    return f"{text} ({error.strerror}): name another --host or --port."
