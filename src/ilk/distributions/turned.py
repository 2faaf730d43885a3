"""A mixture over orders of writing: the same network, the page turned round and over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from .autoregressive import Autoregressive, device_of

if TYPE_CHECKING:
    from ..models import Model

__all__ = ["Sides", "Turned"]

Sides = Literal[1, 4, 8]
"""From how many sides a page is written on: one, its four, or those of its back too."""


class Turned(Distribution):
    r"""The mean of four or eight densities, each with another order of the pixels.

    .. math:: q(x \mid s) = \frac1n \sum_{r=0}^{n-1} p(R_r x \mid R_r s)

    with the quarter turns :math:`R_0` to :math:`R_3` and, where n is 8, those of the mirror image.
    A turn permutes pixels, so every term is a density of x, and their mean is one. Its log is at
    least the mean of the logs (Jensen): what is hard in one order is easy in another. For square
    images and a model that was trained on turned kinds, for eight sides on mirrored ones too.
    :math:`q(Rx \mid Rs) = q(x \mid s)` holds exactly for each of these R, whatever the network.

    Source: a mixture over orders, Uria et al., *A deep and tractable density estimator*, 2014
    (arXiv 1310.1757), section 4.

    Arguments:
        turns: The distribution of images turned to each side, given what is turned, see `turned`.

    Raises:
        ValueError: If they are not one, four or eight of one square shape.

    Example:
        >>> import ilk
        >>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
        >>> q = Turned.of(model, torch.randint(2, (3, 1, 4, 4)))
        >>> x = q.sample((5,))
        >>> x.shape, q.log_prob(x).shape
        (torch.Size([5, 1, 4, 4]), torch.Size([5]))
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}
    has_rsample = False

    def __init__(self, turns: Sequence[Autoregressive]) -> None:
        self.turns = tuple(turns)
        shapes = {(tuple(p.batch_shape), tuple(p.event_shape)) for p in self.turns}
        _, height, width = self.turns[0].event_shape if self.turns else (0, 0, 1)
        if len(self.turns) not in (1, 4, 8) or len(shapes) != 1 or height != width:
            wanted = "turns must be 1, 4 or 8 distributions of one square shape"
            raise ValueError(f"{wanted}, got {len(self.turns)} of {sorted(shapes)}")
        first = self.turns[0]
        super().__init__(first.batch_shape, first.event_shape, validate_args=False)

    @staticmethod
    def of(
        model: Model,
        support: Tensor | None = None,
        mask: Tensor | None = None,
        sides: Sides = 4,
    ) -> Turned:
        """The mixture of a model given a support set, see `Model.forward`.

        Raises:
            ValueError: If the model's images are not square, or `sides` is not 1, 4 or 8.
        """
        if sides not in (1, 4, 8):
            raise ValueError(f"sides must be 1, 4 or 8, got {sides}")
        if model.shape[1] != model.shape[2]:
            raise ValueError(f"model must be of square images, got {model.shape}")
        if model.conditioning != "support":
            return Turned([model(support, mask)] * sides)
        sets = [None if support is None else turned(support, r) for r in range(sides)]
        return Turned([model(s, mask) for s in sets])

    @property
    def support(self) -> constraints.Constraint:
        """The constraint on values. (The support *set* is an argument of `of`.)"""
        return self.turns[0].support

    def guided(self, weight: float = 0.5) -> Turned:
        """The mixture of all terms guided, see `Autoregressive.guided`."""
        return Turned([p.guided(weight) for p in self.turns])

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities of images `(*sample, *batch, C, H, W)`, in nats."""
        return self.each(x).logsumexp(dim=0) - math.log(len(self.turns))

    def each(self, x: Tensor) -> Tensor:
        """Log-probabilities of images under each term, in nats, `(n, *sample, *batch)`."""
        return torch.stack([p.log_prob(turned(x, r)) for r, p in enumerate(self.turns)])

    @torch.inference_mode()
    def sample(
        self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws images `(*sample, *batch, C, H, W)`: an order, then an image in this order."""
        shape = torch.Size(sample_shape)
        several = math.prod(self.batch_shape) > 1
        # For several conditions each draws its own sides, so all are drawn from throughout.
        count = (shape.numel(), *self.batch_shape) if several else (shape.numel(),)
        where = device_of(generator)
        side = torch.randint(len(self.turns), count, generator=generator, device=where).cpu()
        first = self.turns[0]
        size = (shape.numel(), *self.batch_shape, *self.event_shape)
        x = torch.zeros(size, dtype=first.dtype, device=first.device)
        for r, p in enumerate(self.turns):
            chosen = side == r
            drawn = len(side) if several else int(chosen.sum())
            if not drawn:
                continue
            y = turned(p.sample((drawn,), generator), _back(r))
            x[chosen] = y[chosen] if several else y
        return x.view(*shape, *self.batch_shape, *self.event_shape).clone()


def turned(x: Tensor, side: int) -> Tensor:
    """Images `(..., H, W)` turned to the left by `side` quarters; from 4 on, mirror images are.

    Example:
        >>> x = torch.tensor([[1, 2], [3, 4]])
        >>> turned(x, 1).tolist(), turned(x, 4).tolist()
        ([[2, 4], [1, 3]], [[2, 1], [4, 3]])
    """
    return torch.rot90(x.flip(-1) if side >= 4 else x, side % 4, (-2, -1))


def _back(side: int) -> int:
    """The side that undoes another: of a mirror image it is the same."""
    return side if side >= 4 else -side % 4
