"""The page itself, in Gradio: what is on it, and what its buttons do."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import UsageError
from ..system.wording import count_text
from .desk import Desk, Request
from .studio import Wish
from .unpack import MOST_FILES
from .views import Shown

MOST_SAMPLES, MOST_STEPS = 16, 100
_POLL_SECONDS = 0.25
_SPARE_EVENTS = 20  # beside the requests that wait, each of which is an event of Gradio's
_WELCOME = (
    "# Colours for photographs\n"
    "Drop black-and-white photographs, or a zip of them. All is computed on the machine that "
    "serves this page, and nothing is sent elsewhere. The colours are plausible, not historical "
    "truth: look at several samples."
)
_BAR = (
    "{of}, {share:.0%}"
    '<div style="background: var(--border-color-primary)">'
    '<div style="height: 8px; width: {share:.1%}; background: var(--color-accent)"></div></div>'
)


def build(desk: Desk, models: Sequence[str], queued: int) -> gr.Blocks:
    """Lay the page out, with the names of models to choose from; at most `queued` requests wait."""
    page: gr.Blocks = gr.Blocks(
        title="colorize", analytics_enabled=False, delete_cache=(3600, 12 * 3600)
    )
    with page:
        gr.Markdown(_WELCOME)
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                files = gr.File(
                    label=f"Photographs or a zip, up to {MOST_FILES}",
                    file_count="multiple",
                    elem_id="files",
                    height=180,
                )
                samples = gr.Slider(1, MOST_SAMPLES, 4, step=1, label="Samples")
                with gr.Accordion("Seed, saturation, model, steps", open=False):
                    seed = gr.Number(
                        0, precision=0, label="Seed", info="Another one, other colours."
                    )
                    saturation = gr.Slider(
                        0,
                        2,
                        1,
                        step=0.05,
                        label="Saturation",
                        info="A matter of taste; 1 as drawn.",
                    )
                    model = gr.Dropdown([*models], value=models[0], label="Model")
                    steps = gr.Slider(
                        0, MOST_STEPS, 0, step=1, label="Steps", info="0: the model's own."
                    )
                with gr.Row():
                    go = gr.Button("Colorize", variant="primary", elem_id="go")
                    stop = gr.Button("Cancel", variant="stop", interactive=False, elem_id="stop")
                course = gr.HTML(visible=False, elem_id="course")
                # A text box: names are text there, whatever is in them.
                said = gr.Textbox(
                    label="What happened", lines=3, max_lines=12, interactive=False, elem_id="said"
                )
            with gr.Column(scale=2, min_width=320):
                slider = gr.ImageSlider(
                    label="Before and after",
                    elem_id="slider",
                    interactive=False,
                    type="filepath",
                    # Its own download would give what is shown, not the file.
                    buttons=["fullscreen"],
                )
                with gr.Row():
                    one = gr.DownloadButton(
                        "Download this one", interactive=False, elem_id="download"
                    )
                    everything = gr.DownloadButton(
                        "Download all", interactive=False, elem_id="download-all"
                    )
                gr.Markdown("Choose a colouring to look at, and to download.")
                gallery = gr.Gallery(
                    label="Colourings",
                    show_label=False,  # which would cover the first of them
                    columns=4,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    elem_id="gallery",
                    buttons=[],
                )
        wishes = [files, model, samples, seed, steps, saturation]
        outputs = [course, said, go, stop, gallery, slider, one, everything]

        async def work(
            files: list[str] | None,
            model: str,
            samples: float | None,
            seed: float | None,
            steps: float | None,
            saturation: float | None,
            request: gr.Request,
        ) -> AsyncIterator[list[Any]]:
            try:
                wish = _wish(files or (), model, samples, seed, steps, saturation)
                asked = desk.open(_visit(request), wish)
            except UsageError as error:
                yield _only(str(error))
                return
            while not (asked.is_begun or asked.is_over.is_set()):
                yield _only(_place(desk.before(asked)), is_open=True)
                await asyncio.sleep(_POLL_SECONDS)
            news, shown = -1, list[Shown]()
            while not asked.is_over.is_set():
                if asked.news > news:
                    is_first, news, shown = not shown, asked.news, [*asked.shown]
                    yield _updates(asked, shown, is_first=is_first)
                else:
                    yield [_bar(asked), *_same(7)]
                await asyncio.sleep(_POLL_SECONDS)
            yield _updates(asked, [*asked.shown], is_first=not shown)

        def look(event: gr.SelectData, request: gr.Request) -> list[Any]:
            seen = desk.seen(_visit(request))
            if seen is None or int(event.index) >= len(seen.shown):
                return [gr.skip(), gr.skip()]
            return _looked_at(seen.shown[int(event.index)])

        def cancel(request: gr.Request) -> Any:
            return "Cancelling." if desk.cancel(_visit(request)) else gr.skip()

        def leave(request: gr.Request) -> None:
            desk.close(_visit(request))

        hidden: dict[str, Any] = {"api_visibility": "private"}
        # Turns are the desk's: whoever waits can be told of it, and cancel.
        go.click(work, wishes, outputs, concurrency_limit=None, show_progress="hidden", **hidden)
        stop.click(cancel, outputs=said, queue=False, show_progress="hidden", **hidden)
        gallery.select(look, None, [slider, one], queue=False, show_progress="hidden", **hidden)
        page.unload(leave)
    page.max_threads = queued + _SPARE_EVENTS
    page.queue(default_concurrency_limit=1, api_open=False)
    return page


def _visit(request: gr.Request) -> str:
    return str(request.session_hash)


def _wish(
    files: Sequence[str],
    model: str,
    samples: float | None,
    seed: float | None,
    steps: float | None,
    saturation: float | None,
) -> Wish:
    """Check what came, which need not be from the page's own sliders."""
    if not files:
        raise UsageError("drop a photograph first, or a zip of them")
    if seed is None or not math.isfinite(seed):
        raise UsageError("the seed must be a whole number: 0, say")
    return Wish(
        tuple(map(Path, files)),
        model,
        round(_within("samples", samples, 1, MOST_SAMPLES)),
        int(seed),
        round(_within("steps", steps, 0, MOST_STEPS)) or None,
        float(_within("saturation", saturation, 0, 2)),
    )


def _within(name: str, value: float | None, least: int, most: int) -> float:
    if value is None or not least <= value <= most:  # which NaN is not
        raise UsageError(f"{name}: a number from {least} to {most}")
    return value


def _place(before: int) -> str:
    return f"In the queue, after {count_text(before, 'request')}." if before else "In the queue."


def _only(message: str, *, is_open: bool = False) -> list[Any]:
    """What the page shows while its colourings stay as they are, in the order of its outputs."""
    message = message[:1].upper() + message[1:]
    return [gr.HTML(visible=False), message, *_buttons(is_open=is_open), *_same(4)]


def _same(count: int) -> list[Any]:
    return [gr.skip() for _ in range(count)]


def _buttons(*, is_open: bool) -> list[Any]:
    return [gr.Button(interactive=not is_open), gr.Button(interactive=is_open)]


def _bar(asked: Request) -> Any:
    if asked.is_over.is_set():
        return gr.HTML(visible=False)
    return gr.HTML(_BAR.format(of=asked.of, share=asked.share), visible=True)


def _looked_at(shown: Shown | None) -> list[Any]:
    """What the slider and the download of one show."""
    return [
        (str(shown.before), str(shown.after)) if shown else None,
        gr.DownloadButton(value=str(shown.file) if shown else None, interactive=bool(shown)),
    ]


def _updates(asked: Request, shown: Sequence[Shown], *, is_first: bool) -> list[Any]:
    """What the page shows of a request that has begun, or ended, in the order of its outputs.

    What somebody looks at stays, but for the first time that there is something.
    """
    if not asked.is_begun:  # cancelled while it waited
        return _only("Cancelled.")
    everything = asked.everything
    return [
        _bar(asked),
        "\n".join([_headline(asked), *asked.messages]),
        *_buttons(is_open=not asked.is_over.is_set()),
        [(str(each.after), each.caption) for each in shown],
        *(_looked_at(shown[0] if shown else None) if is_first else _same(2)),
        gr.DownloadButton(value=everything and str(everything), interactive=bool(everything)),
    ]


def _headline(asked: Request) -> str:
    if not asked.is_over.is_set():
        return "Working."
    made = f"{count_text(len(asked.files), 'colouring')}."
    return f"Cancelled. {made}" if asked.is_cancelled.is_set() else f"Done: {made}"
