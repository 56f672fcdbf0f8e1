"""Where a page is served: by what it is reached, what is refused, and how a server ends."""

import errno
import http.client
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from colorize_cli.errors import OutputError, UsageError
from colorize_cli.system.page_server import listening_at, run_server

ROOT = Path(__file__).parents[2]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "localhost"),
        ("localhost", "localhost"),
        pytest.param("127.0.0.2", "127.0.0.2", marks=linux),
        pytest.param("::1", "[::1]", marks=ipv6),
        pytest.param("[::1]", "[::1]", marks=ipv6),
    ],
)
def test_this_machine_alone_is_named_as_the_page_is_reached(host: str, name: str) -> None:
    with listening_at(host, 0) as listening:
        place = listening.socket.getsockname()
        assert listening.url == f"http://{name}:{place[1]}/"
        assert listening.is_local
        assert {name, "localhost", "127.0.0.1"} <= set(listening.hosts)
        assert "*" not in listening.hosts


@pytest.mark.parametrize("host", ["0.0.0.0", pytest.param("::", marks=ipv6)])
def test_all_addresses_are_named_by_the_machine_and_open_to_others(host: str) -> None:
    with listening_at(host, 0) as listening:
        port = listening.socket.getsockname()[1]
        assert listening.url == f"http://{socket.gethostname()}:{port}/"
        assert not listening.is_local
        assert listening.hosts == ["*"]


def test_connections_wait_from_the_start_for_a_server_that_is_not_there_yet() -> None:
    with listening_at("127.0.0.1", 0) as listening:
        socket.create_connection(listening.socket.getsockname(), timeout=10).close()


def test_a_port_that_another_server_has_not_yet_answered_on_is_taken() -> None:
    with listening_at("127.0.0.1", 0) as first:
        port = first.socket.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}, which is taken: name another --port"):
            with listening_at("127.0.0.1", port):
                pass


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "nobody.invalid", "", "a..b", "x" * 70, "\udcff", "300.1.1.1"]
)
def test_what_is_no_address_of_this_machine_is_told_as_that(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    if host == "nobody.invalid":  # no test asks the network for a name
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UsageError, match="is no address of this machine: leave it out") as told:
        with listening_at(host, 0):
            pass
    assert "--port" not in str(told.value)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "needs a right that you lack: name a --port from 1024 on"),
        (errno.ENOBUFS, r"\(no room\): name another --host or --port"),
    ],
)
def test_why_a_port_cannot_be_had_is_told(
    number: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, "no room")

    monkeypatch.setattr(socket.socket, "bind", refused)
    with pytest.raises(UsageError, match=said):
        with listening_at("127.0.0.1", 80):
            pass


async def _unwilling(scope: Any, receive: Any, send: Any) -> None:
    """An application that refuses to begin, so that its server ends."""
    assert (await receive())["type"] == "lifespan.startup"
    await send({"type": "lifespan.startup.failed"})


@pytest.mark.filterwarnings("ignore:Exception in thread server")  # uvicorn's way to end
def test_a_server_that_ends_by_itself_is_told() -> None:
    pytest.importorskip("uvicorn")
    with listening_at("127.0.0.1", 0) as listening:
        with pytest.raises(OutputError, match="the server ended by itself: start it again"):
            run_server(_unwilling, listening, print)


_SLOW = """
import asyncio, sys, _thread, threading
from colorize_cli.system.page_server import listening_at, run_server
async def app(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/wrong":
        raise KeyError("no such thing")
    threading.Timer(0.1, _thread.interrupt_main).start()
    try:
        await asyncio.sleep(3600)
    finally:
        print("left", flush=True)
with listening_at("127.0.0.1", 0) as listening:
    print(listening.socket.getsockname()[1], flush=True)
    run_server(app, listening, print)
print("ended", flush=True)
"""


def test_a_fault_is_told_once_and_ctrl_c_ends_a_server_whose_request_never_ends() -> None:
    pytest.importorskip("uvicorn")
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(run.stdout.readline()))
        connection.request("GET", "/wrong")
        response = connection.getresponse()
        assert (response.status, response.read()) == (500, b"Internal Server Error")
        connection.request("GET", "/")
        try:
            told = "the page failed at /wrong: KeyError: 'no such thing'\n"
            assert (
                run.communicate(timeout=60)[0] == f"{told}left\nended\n"
            )  # the server before who waits for it
        finally:
            run.kill()
            connection.close()
