"""Noise schedules say how much of the picture is left at each step, in float64.

Notation (Ho et al. 2020, "DDPM"; Saharia et al. 2022, "Palette", writes gamma for alpha-bar):

    gammas[t]   alpha-bar_t, alphas_cumprod:  x_t = sqrt(gamma_t) x_0 + sqrt(1 - gamma_t) eps
    beta_t      1 - gamma_t / gamma_{t-1}
    t           0 is the clean picture (gamma = 1), T is the start of sampling
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

Float64 = NDArray[np.float64]

# A schedule that ends above this starts sampling from noise that the network never saw there.
MAX_TERMINAL_GAMMA = 0.01
# Just short of pure noise, so that sqrt(gamma) stays positive (2.5e-8 at the end).
_COSINE_END = 0.9999


@dataclass(frozen=True, eq=False)
class Schedule:
    """The noise levels that sampling visits."""

    name: str  # "cosine", "tutorial-20", "linear", or the name that a bundle gives its numbers
    gammas: Float64  # (T + 1,), strictly decreasing from gammas[0] = 1 to gammas[T] >= 0

    def __post_init__(self) -> None:
        gammas = np.array(self.gammas, np.float64)
        if gammas.ndim != 1 or len(gammas) < 2:
            raise ValueError("a schedule needs at least two gammas: 1 and one noise level")
        if gammas[0] != 1.0 or not gammas[-1] >= 0.0 or not np.all(np.diff(gammas) < 0):
            raise ValueError("gammas must fall strictly from 1 and stay at or above 0")
        gammas.flags.writeable = False
        object.__setattr__(self, "gammas", gammas)

    @property
    def steps(self) -> int:
        """Count the denoising steps, T."""
        return len(self.gammas) - 1

    @property
    def warning(self) -> str | None:
        """Say what is wrong with the end of this schedule, or None."""
        gamma = float(self.gammas[-1])
        if gamma <= MAX_TERMINAL_GAMMA:
            return None
        return (
            f"schedule {self.name!r} ends at gamma = {gamma:.3g}, above {MAX_TERMINAL_GAMMA}: "
            "sampling starts from noise that the network has not seen at that level, so colours "
            "come out pale and samples alike; train with a schedule that reaches noise"
        )


def linear_betas(steps: int, start: float, end: float) -> Schedule:
    """Make the schedule whose beta_t rise linearly from `start` to `end` (DDPM, section 4)."""
    betas = np.linspace(start, end, steps, dtype=np.float64)
    return Schedule("linear", np.concatenate([[1.0], np.cumprod(1.0 - betas)]))


def tutorial_20() -> Schedule:
    """Make the diffusion-colorization tutorial's schedule: 20 betas, linear from 1e-4 to 0.09.

    The checkpoints of that tutorial need it. It ends at gamma_20 = 0.3945 (-1.9 dB).
    """
    return Schedule("tutorial-20", linear_betas(20, 1e-4, 0.09).gammas)


def linear_350() -> Schedule:
    """Make Color-diffusion's schedule (Millon 2023): 350 betas, linear from 1e-4 to 0.02.

    It ends at gamma_350 = 0.0290 (-15.3 dB).
    """
    return Schedule("linear-350", linear_betas(350, 1e-4, 0.02).gammas)


def cosine_gamma(t: Float64) -> Float64:
    """Compute the noise level gamma, 1 down to 2.5e-8, at continuous times t in 0..1, any shape.

    It is cos^2(0.9999 pi t / 2), after Nichol & Dhariwal (2021), eq. 17, without offset.
    """
    return np.asarray(np.cos(_COSINE_END * np.pi / 2 * t) ** 2)


def cosine(steps: int) -> Schedule:
    """Make the schedule of `steps` noise levels evenly spaced in t on `cosine_gamma`."""
    return Schedule("cosine", cosine_gamma(np.arange(steps + 1, dtype=np.float64) / steps))


def even_log_snr(steps: int, lowest: float = -9.0, highest: float = 6.0) -> Schedule:
    """Make the schedule of noise levels evenly spaced in log-SNR, ln(gamma / (1 - gamma)).

    Few levels are near the ends, where little is decided, and a solver of second order is exact
    between them for what is linear in log-SNR (Lu et al. 2022, "DPM-Solver", section 3.3).
    """
    log_snr = np.linspace(highest, lowest, steps)
    return Schedule("log-snr", np.concatenate([[1.0], 1 / (1 + np.exp(-log_snr))]))


def respace(schedule: Schedule, steps: int) -> Schedule:
    """Walk the same range of noise levels in another number of steps; UsageError below one.

    Between the levels of `schedule` the angle arctan(noise / signal) is interpolated linearly. That
    is exact for "cosine", whose angle is linear in t. A divisor of T picks every k-th level.
    """
    if steps < 1:
        raise UsageError(f"the number of sampling steps must be at least 1, not {steps}")
    if steps == schedule.steps:
        return schedule
    angle = np.arctan2(np.sqrt(1.0 - schedule.gammas), np.sqrt(schedule.gammas))
    position = np.linspace(0.0, schedule.steps, steps + 1)
    gammas = np.cos(np.interp(position, np.arange(schedule.steps + 1), angle)) ** 2
    gammas[-1] = schedule.gammas[-1]  # cos(pi / 2) is not quite 0
    return Schedule(schedule.name, gammas)
