"""The tables of a recipe: everything that decides a training run, as frozen dataclasses.

These are the tables that every family has. A family adds its own in a subclass of `Recipe`.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict

from colorize_cli.errors import UsageError

Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]


class Table:
    """What all tables share: they are read strictly, without unknown keys or changes of type."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class DataTable(Table):
    """What a batch is made of.

    Attributes:
        size: side of the square crops in pixels, a multiple of what the family halves.
        smallest: short side, in crops, of the smallest photo that is taken; one below 1 is enlarged
            to a crop, and is softer than photos are.
        grid: pixels a side that share one ab value, as the family has it.
        luma: share of photos whose grey is luma instead of L*.
        old: share of photos that are degraded like old prints.
        sets: weight of each set; empty to draw all photos evenly.
    """

    size: int = 128
    smallest: float = 1.0
    grid: int = 4
    luma: float = 0.3
    old: float = 0.3
    sets: dict[str, Any] = field(default_factory=dict)  # numbers, whole or not, as they were given

    def __post_init__(self) -> None:
        if not all(isinstance(w, int | float) and w >= 0 for w in self.sets.values()):
            raise UsageError("the weights in data.sets must be numbers of at least 0.")
        if not 0.5 <= self.smallest <= 1:
            raise UsageError("data.smallest is 0.5 to 1: more than twice enlarged is no photo.")


@dataclass(frozen=True)
class OptimTable(Table):
    """How it is trained.

    Attributes:
        steps: length of the run; the learning rate has decayed to zero at its end.
        photos: photos a step, in each process where there are several.
        views: noise levels (rows of the denoiser) for each photo; the encoder runs once for all.
        lr: peak learning rate of AdamW.
        backbone_lr: factor on `lr` for the pretrained backbone.
        frozen_steps: steps before the backbone is trained too.
        tuned_stages: how many of the backbone's seven stages are trained then, from the last
            (coarsest) back: three hold 85% of its weights and cost a tenth of the time.
        warmup: steps of linear warm-up.
        decay_from: fraction of the run at which the cosine decay begins.
        beta1: first-moment decay of AdamW.
        beta2: its second-moment decay.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, which are the ones that are exported.
        reference_samples: samples a step (photos times views) that `lr`, `beta2`, `ema`, `warmup`
            and `frozen_steps` are meant for; with another batch they are rescaled to it. 0 to
            take them as they are for any batch.
        compile: compile the denoiser (torch.compile): minutes at the start, then faster.
        precision: "fp32", "bf16" or "fp16" of what the network computes; "auto" is bfloat16 where
            that is faster than float32. Weights, averages and losses are float32 always.
        accumulate: parts that a step's photos are worked through in, one after the other, for less
            memory; the step is the same but for rounding.
    """

    steps: int = 3000
    photos: int = 24
    views: int = 2
    lr: float = 5e-4
    backbone_lr: float = 0.1
    frozen_steps: int = 0
    tuned_stages: int = 7
    warmup: int = 150
    decay_from: float = 0.5
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    reference_samples: int = 0
    compile: bool = False
    precision: Precision = "auto"
    accumulate: int = 1

    def __post_init__(self) -> None:
        if min(self.steps, self.photos, self.views) < 1:
            raise UsageError("optim.steps, optim.photos and optim.views must be at least 1.")
        if not 1 <= self.accumulate <= self.photos:
            raise UsageError("optim.accumulate must be at least 1 and at most optim.photos.")
        if self.reference_samples < 0:
            raise UsageError("optim.reference_samples must be at least 1, or 0 for none.")


@dataclass(frozen=True)
class ValidationTable(Table):
    """What a run is judged by while it goes on.

    Attributes:
        data: folder or tar shard of photos that are not trained on; empty for none.
        half: "tune" for that half of them, by their content, as `evaluate --split` takes it.
        photos: how many, at most; the same ones each time.
        every_minutes: how often, but never more than a tenth of the time.
    """

    data: str = ""
    half: Literal["tune", "all"] = "all"
    photos: int = 128
    every_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.photos < 5:
            raise UsageError("validation.photos must be at least 5, for an interval.")


@dataclass(frozen=True)
class CheckpointsTable(Table):
    """What a run leaves in its folder while it goes on.

    Attributes:
        every_minutes: how often the state is saved.
        last: how many states are kept in `checkpoints/`, the newest, to go back to; 0 for none but
            the one that a resume takes.
        best: how many weights with the lowest validation loss are kept in `checkpoints/`, those of
            `best.safetensors` among them; 1 for none but that file.
        half: files of weights are in half precision. The state never is.
    """

    every_minutes: float = 5.0
    last: int = 0
    best: int = 1
    half: bool = False

    def __post_init__(self) -> None:
        if min(self.every_minutes, self.last, self.best - 1) < 0:
            raise UsageError(
                "checkpoints.every_minutes and checkpoints.last must be at least 0, "
                "checkpoints.best at least 1."
            )


@dataclass(frozen=True)
class SamplesTable(Table):
    """When samples of the averaged weights are drawn, looked at and measured in a run.

    They are of the photos of `validation.data`, the same ones with the same noise each time.

    Attributes:
        every_steps: steps from one look to the next; there is one at the end, too. 0 for none.
        at_steps: steps after which there is one besides.
        shown: photos of which four samples are shown beside grey and truth.
        measured: photos of which the first sample is measured, at most.
        choose_best: the weights in `best.safetensors` are those with the lowest mean absolute error
            of ab there, not those with the lowest validation loss.
    """

    every_steps: int = 1000
    at_steps: tuple[int, ...] = ()
    shown: int = 4
    measured: int = 32
    choose_best: bool = False

    def __post_init__(self) -> None:
        if self.every_steps < 0 or min(self.shown, self.measured) < 1:
            raise UsageError(
                "samples.every_steps must be at least 1, or 0 for none; samples.shown and "
                "samples.measured at least 1."
            )
        if self.choose_best and not (self.every_steps or self.at_steps):
            raise UsageError(
                "samples.choose_best chooses among samples, of which samples.every_steps=0 draws "
                "none: set samples.every_steps or samples.at_steps, or samples.choose_best=false."
            )


@dataclass(frozen=True)
class SamplingTable(Table):
    """What the exported bundle does by default.

    Attributes:
        working_size: square root of the area, in pixels, at which the network sees a photo, about.
        views: how large photos are seen with `--size auto` and `fine`: for each name `from_side`,
            the square root of the smallest one's area, `working_size`, and in `levels` the numbers
            of the noise levels that are visited, counted from the clean end; all by default.
    """

    working_size: int = 192
    views: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe(Table):
    """A training run.

    Attributes:
        name: the recipe's own name, kept in checkpoints and bundles.
        family: a name in `training.families.FAMILIES`.
        network: configuration of the network, as the family's `build` takes it.
        data: what a batch is made of.
        optim: how it is trained.
        validation: what a run is judged by while it goes on.
        checkpoints: what it leaves in its folder.
        samples: when samples are drawn and measured in it.
        sampling: what the exported bundle does by default.
        license: terms of the weights, which those of the photographs decide.
        seed: of weights, batches and noise.
    """

    name: str
    family: str
    network: dict[str, Any] = field(default_factory=dict)
    data: DataTable = field(default_factory=DataTable)
    optim: OptimTable = field(default_factory=OptimTable)
    validation: ValidationTable = field(default_factory=ValidationTable)
    checkpoints: CheckpointsTable = field(default_factory=CheckpointsTable)
    samples: SamplesTable = field(default_factory=SamplesTable)
    sampling: SamplingTable = field(default_factory=SamplingTable)
    license: str = "not stated"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.takes_parts and (self.optim.views != 1 or self.optim.accumulate != 1):
            raise UsageError(
                "optim.views and optim.accumulate are 1 for this family: there are no noise "
                "levels, and batch norms see a step's photos at once."
            )
        if self.samples.choose_best and self.checkpoints.best > 1:
            raise UsageError(
                "checkpoints.best above 1 keeps weights by their validation loss, and "
                "samples.choose_best by their samples: leave one of them out."
            )

    @property
    def parts(self) -> tuple[object, ...]:
        """What decides which parameters there are, and which of them the optimizers have."""
        return self.network, self.family, self.optim.tuned_stages

    @property
    def stages(self) -> tuple[int, ...]:
        """Steps at which something else begins to be learned."""
        return ()

    @property
    def takes_parts(self) -> bool:
        """Whether `optim.views` and `optim.accumulate` may be more than 1."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as `recipe_from_dict` reads them."""
        return asdict(self)
