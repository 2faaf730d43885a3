"""Which kind is it? Bayes' rule on log p(x | kind's support set), and how sure to be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..distributions import Sides
from ..models.base import Model
from ..precision import Precision
from .classification import Directions, classify_by_likelihood, padded
from .likelihood import evaluating

__all__ = ["fit_temperature", "held_out_scores", "leave_one_out", "log_posterior", "posterior"]

SURENESS = (1e-4, 1.0)
HALVINGS = 60
ENCODED = 1024  # support images at once


def posterior(nats: Tensor, prior: Tensor | None = None, temperature: float = 1.0) -> Tensor:
    r"""Probabilities of kinds, `(..., N)`.

    .. math:: p(c \mid x) \propto \pi_c \, p(x \mid s_c)^{1/T}

    T = 1 is Bayes' rule. A network is overconfident in its likelihoods: the errors of
    thousands of pixels add up. A T above 1 takes this back, and never changes which kind is
    likeliest under equal priors.

    Arguments:
        nats: :math:`\log p(x \mid s_c)`, `(..., N)`.
        prior: Weights :math:`\pi_c` of any sum, `(N,)`; equal by default.
        temperature: T.

    Raises:
        ValueError: If a weight is negative or none is positive, or T is not positive.

    Example:
        >>> nats = torch.tensor([0.0, 0.0]).add(torch.tensor([0.75, 0.25]).log())
        >>> posterior(nats), posterior(nats, prior=torch.tensor([1.0, 3.0]))
        (tensor([0.7500, 0.2500]), tensor([0.5000, 0.5000]))
    """
    return _joint(nats, prior, temperature).softmax(dim=-1)


def log_posterior(nats: Tensor, prior: Tensor | None = None, temperature: float = 1.0) -> Tensor:
    """Logarithms of `posterior`, exact where that is too small to be told from zero.

    Raises:
        ValueError: As in `posterior`.

    Example:
        >>> log_posterior(torch.tensor([0.0, -1000.0]))
        tensor([    0., -1000.])
    """
    return _joint(nats, prior, temperature).log_softmax(dim=-1)


def _joint(nats: Tensor, prior: Tensor | None, temperature: float) -> Tensor:
    """The logarithm of the product of prior and likelihood, up to a constant."""
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    if prior is None:
        return nats / temperature
    if (prior < 0).any() or not prior.sum() > 0 or not prior.isfinite().all():
        raise ValueError(f"prior must be weights of which none is negative, got {prior.tolist()}")
    return prior.to(nats).log() + nats / temperature


def leave_one_out(model: Model, support: Tensor, precision: Precision = "float32") -> Tensor:
    r"""Nats of each image of a set given the others, :math:`\log p(s_k \mid s_{-k})`, `(K,)`.

    One image alone is scored given none.

    Arguments:
        model: Conditioned on a support set.
        support: Integer images `(K, C, H, W)`.
        precision: Of the network, see `nats_by_shots`.

    Raises:
        ValueError: If there is no image, or the model takes no support set.
    """
    if not len(support):
        raise ValueError("support must hold an image at least to leave one out, got none")
    parts, batch = [], max(1, ENCODED // max(1, len(support) - 1))
    with evaluating(model, precision):
        for some in torch.arange(len(support)).split(batch):
            others = [torch.cat([support[:k], support[k + 1 :]]) for k in some.tolist()]
            parts.append(model(torch.stack(others)).log_prob(support[some]))
        return torch.cat(parts)


def held_out_scores(
    model: Model,
    sets: Sequence[Tensor],
    directions: Directions = "forward",
    sides: Sides = 1,
) -> tuple[Tensor, Tensor]:
    r"""Nats `(M, N)` of all images of N sets under each set, and the set `(M,)` of each.

    Under its own set an image is scored given the others, so that no image is ever told of
    itself. Sets of one image have no others: they stand as columns only, and not among the rows.

    Arguments:
        model: Conditioned on a support set.
        sets: Integer images `(K, C, H, W)` of each kind; K may differ.
        directions, sides: See `classify_by_likelihood`.

    Raises:
        ValueError: If no set has two images.
    """
    owner = torch.tensor([n for n, s in enumerate(sets) if len(s) > 1 for _ in s])
    if not len(owner):
        raise ValueError("sets: to hold an image out, a kind needs two of them; no kind has")
    images = torch.cat([s for s in sets if len(s) > 1])
    supports, mask = padded(sets)
    nats = classify_by_likelihood(model, supports, images, directions, mask=mask, sides=sides)
    own = [
        classify_by_likelihood(
            model, torch.cat([s[:k], s[k + 1 :]])[None], s[k : k + 1], directions, sides=sides
        )
        for s in sets
        if len(s) > 1
        for k in range(len(s))
    ]
    return nats.scatter(1, owner[:, None].to(nats.device), torch.cat(own)), owner


def fit_temperature(nats: Tensor, owner: Tensor, prior: Tensor | None = None) -> float:
    r"""The temperature at least 1 under which the right kinds have the highest mean log-posterior.

    .. math:: \max_{T \ge 1} \sum_m \log p_T(c_m \mid x_m)

    The sum is concave in 1 / T, so its slope is halved to zero. Where the images are told apart
    without an error, T is 1: a model is never made more confident than it is.

    Source: Guo et al., *On calibration of modern neural networks*, 2017 (arXiv 1706.04599),
    section 4.2.

    Arguments:
        nats: `(M, N)`, of images that the sets have not seen: `held_out_scores`.
        owner: The right kind of each, `(M,)`.
        prior: As in `posterior`.

    Raises:
        ValueError: If there is no image.

    Example:
        >>> nats = torch.tensor([[8.0, 0.0], [8.0, 0.0], [8.0, 0.0], [8.0, 0.0]])
        >>> t = fit_temperature(nats, torch.tensor([0, 0, 0, 1]))       # right in 3 of 4
        >>> posterior(nats[0], temperature=t)
        tensor([0.7500, 0.2500])
    """
    if not len(nats):
        raise ValueError("nats must hold a row at least to fit a temperature, got none")
    nats = nats.double()
    right = nats.gather(1, owner[:, None].to(nats.device))[:, 0]

    def slope(sureness: float) -> float:
        expected = (posterior(nats, prior, 1 / sureness) * nats).sum(dim=1)
        return float((right - expected).mean())

    low, high = SURENESS
    if slope(high) >= 0:
        return 1 / high
    if slope(low) <= 0:
        return 1 / low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return 1 / low
