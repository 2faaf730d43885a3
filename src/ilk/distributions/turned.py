"""A mixture over four orders of writing: the same network, the page turned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from .autoregressive import Autoregressive, device_of

if TYPE_CHECKING:
    from ..models import Model

__all__ = ["Turned"]


class Turned(Distribution):
    r"""The mean of four densities, each of which writes images from another side.

    .. math:: q(x \mid s) = \frac14 \sum_{r=0}^{3} p(R^r x \mid R^r s)

    with the quarter turn :math:`R`. A turn permutes pixels, so every term is a density of x, and
    their mean is one. Its log is at least the mean of the four logs (Jensen): what one order says
    badly another says well. For square images and a model that was trained on turned kinds.
    :math:`q(Rx \mid Rs) = q(x \mid s)` holds exactly, whatever the network.

    Source: a mixture over orders, Uria et al., *A deep and tractable density estimator*, 2014
    (arXiv 1310.1757), section 4.

    Arguments:
        turns: The distribution of images turned by 0, 1, 2 and 3 quarters, given what is turned.

    Raises:
        ValueError: If they are not four of one square shape.

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
        if len(self.turns) != 4 or len(shapes) != 1 or height != width:
            wanted = "turns must be four distributions of one square shape"
            raise ValueError(f"{wanted}, got {len(self.turns)} of {sorted(shapes)}")
        first = self.turns[0]
        super().__init__(first.batch_shape, first.event_shape, validate_args=False)

    @staticmethod
    def of(model: Model, support: Tensor | None = None, mask: Tensor | None = None) -> Turned:
        """The mixture of a model given a support set, see `Model.forward`.

        Raises:
            ValueError: If the model's images are not square.
        """
        if model.shape[1] != model.shape[2]:
            raise ValueError(f"model must be of square images, got {model.shape}")
        if model.conditioning != "support":
            return Turned([model(support, mask)] * 4)
        sets = [None if support is None else turned(support, r) for r in range(4)]
        return Turned([model(s, mask) for s in sets])

    @property
    def support(self) -> constraints.Constraint:
        """The constraint on values. (The support *set* is an argument of `of`.)"""
        return self.turns[0].support

    def log_prob(self, x: Tensor) -> Tensor:
        """Nats of images `(*sample, *batch, C, H, W)`: `(*sample, *batch)`."""
        return self.each(x).logsumexp(dim=0) - math.log(4)

    def each(self, x: Tensor) -> Tensor:
        """Nats of images under the four terms, `(4, *sample, *batch)`."""
        return torch.stack([p.log_prob(turned(x, r)) for r, p in enumerate(self.turns)])

    @torch.inference_mode()
    def sample(
        self, sample_shape: Sequence[int] = (), generator: torch.Generator | None = None
    ) -> Tensor:
        """Draws images `(*sample, *batch, C, H, W)`: a side of the page, then from there."""
        shape = torch.Size(sample_shape)
        several = math.prod(self.batch_shape) > 1
        # For several conditions each draws its own sides, so all four are drawn from throughout.
        count = (shape.numel(), *self.batch_shape) if several else (shape.numel(),)
        side = torch.randint(4, count, generator=generator, device=device_of(generator)).cpu()
        first = self.turns[0]
        size = (shape.numel(), *self.batch_shape, *self.event_shape)
        x = torch.zeros(size, dtype=first.dtype, device=first.device)
        for r, p in enumerate(self.turns):
            chosen = side == r
            drawn = len(side) if several else int(chosen.sum())
            if not drawn:
                continue
            y = turned(p.sample((drawn,), generator), -r)
            x[chosen] = y[chosen] if several else y
        return x.view(*shape, *self.batch_shape, *self.event_shape).clone()


def turned(x: Tensor, quarters: int) -> Tensor:
    """Images `(..., H, W)` turned to the left.

    Example:
        >>> turned(torch.tensor([[1, 2], [3, 4]]), 1).tolist()
        [[2, 4], [1, 3]]
    """
    return torch.rot90(x, quarters, (-2, -1))
