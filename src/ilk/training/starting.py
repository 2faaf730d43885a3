"""Beginning with the weights of another model, of the same network or a smaller one."""

from __future__ import annotations

import torch
from torch import Tensor

from ilk import models
from ilk.models import Model
from ilk.nn import GatedLayer

__all__ = ["begin_with"]


def begin_with(model: Model, start: str) -> None:
    """Gives a model the weights of another, a shipped name or a directory.

    That one may have fewer gated layers and reads, or carry nothing: what is further here begins
    as the identity.

    Raises:
        ValueError: If the two differ in more.
    """
    began = models.load(start)
    has = began.state_dict()
    try:
        model.load_state_dict(has | _grown(model, has))
    except RuntimeError:
        had, wants = began.config, model.config
        differ = [
            f"{k}={had.get(k)!r}, this run {v!r}" for k, v in wants.items() if had.get(k) != v
        ]
        raise ValueError(f"start: {start} has {'; '.join(differ)}") from None


def _grown(model: Model, has: dict[str, Tensor]) -> dict[str, Tensor]:
    """What further gated layers, reads and what these carry add to a model without changing it."""
    layers = getattr(getattr(model, "net", None), "layers", ())
    if not all(isinstance(layer, GatedLayer) for layer in layers):
        return {}
    parts = ("net.layers.", "net.reads.", "net.queries.", "net.carry.")
    new = {k: t for k, t in model.state_dict().items() if k not in has and k.startswith(parts)}
    silent = [k for k in new if k.endswith(".out.weight") or k.startswith("net.carry.")]
    return new | {k: torch.zeros_like(new[k]) for k in silent}
