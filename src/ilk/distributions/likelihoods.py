"""Likelihoods of one pixel, given the parameters that a network made for it.

A pixel has `channels` values in `0..levels-1`; its channels come one after the other. All are
computed in float32 at least, whatever the precision of the network: in bfloat16 a probability
mass function sums to 1.008.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["UNIT", "Bernoulli", "Categorical", "Likelihood", "Logistics", "likelihood"]

# The sum of a coder's masses.
UNIT = 1 << 24


class Likelihood(ABC):
    """A family of distributions over the values of one pixel.

    Arguments:
        channels: Values a pixel.
        levels: Values are integers `0..levels-1`.
    """

    def __init__(self, channels: int, levels: int) -> None:
        if levels < 2:
            raise ValueError(f"levels must be at least 2, got {levels}")
        self.channels, self.levels = channels, levels

    def __repr__(self) -> str:
        return f"{type(self).__name__}(channels={self.channels}, levels={self.levels})"

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Number of parameters P that a pixel takes."""

    @property
    def values(self) -> range | None:
        """Which parameters are values of a pixel in [-1, 1], channel by channel, if any are."""
        return None

    @abstractmethod
    def log_pmf(self, parameters: Tensor, before: Tensor) -> Tensor:
        """Log-probabilities `(..., levels)`, in nats, of the next channel of a pixel.

        Arguments:
            parameters: Of the pixel, `(..., P)`.
            before: Values of its channels so far, `(..., c)` with c below `channels`.
        """

    @abstractmethod
    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Log-probabilities, in nats, of all values of images.

        Arguments:
            parameters: `(N, P, H, W)`.
            x: Integers `(N, C, H, W)`; the result has their shape.
        """

    def gradient(self, parameters: Tensor, x: Tensor) -> Tensor:
        r"""The gradient :math:`\nabla_\phi \log p(x; \phi)`, shaped as the parameters.

        Arguments:
            parameters, x: As in `log_prob`.

        Example:
            >>> Bernoulli(1).gradient(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).item()
            0.5
        """
        return torch.func.grad(lambda phi: self.log_prob(phi, x).sum())(parameters)

    def masses(self, parameters: Tensor, before: Tensor) -> Tensor:
        r"""Whole numbers `(..., levels)` for a coder: the next channel's probabilities.

        .. math:: f_k = 1 + \lfloor p_k (2^{24} - L) \rfloor

        with L the levels; what is left of :math:`2^{24}` goes to the likeliest value. No value is
        impossible, and one of probability p costs :math:`24 - \log_2 f` bits, at most
        :math:`-\log_2 (1 - L / 2^{24})` more than :math:`-\log_2 p`.

        Arguments:
            parameters, before: As in `log_pmf`.

        Raises:
            FloatingPointError: If the parameters are not finite.

        Example:
            >>> Bernoulli(1).masses(torch.tensor([-100.0]), torch.zeros(0))
            tensor([16777215,        1])
        """
        p = self.log_pmf(parameters, before).double().exp()
        if not p.isfinite().all():
            raise FloatingPointError(
                "parameters: the network gave probabilities that are no numbers"
            )
        masses = 1 + (p * (UNIT - self.levels)).long()
        rest = UNIT - masses.sum(dim=-1, keepdim=True)
        return masses.scatter_add(-1, p.argmax(dim=-1, keepdim=True), rest)

    def sample(self, parameters: Tensor, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        r"""Values of a pixel by inversion: channel by channel, the least x with F(x) > u.

        Arguments:
            parameters: `(N, P)`.
            uniform: Uniform numbers in [0, 1), `(N, C)`.
            temperature: T draws from :math:`p^{1/T}`, normalised; 0 takes the mode.
        """
        x = uniform.new_empty((len(uniform), 0), dtype=torch.long)
        for c in range(self.channels):
            log_p = self.log_pmf(parameters, x)
            x = torch.cat([x, _invert(log_p, uniform[:, c, None], temperature)], dim=1)
        return x


def _float(t: Tensor) -> Tensor:
    return t if t.dtype == torch.float64 else t.float()


def _log_sigmoid(x: Tensor) -> Tensor:
    # A graph of ONNX would have log(sigmoid(x)), which is minus infinity from -100 on.
    return -F.softplus(-x) if torch.compiler.is_exporting() else F.logsigmoid(x)


def _invert(log_p: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    if temperature == 0:
        return log_p.argmax(dim=-1, keepdim=True)
    if temperature != 1:
        log_p = ((log_p - log_p.amax(dim=-1, keepdim=True)) / temperature).log_softmax(dim=-1)
    # Rounded sums of masses end a little off 1: what lies beyond must not go to the last value.
    cumulative = log_p.exp().cumsum(dim=-1)
    below = cumulative[..., :-1] <= uniform * cumulative[..., -1:]
    return below.sum(dim=-1, keepdim=True)


class Bernoulli(Likelihood):
    r"""Two levels, :math:`p(1) = \sigma(l)`; the channels of a pixel are independent.

    Example:
        >>> Bernoulli(1).log_pmf(torch.zeros(1), torch.zeros(0)).exp()
        tensor([0.5000, 0.5000])
    """

    def __init__(self, channels: int, levels: int = 2) -> None:
        if levels != 2:
            raise ValueError(f"levels must be 2 for a Bernoulli likelihood, got {levels}")
        super().__init__(channels, levels)

    @property
    def parameters(self) -> int:
        return self.channels

    def log_pmf(self, parameters: Tensor, before: Tensor) -> Tensor:
        logit = _float(parameters[..., before.shape[-1], None])
        return F.logsigmoid(torch.cat([-logit, logit], dim=-1))

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        logit = _float(parameters)
        if torch.compiler.is_exporting():
            return _log_sigmoid((2 * x.to(logit) - 1) * logit)
        return -F.binary_cross_entropy_with_logits(logit, x.to(logit), reduction="none")

    def gradient(self, parameters: Tensor, x: Tensor) -> Tensor:
        logit = _float(parameters)
        return x.to(logit) - logit.sigmoid()

    def sample(self, parameters: Tensor, uniform: Tensor, temperature: float = 1.0) -> Tensor:
        # F(0) = 1 - p(1) in closed form: the same inversion at a fraction of the cost.
        logit = _float(parameters)
        if temperature == 0:
            return (logit > 0).long()
        return (torch.sigmoid(logit * (-1 / temperature)) <= uniform).long()


class Categorical(Likelihood):
    r"""Any probabilities over `levels`, :math:`p(x_c = k) = \mathrm{softmax}_k(l_c)`.

    The channels of a pixel are independent given the earlier pixels; `Logistics` couples them.

    Example:
        >>> Categorical(1, 4).log_pmf(torch.zeros(4), torch.zeros(0)).exp()
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    @property
    def parameters(self) -> int:
        return self.channels * self.levels

    def log_pmf(self, parameters: Tensor, before: Tensor) -> Tensor:
        logits = _float(parameters).unflatten(-1, (self.channels, self.levels))
        return logits[..., before.shape[-1], :].log_softmax(dim=-1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        logits = _float(parameters).unflatten(1, (self.channels, self.levels))
        return logits.log_softmax(dim=2).gather(2, x.long()[:, :, None])[:, :, 0]

    def gradient(self, parameters: Tensor, x: Tensor) -> Tensor:
        logits = _float(parameters).unflatten(1, (self.channels, self.levels))
        values = torch.arange(self.levels, device=x.device)[:, None, None]
        return ((x[:, :, None] == values).to(logits) - logits.softmax(dim=2)).flatten(1, 2)


class Logistics(Likelihood):
    r"""A mixture of logistics, discretised, its means coupled linearly over channels.

    .. math::
        p(x) &= \sum_m \pi_m \prod_c \left[ \sigma\!\left(\frac{x_c + \frac12 - \mu_{mc}}{s_{mc}}
        \right) - \sigma\!\left(\frac{x_c - \frac12 - \mu_{mc}}{s_{mc}}\right) \right] \\
        \mu_{mc} &= m_{mc} + \sum_{d < c} \alpha_{mcd} \, x_d

    with the lowest and the highest value reaching to minus and plus infinity, and values scaled to
    [-1, 1]. All channels of a pixel share a component, so what came before weighs the components:
    a value is scored under :math:`p(x_c \mid x_{<c})` itself.

    Source: Salimans et al., *PixelCNN++*, 2017 (arXiv 1701.05517), equations 1 to 3.

    Arguments:
        mixtures: Number of components.

    Example:
        >>> Logistics(3, 256).log_pmf(torch.zeros(100), torch.zeros(2)).exp().sum()
        tensor(1.0000)
    """

    def __init__(self, channels: int, levels: int = 256, mixtures: int = 10) -> None:
        super().__init__(channels, levels)
        self.mixtures = mixtures

    @property
    def parameters(self) -> int:
        return self.mixtures * (1 + 2 * self.channels + self.channels * (self.channels - 1) // 2)

    @property
    def values(self) -> range:
        return range(self.mixtures, self.mixtures * (1 + self.channels))

    def _split(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-weights `(..., M)`, means and log-scales `(..., C, M)`, couplings `(..., CC, M)`."""
        c = self.channels
        groups = _float(parameters).unflatten(-1, (-1, self.mixtures))
        weight, mean, scale, coupling = groups.split([1, c, c, c * (c - 1) // 2], dim=-2)
        # A component may be as narrow as to hold one value of 256, or of more.
        narrow = -7.0 - max(0.0, math.log(self.levels / 256))
        return weight[..., 0, :].log_softmax(-1), mean, scale.clamp(narrow, 7.0), coupling.tanh()

    def _components(self, split: tuple[Tensor, ...], c: int, before: Tensor, x: Tensor) -> Tensor:
        """Log-probabilities `(..., M)` of values `(...)` of channel c under each component."""
        _, mean, log_scale, coupling = split
        at = c * (c - 1) // 2
        mu = mean[..., c, :]
        for d in range(c):
            mu = mu + coupling[..., at + d, :] * self._scale(before[..., d, None])
        half = 1 / (self.levels - 1)
        inverse = torch.exp(-log_scale[..., c, :])
        centre = self._scale(x)[..., None] - mu
        below = _log_sigmoid((centre + half) * inverse)
        above = _log_sigmoid(-((centre - half) * inverse))
        last, first = (x == self.levels - 1)[..., None], (x == 0)[..., None]
        # log(s(u) - s(l)) = log s(u) + log s(-l) + log(1 - e^(l - u)): stable in both tails.
        inside = below + above + torch.log(-torch.expm1(-2 * half * inverse))
        edge = torch.where(first, below, above)
        return torch.where(first | last, edge, inside)

    def _scale(self, x: Tensor) -> Tensor:
        return x * (2 / (self.levels - 1)) - 1

    def log_pmf(self, parameters: Tensor, before: Tensor) -> Tensor:
        split = self._split(parameters)
        weight, c = split[0], before.shape[-1]
        before = before.to(weight)
        for d in range(c):
            weight = weight + self._components(split, d, before, before[..., d])
        weight = weight.log_softmax(-1)
        values = torch.arange(self.levels, device=weight.device).to(weight)
        wide = tuple(t.unsqueeze(-3 if t is not split[0] else -2) for t in split)
        each = self._components(wide, c, before[..., None, :], values)
        return torch.logsumexp(weight[..., None, :] + each, dim=-1)

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        split = self._split(parameters.movedim(1, -1))
        weight = split[0]
        x = x.movedim(1, -1).to(weight)
        result = []
        for c in range(self.channels):
            joint = weight + self._components(split, c, x, x[..., c])
            result.append(torch.logsumexp(joint, -1) - torch.logsumexp(weight, -1))
            weight = joint
        return torch.stack(result, dim=1)


_FAMILIES = {"bernoulli": Bernoulli, "categorical": Categorical, "logistics": Logistics}


def likelihood(name: str, channels: int, levels: int) -> Likelihood:
    """The likelihood of a name: `bernoulli`, `categorical` or `logistics`.

    Raises:
        ValueError: If there is none of that name, or it does not fit the levels.

    Example:
        >>> likelihood("categorical", 3, 8)
        Categorical(channels=3, levels=8)
    """
    if name not in _FAMILIES:
        raise ValueError(f"likelihood must be one of {sorted(_FAMILIES)}, got {name!r}")
    return _FAMILIES[name](channels, levels)
