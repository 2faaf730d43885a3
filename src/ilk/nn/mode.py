"""Modules as they are when they are used, not trained."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn

__all__ = ["resting"]


@contextlib.contextmanager
def resting(module: nn.Module, kind: type[nn.Module] = nn.Module) -> Iterator[None]:
    """Puts a module's parts, those of a kind, in evaluation mode; restores each one's own.

    Example:
        >>> net = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
        >>> with resting(net):
        ...     print([m.training for m in net])
        [False, False]
        >>> [m.training for m in net]
        [True, False]
    """
    modes = [(part, part.training) for part in module.modules() if isinstance(part, kind)]
    try:
        for part, _ in modes:
            part.training = False
        yield
    finally:
        for part, training in modes:
            part.training = training
