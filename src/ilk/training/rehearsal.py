"""Rehearsal without data: a model's own samples stand in for what it was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

from ilk.data.episodes import Batch
from ilk.distributions import Autoregressive
from ilk.distributions.autoregressive import device_of
from ilk.models import Model

__all__ = ["divergence", "own_episodes", "some"]


def own_episodes(
    model: Model, episodes: int, queries: int, generator: torch.Generator | None = None
) -> Batch:
    r"""Episodes sampled from a model itself: kinds as it imagines them.

    .. math:: s_1 \sim p(\cdot), \qquad s_2, \ldots, s_k \sim p(\cdot \mid s_1), \qquad
        x \sim p(\cdot \mid s_1, \ldots, s_k)

    with k uniform in `0..shots`. A query is an exact draw given its very support set, as
    `divergence` wants it.

    Arguments:
        model: Unconditional, or conditioned on a support set.
        episodes: How many.
        queries: Images drawn from each.
        generator: Source of randomness.

    Raises:
        ValueError: If the model takes labels.

    Example:
        >>> import ilk
        >>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
        >>> own_episodes(model, episodes=5, queries=2).queries.shape
        torch.Size([2, 5, 1, 4, 4])
    """
    if model.conditioning == "label":
        raise ValueError("model: takes labels; wanted one that takes a support set or nothing")
    few_shot = model.conditioning == "support" and model.shots > 0
    shots = model.shots if few_shot else 0
    where = device_of(generator)
    count = torch.randint(shots + 1, (episodes,), generator=generator, device=where).cpu()
    mask = torch.arange(shots) < count[:, None]
    if few_shot:
        first = model().sample((episodes,), generator)[:, None]
        others = model(first).sample((shots - 1,), generator).movedim(0, 1)
        support = torch.cat([first, others], dim=1).cpu() * mask[:, :, None, None, None]
        x = model(support, mask).sample((queries,), generator)
    else:
        x = model().sample((queries, episodes), generator)
        support = x.new_zeros(episodes, 0, *model.shape)
    return Batch(support.cpu(), mask, x.cpu(), torch.arange(episodes))


def divergence(old: Autoregressive, new: Autoregressive, x: Tensor) -> Tensor:
    r"""How far a distribution has moved, in nats/dim, on images that the old one drew.

    .. math:: \frac{1}{D} \sum_t \mathrm{KL}\big(p_\text{old}(x_t \mid x_{<t}) \,\|\,
        p_\text{new}(x_t \mid x_{<t})\big)

    The divergence of every pixel is computed, not sampled. Over images drawn from the old
    distribution, the mean is the Kullback-Leibler divergence of the two: the chain rule.

    Arguments:
        old, new: Distributions of one shape and likelihood.
        x: Images `(*sample, *batch, C, H, W)`.

    Returns:
        The mean over the images, a scalar.

    Example:
        >>> import ilk
        >>> p = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)()
        >>> divergence(p, p, p.sample((3,))).item()
        0.0
    """
    was, now = (p.parameters(x).movedim(-3, -1) for p in (old, new))
    values = x.movedim(-3, -1)
    each = []
    for c in range(values.shape[-1]):
        log_p, log_q = (old.likelihood.log_pmf(t, values[..., :c]) for t in (was, now))
        each.append((log_p.exp() * (log_p - log_q)).sum(dim=-1))
    return torch.stack(each).mean()


def some(batch: Batch, chosen: Tensor | slice) -> Batch:
    """Some of the episodes of a batch."""
    return Batch(
        batch.support[chosen], batch.mask[chosen], batch.queries[:, chosen], batch.kind[chosen]
    )
