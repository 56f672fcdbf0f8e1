"""Options that several commands have."""

from typing import Annotated, Literal

from typer import Option

MOST = 1000  # samples, candidates, steps: beyond, a slip of the finger would never end
_LARGEST_BATCH = 4096
DeviceName = Literal["auto", "cpu", "openvino", "cuda", "tensorrt"]


def _sizes(incomplete: str) -> list[str]:
    return [name for name in ("fast", "auto", "fine") if name.startswith(incomplete)]


def model_names(incomplete: str) -> list[str]:
    """Name the models that begin so, for the shell to complete."""
    from ..model.find_bundle import installed_names, shipped_names

    names = (*shipped_names(), *installed_names())
    return [name for name in names if name.startswith(incomplete)]


Model = Annotated[
    str,
    Option(metavar="NAME|PATH", help="Bundle: a folder or a .zip.", autocompletion=model_names),
]
Batch = Annotated[
    int | None,
    Option(
        min=1,
        max=_LARGEST_BATCH,
        metavar="N",
        help="Photos that go through the network together; the device's own if not given.",
    ),
]
Size = Annotated[
    str | None,
    Option(
        metavar="fast|auto|fine|PX",
        autocompletion=_sizes,
        help="How large photos are seen; auto if not given. fast for drafts, in half the time; "
        "fine where faces and things are small, in three times the time.",
    ),
]
Steps = Annotated[
    int | None,
    Option(min=1, max=MOST, metavar="N", help="Denoising steps; the model's if not given."),
]
Overrides = Annotated[
    list[str] | None, Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable.")
]
