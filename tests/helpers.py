"""Spaces of images small enough to list, and how likely counts of draws on one are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ilk.distributions import Autoregressive

# Simulated tails of `chance` are up to 2.5 times as heavy as they should be at 1e-4.
FALSE_ALARM = 1e-7


def all_images(channels: int, height: int, width: int, levels: int) -> Tensor:
    """Every image there is."""
    values = itertools.product(range(levels), repeat=channels * height * width)
    return torch.tensor(list(values)).view(-1, channels, height, width)


def frequencies(p: Autoregressive, images: Tensor, draws: Tensor) -> Tensor:
    """How often each image was drawn."""
    powers = p.levels ** torch.arange(images[0].numel())
    codes, drawn = (t.flatten(1).long() @ powers for t in (images, draws))
    return torch.stack([(drawn == code).sum() for code in codes]).double()


def chance(observed: Tensor, expected: Tensor, least: float = 10.0) -> float:
    """How often right draws would be as far off as these: the tail of Pearson's chi-square.

    The rarest cells are pooled until each is expected `least` times.
    """
    assert observed.sum().item() == round(expected.sum().item()), "some draws are no image"
    expected, order = expected.double().sort()
    observed = observed.double()[order]
    pooled = int((expected.cumsum(0) < least).sum()) + 1
    pooled = max(pooled, int((expected < least).sum()))
    o, e = (torch.cat([t[:pooled].sum()[None], t[pooled:]]) for t in (observed, expected))
    assert len(e) > 1, "one cell holds all there is: nothing is tested"
    statistic = ((o - e) ** 2 / e).sum()
    return torch.special.gammaincc(torch.tensor((len(e) - 1) / 2).double(), statistic / 2).item()


class _Remote(torch.Generator):
    """A generator that says it is on a device that there is everywhere."""

    device = torch.device("meta")


class Elsewhere(TorchFunctionMode):
    """Draws with `generator` as if it were on another device.

    A function that draws with it has to be told of that device, or be given a tensor that was
    sent there; torch refuses anything else.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = _Remote().manual_seed(seed)
        self.sent: list[Tensor] = []
        self.draws = 0

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is Tensor.to and args[1] is _Remote.device:
            self.sent.append(args[0])
            return args[0]
        if given.get("generator") is self.generator:
            there = any(args[0] is t for t in self.sent)
            assert there or given.pop("device", None) == _Remote.device, f"{func} draws here"
            self.draws += 1
        return func(*args, **given)
