"""The losses of "Learning Diverse Image Colorization" (Deshpande et al. 2017, section 3).

Fields are (B, 2, 64, 64) in units of 128 Lab units, -1..1, unless said otherwise.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.ab_bins import AB_BINS, CELL, LIMIT, nearest_table

AB_SCALE = 128.0  # Lab units a unit
_COMPONENTS = 20  # principal components of ab fields
_UNIFORM = 0.5  # share of a uniform distribution in the histogram that weighs colours
_BINS = len(AB_BINS)


class AbStatistics(nn.Module):
    """What `colorize prepare` measured of the photographs; all zero until it is filled in.

    Attributes:
        histogram: (313,) share of each colour.
        components: (20, 2, 64, 64) orthonormal; zero where there are fewer.
        variances: (20,) of the fields along each, in squared Lab units; zero likewise.
    """

    histogram: Tensor
    components: Tensor
    variances: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("histogram", torch.zeros(_BINS))
        self.register_buffer("components", torch.zeros(_COMPONENTS, 2, 64, 64))
        self.register_buffer("variances", torch.zeros(_COMPONENTS))
        self.register_buffer("nearest", torch.from_numpy(nearest_table()), persistent=False)

    def rarity(self, ab: Tensor) -> Tensor:
        """Weigh each cell by how rare its colour is: (B, 64, 64), 1 on average over the data.

        The histogram is smoothed with a uniform one, as by Zhang et al. (2016, section 2.2), so
        that a colour that was never seen weighs no more than a few hundred times the usual.
        """
        smooth = (1 - _UNIFORM) * self.histogram + _UNIFORM / _BINS
        weight = 1 / smooth
        weight = weight / (weight * self.histogram).sum().clamp(min=1e-9)
        cell = (AB_SCALE * ab).clamp(-LIMIT, LIMIT).div(CELL).round().long() + LIMIT // CELL
        nearest: Tensor = self.nearest  # type: ignore[assignment]
        return weight[nearest[cell[:, 0], cell[:, 1]]]


def histogram_loss(ab: Tensor, wanted: Tensor, statistics: AbStatistics) -> Tensor:
    """Give L_hist of each field, (B,): the norm of the error, rare colours weighed up."""
    error = (ab - wanted).square().sum(dim=1)
    return _root((statistics.rarity(wanted) * error).sum(dim=(1, 2)))


def mahalanobis_loss(ab: Tensor, wanted: Tensor, statistics: AbStatistics) -> Tensor:
    """Give L_mah of each field, (B,): the error along the principal components by their variance.

    What lies in none of them counts by the variance of the last.
    """
    error = (AB_SCALE * (ab - wanted)).flatten(1)
    along = error @ statistics.components.flatten(1).T
    known = statistics.variances > 0
    variances = torch.where(known, statistics.variances, torch.ones_like(statistics.variances))
    within = (along.square() / variances * known).sum(dim=1)
    rest = error.square().sum(dim=1) - (along.square() * known).sum(dim=1)
    least = variances[known].min() if bool(known.any()) else torch.ones_like(rest[0])
    return within + rest.clamp(min=0) / least


def gradient_loss(ab: Tensor, wanted: Tensor) -> Tensor:
    """Give L_grad of each field, (B,): the norm of the error of its gradients."""
    error = ab - wanted
    down, across = error.diff(dim=2), error.diff(dim=3)
    return _root(down.square().sum(dim=(1, 2, 3)) + across.square().sum(dim=(1, 2, 3)))


def draw_codes(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw a code of each distribution, (B, latent), none beyond two deviations."""
    return mean + nn.init.trunc_normal_(torch.empty_like(mean)) * torch.exp(log_variance / 2)


def kl_loss(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Give the divergence from the standard normal distribution of each code, (B,)."""
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1) / 2


def mixture_loss(z: Tensor, means: Tensor, logits: Tensor, variance: float) -> Tensor:
    """Give the loss of the nearest component for codes z (B, latent), (B,) (ibid., equation 7).

    Args:
        z: codes of the truth.
        means: (B, components, latent).
        logits: of the components' weights, (B, components).
        variance: of each component, the same for all.
    """
    far = (z[:, None] - means).square().sum(dim=2) / (2 * variance)
    nearest = far.argmin(dim=1, keepdim=True)
    log_weight = F.log_softmax(logits, dim=1)
    return (far - log_weight).gather(1, nearest)[:, 0]


def _root(x: Tensor) -> Tensor:
    return (x + 1e-12).sqrt()  # whose gradient is finite at 0
