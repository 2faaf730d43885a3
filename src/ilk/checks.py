"""Checks that any autoregressive distribution must pass, for networks of one's own too."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.dropout import _DropoutNd

from .distributions import Autoregressive
from .distributions.autoregressive import device_of
from .models.base import Model
from .nn.mode import resting

__all__ = ["CausalityReport", "check_causality", "naive_sample"]


@dataclass(frozen=True)
class CausalityReport:
    """What depends on what, over pixels in raster order.

    Attributes:
        dependence: Boolean `(T, T)`: true at `[s, t]` where the parameters of pixel t moved with
            pixel s.
        leaks: Pairs (s, t) with t <= s that depend: a pixel that sees itself or a later one.
        blind: Pairs (s, t) with s < t that do not: an earlier pixel that is never seen.
        crosstalk: Whether an image of a batch moved another one's parameters.
    """

    dependence: Tensor
    leaks: list[tuple[int, int]]
    blind: list[tuple[int, int]]
    crosstalk: bool

    @property
    def ok(self) -> bool:
        """Whether there is no leak, no blind spot and no crosstalk."""
        return not (self.leaks or self.blind or self.crosstalk)

    def __str__(self) -> str:
        count = self.dependence.shape[0]
        return (
            f"{count} pixels: {len(self.leaks)} leaks {self.leaks[:3]}, {len(self.blind)} of "
            f"{count * (count - 1) // 2} earlier pixels unseen {self.blind[:3]}, "
            f"{'crosstalk' if self.crosstalk else 'no crosstalk'} between images"
        )


@torch.no_grad()
def check_causality(
    model: Model | Autoregressive, trials: int = 4, tolerance: float | None = None, seed: int = 0
) -> CausalityReport:
    r"""Finds leaks and blind spots: which pixels move the parameters of which.

    For random images, every pixel in turn is given another value, and every parameter that
    changed is recorded: :math:`D_{st} = [\,\theta_t(x) \ne \theta_t(x')\,]` with x' unlike x at s
    alone. A causal model without a blind spot has :math:`D_{st} = [s < t]`. This asks of the
    network nothing but its forward face, and works where pixels are looked up rather than
    multiplied. It costs one forward pass of H W + 1 images a trial: use small images.

    Arguments:
        model: A model, called without a condition, or a distribution to look at.
        trials: Random images; a dependence must show in one of them.
        tolerance: Changes up to this, relative to the largest parameter, are rounding; by
            default 1e-12 in float64 and 1e-6 below, where weak dependences may drown.
        seed: Of the random images.

    Example:
        >>> import ilk
        >>> report = check_causality(ilk.models.GatedPixelCNN((1, 4, 4), depth=4).double())
        >>> report.ok, report.leaks, report.blind
        (True, [], [])
    """
    p = model if isinstance(model, Autoregressive) else model()
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = p.event_shape
    count = height * width
    dependence, crosstalk = torch.zeros(count, count, dtype=torch.bool), False
    for _ in range(trials):
        x = torch.randint(p.levels, (channels, height, width), generator=generator)
        others = x.expand(count, -1, -1, -1).flatten(2).clone()
        for s in range(count):
            shift = torch.randint(1, p.levels, (channels,), generator=generator)
            others[s, :, s] = (others[s, :, s] + shift) % p.levels
        batch = torch.cat([x[None], others.unflatten(2, (height, width))])
        if p.batch_shape:
            batch = batch[:, None].expand(-1, *p.batch_shape, -1, -1, -1)
        with resting(p.net, _DropoutNd):
            parameters, alone = (_by_pixel(p.parameters(b)) for b in (batch, batch[:1]))
        slack = alone.abs().max() * (_rounding(alone) if tolerance is None else tolerance)
        moved = ((parameters - parameters[:1]).abs() > slack).any(dim=2)
        dependence |= moved[1:]
        crosstalk |= bool(((parameters[:1] - alone).abs() > slack).any())
    steps = torch.arange(count)
    earlier = steps[:, None] < steps[None]
    return CausalityReport(
        dependence, _pairs(dependence & ~earlier), _pairs(earlier & ~dependence), crosstalk
    )


def _by_pixel(parameters: Tensor) -> Tensor:
    """Parameters `(n, *batch, P, H, W)` as `(n, H W, rest)`."""
    return parameters.flatten(-2).movedim(-1, 1).flatten(2).cpu()


def _rounding(t: Tensor) -> float:
    return 1e-12 if t.dtype == torch.float64 else 1e-6


def _pairs(which: Tensor) -> list[tuple[int, int]]:
    return [(int(s), int(t)) for s, t in which.nonzero()]


@torch.no_grad()
def naive_sample(
    p: Autoregressive, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draws `(count, *batch, C, H, W)` by one whole forward pass a pixel: slow, and a reference.

    The same seed gives the same pixels as `p.sample((count,))`.
    """
    channels, height, width = p.event_shape
    device = p.device
    x = torch.zeros(count, *p.batch_shape, channels, height, width, dtype=p.dtype, device=device)
    flat = count * p.batch_shape.numel()
    shape = (flat, height, width, channels)
    dtype = torch.promote_types(torch.get_default_dtype(), torch.float32)
    uniform = torch.rand(shape, generator=generator, device=device_of(generator), dtype=dtype)
    uniform = uniform.to(device)
    for t in range(height * width):
        i, j = divmod(t, width)
        parameters = p.parameters(x)[..., i, j]
        if p.batch_shape:
            parameters = parameters.transpose(0, 1).flatten(0, 1)
        pixel = p.likelihood.sample(parameters, uniform[:, i, j]).to(x.dtype)
        pixel = pixel.unflatten(0, (*p.batch_shape, count)) if p.batch_shape else pixel
        x[..., i, j] = pixel.transpose(0, 1) if p.batch_shape else pixel
    return x
