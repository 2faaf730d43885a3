r"""Choosing among draws, by what the examples gained them, and naming those that went wrong.

The gain of a draw, :math:`\log p(x \mid s) - \log p(x)`, says how much likelier the examples
make it than it is of any kind: a blank page may be likely, but gains nothing. What is chosen is
no exact draw any more.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["flaw", "pick"]

SPREAD = 3.0


def pick(x: Tensor, gain: Tensor, count: int, spread: float = SPREAD) -> Tensor:
    r"""The draws to keep, by index `(count,)`: of high gain, and rather spread than alike.

    The one of the highest gain comes first, and then, one by one, the one with the highest

    .. math:: \mathrm{gain}(x) + \lambda \min_{y \text{ kept}} d(x, y) / \bar d

    where d is the distance of two images after a mean over 3 x 3 pixels, and :math:`\bar d` its
    mean over all pairs.

    Source: maximal marginal relevance, Carbonell and Goldstein, 1998.

    Arguments:
        x: Draws `(N, C, H, W)`.
        gain: Of each, in nats `(N,)`.
        count: How many to keep.
        spread: :math:`\lambda`, nats; 0 chooses by gain alone.

    Raises:
        ValueError: If there are fewer draws than are to be kept.

    Example:
        >>> import torch
        >>> x = torch.stack([torch.zeros(1, 4, 4), torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
        >>> pick(x, torch.tensor([5.0, 4.0, 3.5]), 2).tolist()
        [0, 2]
    """
    if not 1 <= count <= len(x):
        raise ValueError(f"count must be in 1..{len(x)}, the number of draws, got {count}")
    smooth = F.avg_pool2d(x.float(), 3, stride=1, padding=1).flatten(1)
    apart = torch.cdist(smooth, smooth)
    apart = spread * apart / apart.mean().clamp(min=1e-9)
    worth = gain.to(apart).clone()
    kept = [int(worth.argmax())]
    while len(kept) < count:
        score = worth + apart[kept].amin(dim=0)
        score[kept] = -torch.inf
        kept.append(int(score.argmax()))
    return torch.tensor(kept, device=x.device)


def flaw(x: Tensor, gain: float) -> str:
    """What is wrong with a draw `(C, H, W)`, empty if nothing is.

    Example:
        >>> import torch
        >>> x = torch.eye(2)[None]
        >>> flaw(0 * x, gain=3.0), flaw(x, gain=-1.5), flaw(x, gain=1.0)
        ('blank', 'unlike the examples', '')
    """
    if bool((x == x[:, :1, :1]).all()):
        return "blank"
    return "unlike the examples" if gain < 0 else ""
