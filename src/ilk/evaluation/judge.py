r"""A judge of samples: which kind a drawing is of, by a network that has never seen the kinds.

A prototypical network embeds images so that a drawing is nearest to the mean embedding of others
of its kind,

.. math:: p(k \mid x) \propto \exp(-\lVert f(x) - c_k \rVert^2), \qquad
    c_k = \frac1{|S_k|} \sum_{s \in S_k} f(s).

It is trained on other kinds than those it judges, and shares nothing with the model whose samples
it judges.

Source: Snell, Swersky and Zemel, *Prototypical networks for few-shot learning*, 2017
(arXiv 1703.05175), equations 1 and 2 and section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.kinds import Kinds

__all__ = ["Judge", "train_judge"]

WAYS, SHOTS, QUERIES = 20, 5, 5
STEPS = 1000


class Judge(nn.Module):
    """Embeds images `(N, C, H, W)` in `0..levels-1`: `(N, features)`.

    Arguments:
        channels: Of an image.
        levels: Values of a pixel.
        width: Channels of each of the four layers of convolution.

    Example:
        >>> Judge(1, 2, width=8)(torch.zeros(3, 1, 26, 26, dtype=torch.uint8)).shape
        torch.Size([3, 32])
    """

    def __init__(self, channels: int, levels: int, width: int = 64) -> None:
        super().__init__()
        self.levels = levels
        sizes = zip((channels, width, width, width), (width,) * 4, strict=True)
        self.layers = nn.Sequential(*(_layer(*size) for size in sizes), nn.AdaptiveAvgPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        weight = next(self.parameters())
        x = (x.to(weight) * (2 / (self.levels - 1)) - 1).to(memory_format=torch.channels_last)
        return self.layers(x).flatten(1)

    def embed(self, x: Tensor) -> Tensor:
        """As a call, many images some at a time and without gradients."""
        with torch.inference_mode():
            return torch.cat([self(part) for part in x.split(256)])


def _layer(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
    )


def train_judge(
    kinds: Kinds,
    steps: int = STEPS,
    *,
    lr: float = 2e-3,
    width: int = 64,
    seed: int = 0,
    on_step: Callable[[int, float], None] = lambda step, right: None,
) -> Judge:
    """A judge trained to tell kinds apart, 20 at a time by 5 images of each.

    Arguments:
        kinds: What it learns from, not those that it will judge.
        steps: Of 20 kinds each, 5 images for the mean and 5 to tell.
        lr: Learning rate of Adam at first; it falls to zero along a cosine.
        width: See `Judge`.
        seed: Of weights and tasks.
        on_step: Called after each step with its number and the share of right answers.

    Raises:
        ValueError: If there are too few kinds or images of a kind.
    """
    each = SHOTS + QUERIES
    usable = np.flatnonzero(kinds.counts >= each)
    if len(usable) < 2:
        raise ValueError(f"kinds: wanted 2 of {each} images at least, {kinds.name!r} has fewer")
    ways = min(WAYS, len(usable))
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = Judge(kinds.shape[0], kinds.levels, width).train()
    optimizer = torch.optim.Adam(judge.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    answer = torch.arange(ways).repeat_interleave(QUERIES)
    for step in range(1, steps + 1):
        chosen = rng.choice(usable, ways, replace=False)
        at = [kinds.starts[k] + rng.choice(kinds.counts[k], each, replace=False) for k in chosen]
        features = judge(kinds.images[np.stack(at).reshape(-1)]).unflatten(0, (ways, each))
        prototypes, queries = features[:, :SHOTS].mean(dim=1), features[:, SHOTS:].flatten(0, 1)
        logits = -torch.cdist(queries, prototypes).square()
        loss = F.cross_entropy(logits, answer)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        on_step(step, float((logits.argmax(dim=1) == answer).float().mean()))
    return judge.eval().requires_grad_(False)
