"""The diffusion families: a denoiser that is called once a step, told L in one of two ways.

In the families "encoder" and "encoder-published" maps of L come from a network of their own, which
runs once a photo; in the family "palette" the denoiser takes L itself. All else is the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, TypeAlias

import cv2
import numpy as np

from ...diffusion.noise import SampleNoise
from ...diffusion.sampler import Clamp, Prediction, SamplerSettings, sample, x_0_factors
from ...diffusion.schedule import Schedule, respace
from ...imaging.area_resample import cell_means
from ...imaging.lab import Float
from ...runtimes.runtime import GraphSpec, Shape, Size, Value
from .family import Graphs, OnStep, Step, level_of

_MOST = 1e6  # of any number of the sampling, all of which are of the order of 1 to 100
_MOST_STEPS = 1_000_000
ENCODER, DENOISER = "encoder.onnx", "denoiser.onnx"
Denoise: TypeAlias = Callable[[Float, Float], Float]

# In bfloat16 the encoder moves colours by 0.7 CIEDE2000, where the denoiser moves them by 0.1.
_ENCODER = GraphSpec(ENCODER, ("L",), ("cond_*",), needs_fp32=True, feeds_others=True)
_DENOISER = GraphSpec(DENOISER, ("noisy_ab", "cond_*", "gamma"), ("prediction",), runs_often=True)
_GRAPHS: Mapping[str, tuple[GraphSpec, ...]] = {
    "encoder": (_ENCODER, _DENOISER),
    "encoder-published": (_ENCODER, _DENOISER),
    "palette": (replace(_DENOISER, inputs=("noisy_ab", "L", "gamma")),),
}


@dataclass(frozen=True, eq=False)
class Condition:
    """What the denoiser has to know of `batch` photos: a map (B, c, ...) by each input's name."""

    maps: Mapping[str, Value]
    batch: int


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A diffusion model, as one bundle samples it."""

    name: str
    grid: int  # working pixels per cell of the ab grid, along each side
    ab_scale: float  # Lab units per unit of x_0
    prediction: Prediction
    schedule: Schedule  # the levels that are visited
    table: Schedule  # all that the network knows, of which another number of steps takes its levels
    sampler: SamplerSettings

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """The encoder, in the family that has one, and the denoiser."""
        return _GRAPHS[self.name]

    @property
    def steps(self) -> int:
        """How many noise levels are visited."""
        return self.schedule.steps

    @property
    def gains(self) -> tuple[float, ...]:
        """Factors on the ab of sample 0, 1, ..., over and over."""
        return self.sampler.gains

    @property
    def calls(self) -> tuple[int, int]:
        """The encoder once, and the denoiser at each step of each sample."""
        return len(self.graphs) - 1, self.steps

    @property
    def warning(self) -> str | None:
        """What is wrong with the end of the schedule, or None."""
        return self.schedule.warning

    @property
    def alike(self) -> None:
        """Samples differ as their noise does."""
        return None

    @property
    def sampling(self) -> dict[str, Any]:
        """The family's table of `bundle.json`, which `parse` reads."""
        sampler, clamp = vars(self.sampler), self.sampler.clamp
        schedule = {"name": self.table.name, "gammas": self.table.gammas.tolist()}
        if self.steps != self.table.steps:
            schedule["steps"] = self.steps
        return {
            "ab_scale": self.ab_scale,
            "prediction": self.prediction,
            "schedule": schedule,
            **{**sampler, "clamp": asdict(clamp) if clamp else {"kind": "none"}},
        }

    def with_steps(self, steps: int) -> Self:
        """Walk the same range of noise levels in another number of steps; UsageError below one."""
        return replace(self, schedule=respace(self.table, steps))

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        """Give the shape of an input: what the denoiser sees is on the grid, `cond_i` halved."""
        photos, height, width = size
        if name == "gamma":
            return (photos,)
        if graph == ENCODER:
            return (photos, 1, height, width)
        if name.startswith("cond_"):
            cell = self.grid << level_of(name)
            return (photos, None, height // cell, width // cell)
        return (photos, 2 if name == "noisy_ab" else 1, height // self.grid, width // self.grid)

    def condition(self, graphs: Graphs, L: Float) -> Condition:
        """Run the encoder, or take L to the grid."""
        photos, _, height, width = L.shape
        graphs[DENOISER].expect((photos, height, width))
        if ENCODER in graphs:
            return Condition(graphs[ENCODER].run({"L": L}), photos)
        return Condition({"L": cell_means(L, self.grid)}, photos)

    def denoiser(self, graphs: Graphs, condition: Condition) -> Denoise:
        """Make the function (x_t, gamma) -> prediction that `sampler.sample` calls.

        x_t is (rows, 2, h, w) float32, the samples of a photo side by side, rows a multiple of the
        condition's batch; gamma is (rows,) float32; the prediction is a new array like x_t. It
        raises DeviceError when the device fails.
        """
        run = graphs[DENOISER].bind(condition.maps)

        def denoise(x_t: Float, gamma: Float) -> Float:
            if len(x_t) % condition.batch:
                raise ValueError(f"{len(x_t)} rows for {condition.batch} photos")
            predicted: Float = run({"noisy_ab": x_t, "gamma": gamma})["prediction"]
            return predicted

        return denoise

    def sample(
        self, graphs: Graphs, condition: Condition, noise: SampleNoise, on_step: OnStep
    ) -> Float:
        """Draw ab fields with the sampler, the scale, the gains and the sharpness of the bundle."""
        gammas = self.schedule.gammas.tolist()
        x_0 = sample(
            self.denoiser(graphs, condition),
            noise.start(),
            self.schedule,
            noise,
            self.sampler,
            prediction=self.prediction,
            on_step=lambda t, x_t, x_0: on_step(
                Step(noise.first, t, x_t, x_0, gammas[t], self.ab_scale, noise.keys)
            ),
        )
        numbers = range(noise.first, noise.first + noise.samples)
        gains = [self.gains[k % len(self.gains)] for k in numbers] * len(noise.keys)
        ab = x_0 * np.array(gains, np.float32)[:, None, None, None] * np.float32(self.ab_scale)
        return _sharpened(ab, self.sampler.sharpness) if self.sampler.sharpness else ab


def parse(name: str, grid: int, sampling: Mapping[str, Any]) -> Diffusion:
    """Read what `Diffusion.sampling` writes, as `parse_family` says."""
    clamp: dict[str, Any] = {
        key: v if key == "kind" else _number(key, v) for key, v in sampling["clamp"].items()
    }
    schedule = {**sampling["schedule"]}
    schedule["gammas"] = [_number("gammas", gamma) for gamma in schedule["gammas"]]
    steps = schedule.pop("steps", None)
    table = Schedule(**schedule)
    if steps is not None and (type(steps) is not int or not 1 <= steps <= _MOST_STEPS):
        raise ValueError(f"steps: {steps!r} is no number of steps")
    family = Diffusion(
        name=name,
        grid=grid,
        ab_scale=_number("ab_scale", sampling["ab_scale"]),
        prediction=sampling["prediction"],
        schedule=respace(table, steps or table.steps),
        table=table,
        sampler=SamplerSettings(
            method=sampling["method"],
            eta=_number("eta", sampling["eta"]),
            variance=sampling["variance"],
            clamp=None if clamp.get("kind") == "none" else Clamp(**clamp),
            temperature=_number("temperature", sampling.get("temperature", 1.0)),
            gains=tuple(_number("gains", gain) for gain in sampling.get("gains", [1.0])),
            sharpness=_number("sharpness", sampling.get("sharpness", 0.0)),
        ),
    )
    if not family.ab_scale > 0:
        raise ValueError(f"ab_scale must be positive, not {family.ab_scale}")
    x_0_factors(float(family.schedule.gammas[-1]), family.prediction)
    return family


def _number(name: str, value: Any) -> float:
    """Take a number that leaves room to compute with it; Python would read "nan" from a text."""
    if type(value) not in (int, float) or not abs(value) <= _MOST:
        raise ValueError(f"{name}: {value!r} is no number that makes sense")
    return float(value)


def _sharpened(ab: Float, amount: float) -> Float:
    """Add to each plane of (N, 2, h, w) what a Gaussian of one cell takes from it."""
    planes = [
        plane + np.float32(amount) * (plane - cv2.GaussianBlur(plane, (0, 0), 1.0))
        for plane in ab.reshape(-1, *ab.shape[2:])
    ]
    return np.stack(planes).reshape(ab.shape)
