r"""Guidance: what the examples tell is weighed more than the model itself weighs it.

.. math::
    p_w(x_t \mid x_{<t}, s) \propto p(x_t \mid x_{<t}, s)
    \left( \frac{p(x_t \mid x_{<t}, s)}{p(x_t \mid x_{<t})} \right)^w

Every value is drawn from a normalised product of two conditionals, so that the whole is an exact
distribution again: it can be scored, completed and coded as any other. Two walks in step, with and
without the support set, are one walk through the network with twice as many images.

Source: Ho and Salimans, *Classifier-free diffusion guidance*, 2022 (arXiv 2207.12598), equation 6,
for each value given those before it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..nn.pixelnet import Conditional, Context
from .likelihoods import Likelihood

__all__ = ["Guided", "SideBySide"]

_AT_ONCE = 1 << 20  # probabilities in memory


class SideBySide(Conditional):
    """A network's parameters under two conditions: `(N, 2 P, H, W)` for N images.

    Arguments:
        net: The network; its context holds 2 B conditions, all first ones before all second ones.
    """

    def __init__(self, net: Conditional) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, context: Context) -> Tensor:
        return _beside(self.net(_twice(x), context))

    def start(self, batch: int, size: tuple[int, int], context: Context) -> Any:
        return self.net.start(2 * batch, size, context)

    def step(self, x: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        parameters, state = self.net.step(None if x is None else _twice(x), state)
        return _beside(parameters), state


def _twice(x: Tensor) -> Tensor:
    return torch.cat([x, x])


def _beside(parameters: Tensor) -> Tensor:
    return torch.cat(parameters.chunk(2), dim=1)


class Guided(Likelihood):
    r"""The likelihood :math:`p_1^{1 + w} / p_0^w` of one pixel, normalised channel by channel.

    Arguments:
        base: Of both factors. The parameters of p1 come before those of p0.
        weight: w.

    Example:
        >>> from ilk.distributions.likelihoods import Bernoulli
        >>> parameters = torch.tensor([1.0, -1.0])
        >>> Guided(Bernoulli(1), 0.5).log_pmf(parameters, torch.zeros(0)).exp()
        tensor([0.1192, 0.8808])
    """

    def __init__(self, base: Likelihood, weight: float) -> None:
        super().__init__(base.channels, base.levels)
        self.base, self.weight = base, weight

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base}, {self.weight:g})"

    @property
    def parameters(self) -> int:
        return 2 * self.base.parameters

    def apart(self, parameters: Tensor, dim: int = 1) -> tuple[Tensor, Tensor]:
        """The parameters with the support set, and those without it."""
        given, free = parameters.chunk(2, dim=dim)
        return given, free

    def log_pmf(self, parameters: Tensor, before: Tensor) -> Tensor:
        given, free = (self.base.log_pmf(half, before) for half in self.apart(parameters, -1))
        return (given + self.weight * (given - free)).log_softmax(dim=-1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        each = x.shape[-2] * x.shape[-1] * self.levels
        parts = (t.split(max(1, _AT_ONCE // each)) for t in (parameters, x.long()))
        return torch.cat([self._log_prob(*part) for part in zip(*parts, strict=True)])

    def _log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        parameters, x = parameters.movedim(1, -1), x.movedim(1, -1)
        each = [
            self.log_pmf(parameters, x[..., :c]).gather(-1, x[..., c, None])[..., 0]
            for c in range(self.channels)
        ]
        return torch.stack(each, dim=1)
