"""The page itself, in Gradio: what is on it, and what its buttons do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from ..errors import UsageError
from .desk import Desk, State
from .studio import Wish
from .unpack import MOST_FILES
from .views import zipped

MOST_SAMPLES, MOST_STEPS = 16, 100
_WELCOME = (
    "# Colours for photographs\n"
    "Drop black-and-white photographs, or a zip of them. All is computed on the machine that "
    "serves this page, and nothing is sent elsewhere. The colours are plausible, not historical "
    "truth: look at several samples."
)


def build(desk: Desk, queued: int) -> gr.Blocks:
    """Lay the page out; at most `queued` requests wait, and one is worked on."""
    models = list(desk.studio.models)
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
                seed = gr.Number(0, precision=0, label="Seed", info="Another one, other colours.")
                saturation = gr.Slider(
                    0, 2, 1, step=0.05, label="Saturation", info="A matter of taste; 1 as drawn."
                )
                with gr.Accordion("Model and steps", open=False):
                    model = gr.Dropdown(models, value=models[0], label="Model")
                    steps = gr.Slider(
                        0, MOST_STEPS, 0, step=1, label="Steps", info="0: the model's own."
                    )
                with gr.Row():
                    go = gr.Button("Colorize", variant="primary", elem_id="go")
                    stop = gr.Button("Cancel", variant="stop", elem_id="stop")
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
                gallery = gr.Gallery(
                    label="Colourings: choose one to look at and to download",
                    columns=4,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    elem_id="gallery",
                    buttons=[],
                )
                with gr.Row():
                    one = gr.DownloadButton(
                        "Download this one", interactive=False, elem_id="download"
                    )
                    everything = gr.DownloadButton(
                        "Download all", interactive=False, elem_id="download-all"
                    )
        entries = gr.State([])
        wishes = [files, model, samples, seed, steps, saturation]
        outputs = [said, gallery, slider, one, everything, entries]

        def begin(request: gr.Request) -> Any:
            desk.open(_visit(request))
            return "In the queue."

        def work(
            files: list[str] | None,
            model: str,
            samples: float,
            seed: float | None,
            steps: float,
            saturation: float,
            request: gr.Request,
            progress: gr.Progress = gr.Progress(),  # noqa: B008, Gradio's way
        ) -> Iterator[list[Any]]:
            visit = _visit(request)
            state = State()
            yield _updates(State(), ["Working."])
            try:
                paths = tuple(map(Path, files or ()))
                wish = _wish(paths, model, samples, seed, steps, saturation)
            except UsageError as error:
                yield _updates(state, [str(error)])
                return
            for state in desk.work(visit, wish):
                progress(state.share, desc=state.of or "waiting")
                if state.is_new:
                    yield _updates(state, ["Working.", *state.messages])
            is_cancelled = desk.is_cancelled(visit)
            made = f"{len(state.shown)} colourings."
            yield _updates(
                state,
                [f"Cancelled. {made}" if is_cancelled else f"Done: {made}", *state.messages],
                everything=_all(desk, visit, state),
            )

        def look(entries: list[list[str]], event: gr.SelectData) -> list[Any]:
            before, after, file = entries[int(event.index)]
            return [(before, after), gr.DownloadButton(value=file, interactive=True)]

        def cancel(request: gr.Request) -> str:
            return "Cancelling." if desk.cancel(_visit(request)) else "Nothing to cancel."

        hidden: dict[str, Any] = {"api_visibility": "private"}
        begun = go.click(begin, outputs=said, queue=False, **hidden)
        begun.then(work, wishes, outputs, concurrency_limit=1, show_progress_on=[said], **hidden)
        stop.click(cancel, outputs=said, queue=False, **hidden)
        gallery.select(look, entries, [slider, one], queue=False, show_progress="hidden", **hidden)

        def leave(request: gr.Request) -> None:
            desk.close(_visit(request))

        page.unload(leave)
    page.queue(max_size=queued, default_concurrency_limit=1, api_open=False)
    return page


def _visit(request: gr.Request) -> str:
    return str(request.session_hash)


def _wish(
    files: tuple[Path, ...],
    model: str,
    samples: float,
    seed: float | None,
    steps: float,
    saturation: float,
) -> Wish:
    """Check what came, which need not be from the page's own sliders."""
    if seed is None:
        raise UsageError("the seed must be a whole number: 0, say")
    count = round(samples)
    if not 1 <= count <= MOST_SAMPLES:
        raise UsageError(f"the samples must be 1 to {MOST_SAMPLES}")
    if not 0 <= steps <= MOST_STEPS:
        raise UsageError(f"the steps must be at most {MOST_STEPS}")
    if not 0 <= saturation <= 2:
        raise UsageError("the saturation must be 0 to 2")
    return Wish(files, model, count, int(seed), round(steps) or None, float(saturation))


def _updates(state: State, messages: list[str], everything: str | None = None) -> list[Any]:
    """What the page shows, in the order of its outputs."""
    shown = state.shown
    first = shown[0] if shown else None
    return [
        "\n".join(messages),
        [(str(each.after), each.caption) for each in shown],
        (str(first.before), str(first.after)) if first else None,
        gr.DownloadButton(value=str(first.file) if first else None, interactive=bool(first)),
        gr.DownloadButton(value=everything, interactive=bool(everything)),
        [[str(each.before), str(each.after), str(each.file)] for each in shown],
    ]


def _all(desk: Desk, visit: str, state: State) -> str | None:
    if not state.shown:
        return None
    folder = desk.folder_of(visit)
    files = [each.file for each in state.shown]
    return str(zipped(files, folder / "out", folder / "colourings.zip"))
