"""A network whose first layers have, for every condition, weights of their own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from .pixelnet import Conditional, Context, PixelNet, Stacks
from .unfold import Unfolded

__all__ = ["AdaptedNet", "begin"]


class _Face(nn.Module):
    """Any method of a network as the `forward` that `functional_call` calls."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, face: str, *args: Any) -> Any:
        return getattr(self.net, face)(*args)


def _call(net: nn.Module, weights: Mapping[str, Tensor], face: str, *args: Any) -> Any:
    named = {f"net.{name}": w for name, w in weights.items()}
    return functional_call(_Face(net), named, (face, *args))


def begin(
    net: PixelNet, weights: Mapping[str, Tensor], x: Tensor, told: Mapping[str, Tensor], layer: int
) -> Stacks:
    """`PixelNet.begin` for one condition: images `(N, C, H, W)`, weights and tensors without B."""
    context = Context.of({name: t[None] for name, t in told.items()})
    # Of the kernels of attention only this one has second derivatives and can be vectorised.
    # On a CPU convolutions in groups are quicker than products.
    unfolded = nullcontext() if x.device.type == "cpu" else Unfolded()
    with sdpa_kernel(SDPBackend.MATH), unfolded:
        return _call(net, weights, "begin", x, context, layer)


class _Part(NamedTuple):
    """One condition: its weights and the state of its images."""

    weights: dict[str, Tensor]
    state: Any


class AdaptedNet(Conditional):
    r"""The conditional :math:`p(x_t \mid x_{<t}, c; \theta'_c)` for task parameters of each c.

    The context's `weights` stand in for those of the layers before number `layer`, vectorised
    over conditions; all else is shared. Without such weights it is the network itself.

    Arguments:
        net: The network.
        layer: How many layers have weights of their own.
    """

    def __init__(self, net: PixelNet, layer: int) -> None:
        super().__init__()
        self.net, self.layer = net, layer

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if not context.weights:
            return self.net(x, context)
        return self.net.finish(x, self._begin(x, context), context, self.layer)

    def _begin(self, x: Tensor, context: Context) -> Stacks:
        weights, told = context.weights, context.told
        if context.batch == 1:
            weights, told = ({k: t[0] for k, t in d.items()} for d in (weights, told))
            return begin(self.net, weights, x, told, self.layer)

        def one(x: Tensor, weights: dict[str, Tensor], told: dict[str, Tensor]) -> tuple:
            stacks = begin(self.net, weights, x, told, self.layer)
            return tuple(part for part in stacks if part is not None)

        grouped = x.unflatten(0, (context.batch, -1))
        v, h, kept, *read = vmap(one, randomness="different")(grouped, dict(weights), told)
        kept = tuple((a.flatten(0, 1), b.flatten(0, 1)) for a, b in kept)
        return Stacks(v.flatten(0, 1), h.flatten(0, 1), kept, *(r.flatten(0, 1) for r in read))

    def start(self, batch: int, size: tuple[int, int], context: Context) -> tuple[_Part, ...]:
        each, parts = batch // context.batch, []
        for b in range(context.batch):
            told = Context.of({k: t[b : b + 1] for k, t in context.told.items()})
            weights = {k: t[b] for k, t in context.weights.items()}
            parts.append(_Part(weights, _call(self.net, weights, "start", each, size, told)))
        return tuple(parts)

    def step(self, x: Tensor | None, state: tuple[_Part, ...]) -> tuple[Tensor, tuple[_Part, ...]]:
        pixels = [None] * len(state) if x is None else x.chunk(len(state))
        made, parts = [], []
        for pixel, (weights, kept) in zip(pixels, state, strict=True):
            parameters, kept = _call(self.net, weights, "step", pixel, kept)
            made.append(parameters)
            parts.append(_Part(weights, kept))
        return torch.cat(made), tuple(parts)
