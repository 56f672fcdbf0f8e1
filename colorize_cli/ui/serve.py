"""The body of `colorize ui`: open the network, and serve the page until somebody stops it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..model.view import SizeChoice
from ..photos.limits import Limits, default_memory, limited_to
from ..system.machine import usable_memory
from ..system.messages import Messages
from ..system.page_server import Listening, listening_at, run_server
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
        studio = Studio(options.models, options.device, options.size, messages.note)
        # Below Gradio's folder, from which it serves what is elsewhere only as a copy.
        with Desk(studio.colour, Path(folder, "requests"), options.queue) as desk:
            run_server(_app(options, desk, listening, messages), listening, messages.error)


def _app(options: UiOptions, desk: Desk, listening: Listening, messages: Messages) -> "_Guarded":
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from .page import build

    page = build(desk, options.models, options.queue)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=listening.hosts, www_redirect=False)
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
    messages.note(f"the page: {listening.url}")
    if not listening.is_local:
        messages.warn("anyone who reaches this machine can use it, without encryption")
    messages.note("Ctrl-C stops; colourings that were not downloaded go then")
    return _Guarded(app)


class _Guarded:
    """An ASGI application whose pages may ask no other host for anything."""

    def __init__(self, app: object) -> None:
        self._app = app

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

        await self._app(scope, receive, guarded)  # type: ignore[operator]
