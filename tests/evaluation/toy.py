"""Data of prototypes, and a model of it whose likelihood has a closed form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ilk.data import Kinds
from ilk.distributions import Bernoulli
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


def prototypes(kinds: int = 5, images: int = 20, flip: float = 0.0, seed: int = 0) -> Kinds:
    """Kinds of one random prototype each, its pixels flipped with a probability."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randint(2, (kinds, 1, 1, SIDE, SIDE), generator=generator)
    flips = torch.rand(kinds, images, 1, SIDE, SIDE, generator=generator) < flip
    pixels = (base ^ flips.long()).to(torch.uint8).flatten(0, 1)
    kind = torch.arange(kinds).repeat_interleave(images)
    return Kinds(pixels, kind, tuple(f"a{k % 3}/{k}" for k in range(kinds)), 2, "prototypes")
