"""Which model is it? Digests of configs, weights and conditions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .base import Model

__all__ = ["digest", "fingerprint"]


def digest(tensors: Mapping[str, Tensor], *texts: str, size: int = 4) -> bytes:
    """BLAKE2b of texts, and of names, types, shapes and bytes of tensors.

    Example:
        >>> digest({"w": torch.zeros(2)}, "a text").hex()
        '...'
        >>> digest({"w": torch.zeros(2)}) == digest({"w": torch.zeros(1, 2)})
        False
    """
    import hashlib

    total = hashlib.blake2b(digest_size=size)
    for text in texts:
        total.update(f"{len(text)}:{text}".encode())
    for name in sorted(tensors):
        t = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {t.dtype} {tuple(t.shape)}".encode())
        total.update(t.flatten().view(torch.uint8).numpy().data)
    return total.digest()


def fingerprint(model: Model) -> str:
    """Digest of a model's config and weights, 16 hexadecimal digits.

    Example:
        >>> import ilk
        >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> fingerprint(model) == fingerprint(model.eval())
        True
    """
    return digest(model.state_dict(), json.dumps(model.config, sort_keys=True), size=8).hex()
