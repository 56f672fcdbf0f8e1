"""When a run ends and how fast it learns until then, counted in steps or by the clock."""

import time
from collections.abc import Callable
from dataclasses import replace
from math import ceil, cos, pi

from .recipe_tables import OptimTable

# The warm-up of a run by the clock takes this share of its time at most.
_LATEST_WARM = 0.05
# Less memory of squared gradients than this makes Adam's steps jump.
_LEAST_BETA2 = 0.9


def rescaled(optim: OptimTable, processes: int = 1) -> OptimTable:
    """Take a recipe's numbers from the batch that they are meant for to the batch that it has.

    With k times the samples a step, Adam's rate grows by the square root of k, averages forget k
    steps' worth at once, and counts of steps shrink k times, though they do not grow where k is
    below 1, for a short run would never be warm: the square-root scaling rule of Malladi et al.
    2022, "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms". Without
    `reference_samples` all stay as they are.

    Args:
        optim: the recipe's.
        processes: how many there are, each with the recipe's photos.
    """
    if not optim.reference_samples:
        return optim
    k = processes * optim.photos * optim.views / optim.reference_samples
    return replace(
        optim,
        lr=optim.lr * k**0.5,
        ema=optim.ema**k,
        beta2=max(min(_LEAST_BETA2, optim.beta2), optim.beta2**k),
        warmup=min(optim.warmup, ceil(optim.warmup / k)),
        frozen_steps=min(optim.frozen_steps, ceil(optim.frozen_steps / k)),
    )


def rate_factor(optim: OptimTable, step: int, done: float) -> float:
    """Factor on the peak rate: linear warm-up, a plateau, cosine decay to zero at the end.

    Args:
        optim: the recipe's.
        step: steps of the run before this one.
        done: share of the run that is behind it, 0..1.
    """
    if step < optim.warmup:
        return (step + 1) / optim.warmup
    if done <= optim.decay_from:
        return 1.0
    return 0.5 * (1 + cos(pi * min(1.0, (done - optim.decay_from) / (1 - optim.decay_from))))


class Plan:
    """The course of a run from where it stands.

    A run that is planned in steps ends after `optim.steps` of them, and a resume goes on as if it
    had never stopped. One that is planned by the clock ends after its minutes, with the rate at
    zero, however many steps they were enough for; each resume plans its own minutes anew.
    """

    def __init__(
        self,
        optim: OptimTable,
        first_step: int,
        minutes: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin now.

        Args:
            optim: the recipe's, `rescaled`.
            first_step: steps that earlier runs took.
            minutes: to plan by the clock; None to plan in steps.
            clock: gives seconds.
        """
        self._optim = optim
        self._first_step = first_step
        self._seconds = None if minutes is None else minutes * 60
        self._clock = clock
        self._started = clock()
        self._warm_from = self._started

    def leave_out(self, seconds: float) -> None:
        """Let time that was not spent on training not count."""
        self._started += seconds
        self._warm_from += seconds

    def done(self, step: int) -> float:
        """Tell the share of the run that is behind, 0..1, after `step` steps in all."""
        if self._seconds is None:
            return min(1.0, step / self._optim.steps)
        return min(1.0, (self._clock() - self._started) / self._seconds)

    def left(self, step: int, pace: float) -> float:
        """Tell about how many seconds of training are left at `pace` seconds a step."""
        if self._seconds is None:
            return max(0, self._optim.steps - step) * pace
        return max(0.0, self._seconds - (self._clock() - self._started))

    def rate(self, step: int) -> float:
        """Give the factor on the peak rate for the step after `step` steps in all."""
        if self._seconds is None:
            return rate_factor(self._optim, step, self.done(step))
        own = step - self._first_step
        if own <= 1:  # the first step may take minutes, where the network is compiled
            self._warm_from = self._clock()
        # The plateau and the decay share what that leaves, so that neither is spent on it.
        since = self._clock() - self._warm_from
        left = self._seconds - (self._warm_from - self._started)
        done = since / left if left > 0 else 1.0
        # A run of few minutes is warm after some of them, however few its steps are.
        warm = since / (_LATEST_WARM * self._seconds)
        return min(1.0, max(warm, (own + 1) / max(1, self._optim.warmup))) * rate_factor(
            self._optim, self._optim.warmup, done
        )
