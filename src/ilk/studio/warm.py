"""The first steps of a network take longer than all later ones: they are taken at the start."""

from __future__ import annotations

import torch

from ilk.models import Model

from .given import Slices
from .jobs import Jobs
from .shelf import Shelf

__all__ = ["warm"]


async def warm(shelf: Shelf, jobs: Jobs) -> None:
    """Draws an image with every model."""
    for name in shelf:
        with jobs.open(_once(shelf[name])) as job:
            async for _ in job:
                pass


def _once(model: Model) -> Slices:
    shots = min(model.shots, 4)
    p = model(torch.zeros(shots, *model.shape, dtype=torch.uint8)) if shots else model()
    x = p.sample((2,))
    yield
    yield float(p.log_prob(x).sum())
