"""Data of prototypes, and a model of it whose likelihood has a closed form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ilk.data import Kinds
from ilk.distributions import Bernoulli, Categorical
from ilk.models import Model
from ilk.nn import Conditional, Context

SIDE = 4
DIMS = SIDE * SIDE


class _Prototype(Conditional):
    def __init__(self, sharpness: float, tilt: float) -> None:
        super().__init__()
        self.register_buffer("sharpness", torch.tensor(sharpness, dtype=torch.float64))
        self.tilt = tilt
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        mean = context.summary.repeat_interleave(len(x) // context.batch, dim=0)
        logit = self.dropout(self.sharpness * mean) + self.tilt
        return logit.view(-1, 1, SIDE, SIDE)

    def start(self, batch, size, context):
        raise NotImplementedError

    def step(self, x, state):
        raise NotImplementedError


class PrototypeModel(Model):
    """Pixels independent, log-odds = sharpness x (mean of the support set in -1..1) + tilt."""

    conditioning = "support"

    def __init__(self, sharpness: float = 2.0, tilt: float = 0.0) -> None:
        super().__init__((1, SIDE, SIDE), 2)
        self.shots = 8
        self.likelihood = Bernoulli(1)
        self.net = _Prototype(sharpness, tilt)
        self.encoded: list[int] = []

    def context(self, support=None, mask=None, *, label: Any = None) -> Context:
        if support is None:
            support = torch.zeros(1, 0, 1, SIDE, SIDE, dtype=torch.uint8)
        if support.dim() == 4:
            support = support[None]
        if mask is None:
            mask = torch.ones(support.shape[:2], dtype=torch.bool)
        self.encoded.append(len(support))
        count = mask.sum(1).clamp(min=1)[:, None]
        signs = (support.double().flatten(2) * 2 - 1) * mask[:, :, None]
        return Context(signs.sum(1) / count)


class _Kernel(Conditional):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("unit", torch.ones((), dtype=torch.float64))

    def forward(self, x: Tensor, context: Context) -> Tensor:
        log_p = context.summary.repeat_interleave(len(x) // context.batch, dim=0)
        return log_p.unflatten(1, (-1, *x.shape[-2:]))

    def start(self, batch, size, context):
        log_p = context.summary.repeat_interleave(batch // context.batch, dim=0)
        return log_p.unflatten(1, (-1, size[0] * size[1])), 0

    def step(self, x, state):
        log_p, t = state
        return log_p[..., t], (log_p, t + 1)


class KernelModel(Model):
    """Pixels independent, each a mean of bells a few levels wide at the values of the support set.

    A few-shot density of numbers of any kind, exact and good enough to tell blobs apart.
    """

    conditioning = "support"

    def __init__(self, side: int = 5, levels: int = 16, width: float = 1.0) -> None:
        super().__init__((1, side, side), levels)
        self.shots = 40
        self.width = width
        self.likelihood = Categorical(1, levels)
        self.net = _Kernel()

    def context(self, support=None, mask=None, *, label: Any = None) -> Context:
        if support is None:
            support = torch.zeros(1, 0, *self.shape, dtype=torch.uint8)
        support = support[None] if support.dim() == 4 else support
        mask = torch.ones(support.shape[:2], dtype=torch.bool) if mask is None else mask
        apart = support.double()[:, :, 0, None] - torch.arange(self.levels)[:, None, None]
        bells = (-0.5 * (apart / self.width).square()).exp()
        bells = bells / bells.sum(dim=2, keepdim=True)
        total = (bells * mask[:, :, None, None, None]).sum(dim=1) + 1e-3
        return Context((total / total.sum(dim=1, keepdim=True)).log().flatten(1))


def prototypes(kinds: int = 5, images: int = 20, flip: float = 0.0, seed: int = 0) -> Kinds:
    """Kinds of one random prototype each, its pixels flipped with a probability."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randint(2, (kinds, 1, 1, SIDE, SIDE), generator=generator)
    flips = torch.rand(kinds, images, 1, SIDE, SIDE, generator=generator) < flip
    pixels = (base ^ flips.long()).to(torch.uint8).flatten(0, 1)
    kind = torch.arange(kinds).repeat_interleave(images)
    return Kinds(pixels, kind, tuple(f"a{k % 3}/{k}" for k in range(kinds)), 2, "prototypes")
