"""What of a run's figures says that it goes wrong: colour that collapses, a network that is blind.

Each doubt is told when it arises, and again only after it was gone in between.
"""

from collections.abc import Callable, Mapping
from typing import Any

# Of the truth's colourfulness; below it samples look grey beside photographs.
LEAST_COLOURFULNESS = 0.5
# Of the loss of whoever gives every photo the mean: a network that has begun to look at the
# photos is far below, and chance moves the ratio little, for both losses are of the same rows.
LEAST_GAIN = 0.97


class Doubts:
    """Tells of doubts as they arise."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._told: set[str] = set()

    def of_loss(self, figures: Mapping[str, Any]) -> None:
        """Look at the losses of the noisiest third that has any, beside those of the mean.

        Args:
            figures: of an objective; one that gives no `loss_of_mean_by_third` is not doubted.
        """
        pairs = zip(
            figures.get("loss_by_third", ()), figures.get("loss_of_mean_by_third", ()), strict=False
        )
        known = [(loss, mean) for loss, mean in pairs if loss is not None and mean]
        if not known:
            return
        loss, mean = known[-1]
        self._settle(
            "mean",
            loss >= LEAST_GAIN * mean,
            f"the loss of the noisiest inputs, {loss:.4f}, is no lower than that of predicting the "
            f"mean whatever the photo is, {mean:.4f}: the network does not look at the photos. "
            "If it stays so, try another optim.lr, and look at data.grid, diffusion.ab_scale and "
            "whether the photos are in colour",
        )

    def of_samples(self, figures: Mapping[str, Any]) -> None:
        """Look at how colourful samples are beside the truth."""
        drawn, truth = figures["colourfulness"], figures["colourfulness_of_truth"]
        self._settle(
            "collapse",
            drawn < LEAST_COLOURFULNESS * truth,
            f"colour collapses: samples have a colourfulness of {drawn:.1f}, photos {truth:.1f}. "
            "If it stays so, see that the schedule ends in noise (diffusion.schedule=cosine), that "
            "ab / diffusion.ab_scale has a deviation of about 0.5, and train for longer",
        )

    def _settle(self, doubt: str, is_so: bool, text: str) -> None:
        if is_so and doubt not in self._told:
            self._warn(f"warning: {text}.")
        (self._told.add if is_so else self._told.discard)(doubt)
