r"""Choosing among draws by what the examples gained them, and naming those that went wrong.

The gain of a draw, :math:`\log p(x \mid s) - \log p(x)`, says how much likelier the examples
make it than it is of any kind: a blank page may be likely, but gains nothing. What is chosen is
no exact draw any more.
"""

from __future__ import annotations

from torch import Tensor

__all__ = ["flaw", "pick"]


def pick(x: Tensor, gain: Tensor, count: int) -> Tensor:
    """The draws to keep, by index `(count,)`: those of the highest gain first.

    Arguments:
        x: Draws `(N, C, H, W)`.
        gain: Of each, in nats `(N,)`.
        count: How many to keep.

    Raises:
        ValueError: If there are fewer draws.
    """
    if not 1 <= count <= len(x):
        raise ValueError(f"count must be in 1..{len(x)}, the number of draws, got {count}")
    return gain.argsort(descending=True, stable=True)[:count]


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
