"""The body of `colorize study run`: serve the page until somebody stops it."""

import ipaddress
import os
import socket
from pathlib import Path
from threading import Thread

import uvicorn

from ..errors import OutputError, UsageError
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .answers import Answers
from .design import read_study
from .server import app_of

_WAIT_SECONDS = 0.2


def serve(folder: Path, host: str, port: int, messages: Messages) -> None:
    """Serve the page of a study until Ctrl-C, which is its ordinary end.

    Args:
        folder: of the study.
        host: address to listen at.
        port: to listen at; 0 for any that is free.
        messages: are told where the page is.

    Raises:
        UsageError: There is no study, or the port cannot be had.
        OutputError: Answers cannot be kept.
    """
    study = read_study(folder)
    with Answers(folder, study) as answers, listening_at(host, port) as listening:
        address = ipaddress.ip_address(listening.getsockname()[0])
        is_local, port = address.is_loopback, listening.getsockname()[1]
        name = socket.gethostname() if address.is_unspecified else host
        hosts = ["127.0.0.1", "localhost"] if is_local else ["*"]
        app = app_of(study, folder, answers, hosts=hosts, tell=messages.error)
        messages.note(f"the page: http://{'localhost' if is_local else name}:{port}/")
        if not is_local:
            messages.warn("anyone who reaches this machine can take part, without encryption")
        messages.note(f"answers: {shown(answers.path)}; Ctrl-C stops, and nothing is lost")
        run_server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False), listening
        )
        finished = sum(answers.next_trial(rater) is None for rater in answers.raters())
        messages.note(f"{count_text(finished, 'rater')} came to the end so far")
    messages.note(f"next: colorize study report {shown(folder)}")


def run_server(config: uvicorn.Config, listening: socket.socket) -> None:
    """Run the server in a thread: signals are the main thread's, which stops it then."""
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, args=([listening],), name="study", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(_WAIT_SECONDS)
    except KeyboardInterrupt:
        server.should_exit = True
        thread.join()
    else:
        raise OutputError("the server ended by itself: run it again, nothing is lost.")


def listening_at(host: str, port: int) -> socket.socket:
    """Listen at an address and port, 0 for any; UsageError where that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(f"--host {shown(host)} is no address of this machine.") from error
    try:
        if os.name != "nt":  # where it would let two servers have one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"cannot listen at {shown(host)}, port {port} ({error.strerror}): name another --port, "
            "or 0 for any that is free."
        ) from error
    return listening
