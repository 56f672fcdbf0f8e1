"""The body of `colorize ui`: open the network, and serve the page until somebody stops it."""

import ipaddress
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import reason_of
from ..model.view import SizeChoice
from ..photos.limits import Limits, default_memory, limited_to
from ..study.serve import listening_at, run_server
from ..system.machine import usable_memory
from ..system.messages import Messages
from .desk import Desk
from .studio import Studio

_MOST_UPLOADED = 1_000_000_000  # bytes of a file

# Gradio reads these when it is imported. It would tell its makers of every start.
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
}
# The page may ask nobody but its own server; Gradio's scripts are written into it.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class UiOptions:
    """What `colorize ui` is asked for."""

    models: tuple[str, ...]  # that are on offer, the one that is opened first in front
    host: str = "127.0.0.1"
    port: int = 8710
    device: str = "auto"
    size: SizeChoice | None = None
    megapixels: float = 100.0  # of the largest photo
    memory: float | None = None  # GB that a photo may take
    queue: int = 20  # requests that wait


def serve(options: UiOptions, messages: Messages) -> None:
    """Serve the page until Ctrl-C, which is its ordinary end; what was made goes with it.

    Raises:
        UsageError: The port cannot be had.
        ModelError: The first model cannot be used.
        DeviceError: The device cannot run.
    """
    limits = Limits(
        round(options.megapixels * 1e6),
        round(options.memory * (1 << 30)) if options.memory else default_memory(usable_memory()),
    )
    with (
        tempfile.TemporaryDirectory(prefix="colorize-ui-", ignore_cleanup_errors=True) as folder,
        listening_at(options.host, options.port) as listening,
        limited_to(limits),
    ):
        os.environ.update(_QUIET, GRADIO_TEMP_DIR=folder)
        import uvicorn

        studio = Studio(options.models, options.device, options.size, messages.note)
        # Below Gradio's folder, from which it serves what is elsewhere only as a copy.
        with Desk(studio, Path(folder, "requests"), options.queue) as desk:
            app = _app(options, desk, listening, messages)
            config = uvicorn.Config(
                app,
                log_config=None,
                log_level="critical",  # what fails `_Guarded` tells; at the end uvicorn cancels
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
            run_server(config, listening)


def _app(
    options: UiOptions, desk: Desk, listening: socket.socket, messages: Messages
) -> "_Guarded":
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from .page import build

    page = build(desk, options.models, options.queue)
    address, port = listening.getsockname()[:2]
    is_local = ipaddress.ip_address(address).is_loopback
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    if is_local:  # a name of another site that leads here is not the page's
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"])
    system = ("system-ui", "sans-serif")
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=[],
        max_file_size=_MOST_UPLOADED,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        theme=gr.themes.Default(font=system, font_mono=("ui-monospace", "monospace")),
    )
    name = "localhost" if is_local else options.host
    if not is_local and ipaddress.ip_address(address).is_unspecified:
        name = socket.gethostname()
    messages.note(f"the page: http://{name}:{port}/")
    if not is_local:
        messages.warn("anyone who reaches this machine can use it, without encryption")
    messages.note("Ctrl-C stops; colourings that were not downloaded go then")
    return _Guarded(app, messages)


class _Guarded:
    """An ASGI application whose pages may ask no other host for anything, and that tells faults."""

    def __init__(self, app: object, messages: Messages) -> None:
        self._app, self._messages = app, messages

    async def __call__(self, scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        async def guarded(message: dict) -> None:  # type: ignore[type-arg]
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"content-security-policy", _POLICY.encode()),
                    (b"referrer-policy", b"no-referrer"),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)  # type: ignore[operator]

        try:
            await self._app(scope, receive, guarded)  # type: ignore[operator]
        except Exception as error:
            self._messages.error(f"the page failed at {scope.get('path')}: {reason_of(error)}")
            raise
