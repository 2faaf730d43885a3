"""Images in turn, each conditioned on those before it: the first are examples for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..distributions import Autoregressive
    from ..models import Model

__all__ = ["Turns", "sizes"]


def sizes(count: int, given: int, most: int) -> tuple[int, ...]:
    """How many of so many images take each turn, if `given` examples are there before the first.

    As many as were seen until then, so that the turns are few and each is quick; all that are
    left once `most` have been seen.

    Example:
        >>> sizes(20, given=0, most=8), sizes(20, given=3, most=8), sizes(2, given=4, most=0)
        ((1, 1, 2, 4, 12), (3, 2, 15), (2,))
    """
    found: list[int] = []
    while count:
        left = most - given
        found.append(min(count, max(given, 1), left) if left > 0 else count)
        given, count = given + found[-1], count - found[-1]
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Turns:
    r"""A distribution for every turn, given the images of the turns before.

    .. math:: p(x_1, \ldots, x_n \mid s) = \prod_g p(x_{T_g} \mid s, x_{T_1}, \ldots, x_{T_{g-1}})

    Attributes:
        first: The distribution of the first turn.
        sizes: Images of each turn and condition.
        then: The distribution of a later turn, given all images before it `(n, *batch, C, H, W)`.
    """

    first: Autoregressive
    sizes: tuple[int, ...]
    then: Callable[[Tensor], Autoregressive]

    @staticmethod
    def one(p: Autoregressive, count: int) -> Turns:
        """All in one turn, so many images of each condition."""
        return Turns(p, (count,), lambda seen: p)

    @staticmethod
    def of(model: Model, support: Tensor | None, count: int) -> Turns:
        """So many images of a kind, or of each kind of a batch, given a support set.

        Example:
            >>> import ilk
            >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
            >>> x = torch.randint(2, (5, 1, 4, 4), dtype=torch.uint8)
            >>> nats = Turns.of(model, None, 5).log_prob(x)
            >>> bool(torch.isclose(nats[1], model(x[:1]).log_prob(x[1])))
            True
        """
        first = model() if support is None else model(support)
        if model.conditioning != "support":
            return Turns.one(first, count)
        given = torch.zeros(0, *model.shape, dtype=first.dtype) if support is None else support
        several = len(first.batch_shape) > 0

        def then(seen: Tensor) -> Autoregressive:
            seen = (seen.transpose(0, 1) if several else seen).to(given)
            return model(torch.cat([given, seen], dim=-4))

        return Turns(first, sizes(count, given.shape[-4], model.shots), then)

    def at(self, seen: Tensor) -> Autoregressive:
        """The distribution of the turn that follows so many images, maybe none."""
        return self.then(seen) if len(seen) else self.first

    def log_prob(self, x: Tensor) -> Tensor:
        """Log p, `(n, *batch)`, of images `(n, *batch, C, H, W)` given those before their turn."""
        ends = accumulate(self.sizes, initial=0)
        return torch.cat([self.at(x[:a]).log_prob(x[a:b]) for a, b in pairwise(ends)])
