"""What a recipe of a diffusion family says beside the tables of all, and a bundle with it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from colorize_cli.diffusion.schedule import (
    cosine,
    even_log_snr,
    linear_350,
    respace,
    tutorial_20,
)
from colorize_cli.errors import UsageError

from ..recipe_tables import Recipe, SamplingTable, Table


@dataclass(frozen=True)
class DiffusionTable(Table):
    """What the network learns to undo.

    Attributes:
        schedule: "cosine" draws the noise level continuously; "tutorial-20" as Palette does,
            uniformly between two neighbouring gammas of that schedule; "linear-350" draws one of
            Color-diffusion's 350 levels.
        prediction: what the network predicts.
        ab_scale: Lab units a unit of x_0; ab / ab_scale should have a deviation of about 0.5.
        weight_limit: how many times the error of x_0 may count at a noise level, above 1; see
            `row_weight` in `diffusion_loss`. 0 for no limit.
        chroma_weight: how much more a cell counts for each unit of its chroma in x_0; see
            `chroma_weight` there. 0 for all alike.
    """

    schedule: Literal["cosine", "tutorial-20", "linear-350"] = "cosine"
    prediction: Literal["eps", "v", "x_0"] = "v"
    ab_scale: float = 26.0
    weight_limit: float = 0.0
    chroma_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.weight_limit and self.weight_limit <= 1:
            raise UsageError("diffusion.weight_limit is above 1, or 0 for no limit.")


@dataclass(frozen=True)
class PerceptualTable(Table):
    """A further loss: what a network that knows objects sees of the colours.

    Attributes:
        weight: of it beside the diffusion loss; 0 for none.
        backbone: file of EfficientNet-Lite3's ImageNet weights for colour photographs.
        latest: diffusion time up to which rows have it; later, x_0 is a mean of what may be.
    """

    weight: float = 0.0
    backbone: str = ""
    latest: float = 0.5

    def __post_init__(self) -> None:
        if self.weight and not self.backbone:
            raise UsageError(
                "perceptual.weight needs perceptual.backbone, a file of ImageNet weights."
            )


@dataclass(frozen=True)
class DenoisingTable(SamplingTable):
    """How the exported bundle samples by default.

    `colorize_cli.diffusion.sampler` explains the terms.

    Attributes:
        steps: denoising steps.
        spacing: "angle" visits levels evenly spaced in the schedule's angle, "log-snr" in log-SNR.
        method: "ddim", "ddpm" or "dpm".
        eta: randomness of "ddim".
        variance: of "ddpm".
        clamp: "none", "static" or "dynamic".
        limit: of the clamp, in units of x_0.
        percentile: of the dynamic clamp.
        temperature: factor on the noise.
        gains: factors on the ab that comes out, of sample 0, 1, ..., over and over.
        sharpness: of the unsharp masking of ab; 0 for none.
    """

    steps: int = 20
    spacing: Literal["angle", "log-snr"] = "angle"
    method: Literal["ddim", "ddpm", "dpm"] = "ddim"
    eta: float = 1.0
    variance: Literal["posterior", "beta"] = "posterior"
    clamp: Literal["none", "static", "dynamic"] = "static"
    limit: float = 3.2
    percentile: float = 99.5
    temperature: float = 1.0
    gains: tuple[float, ...] = (1.0,)
    sharpness: float = 0.0


@dataclass(frozen=True)
class DiffusionRecipe(Recipe):
    """A training run of a diffusion family.

    Attributes:
        diffusion: what the network learns to undo.
        perceptual: a further loss on what it makes of the noise.
        sampling: how the exported bundle samples by default.
    """

    diffusion: DiffusionTable = field(default_factory=DiffusionTable)
    perceptual: PerceptualTable = field(default_factory=PerceptualTable)
    sampling: DenoisingTable = field(default_factory=DenoisingTable)


def sampling(recipe: DiffusionRecipe) -> dict[str, Any]:
    """Make the table `sampling` of the bundle, which `colorize_cli.model.families` reads."""
    table = recipe.sampling
    trained, levels = recipe.diffusion.schedule, {}
    if table.spacing == "log-snr":
        schedule = even_log_snr(table.steps)
    elif trained == "linear-350":  # all of it, for whoever wants all steps
        schedule, levels = linear_350(), {"steps": table.steps}
    else:
        schedule = respace(cosine(1000) if trained == "cosine" else tutorial_20(), table.steps)
    clamp: dict[str, Any] = {"kind": table.clamp}
    if table.clamp != "none":
        clamp["limit"] = table.limit
    if table.clamp == "dynamic":
        clamp["percentile"] = table.percentile
    return {
        "ab_scale": recipe.diffusion.ab_scale,
        "prediction": recipe.diffusion.prediction,
        "schedule": {"name": schedule.name, "gammas": schedule.gammas.tolist(), **levels},
        "method": table.method,
        "eta": table.eta,
        "variance": table.variance,
        "clamp": clamp,
        "temperature": table.temperature,
        "gains": list(table.gains),
        "sharpness": table.sharpness,
    }
