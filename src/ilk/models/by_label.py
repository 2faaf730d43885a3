"""What Gated PixelCNN, PixelSNAIL and PixelCNN++ share: no condition, or a label."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..distributions.likelihoods import likelihood as likelihood_of
from ..nn import Context
from .backbones import pixel_net
from .base import Model

__all__ = ["ByLabel"]


class ByLabel(Model, ABC):
    """A backbone without a condition, or with an embedded label in every gate.

    A subclass names its `backbone`.
    """

    backbone: ClassVar[str]

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 2,
        *,
        labels: int | None = None,
        width: int = 64,
        depth: int = 8,
        likelihood: str = "bernoulli",
        dropout: float = 0.0,
        place: bool = True,
    ) -> None:
        super().__init__(shape, levels)
        self.labels = labels
        if labels is not None:
            if labels < 1:
                raise ValueError(f"labels must be at least 1 or None, got {labels}")
            self.conditioning = "label"
            self.embedding = nn.Embedding(labels, width)
        self.likelihood = likelihood_of(likelihood, self.shape[0], levels)
        self.net = pixel_net(
            self.likelihood,
            name=self.backbone,
            width=width,
            depth=depth,
            dropout=dropout,
            summary=None if labels is None else width,
            place=place,
        )

    def context(
        self,
        support: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        label: Any = None,
    ) -> Context:
        if self.labels is None or support is not None:
            return super().context(support, mask, label=label)
        if label is None:
            raise ValueError(f"label: this model needs one of 0..{self.labels - 1}, got none")
        index = torch.as_tensor(label, device=self.embedding.weight.device)
        if (
            index.dtype.is_floating_point
            or index.dtype == torch.bool
            or index.dim() > 1
            or not index.numel()
        ):
            raise ValueError(f"label must be an integer or integers (B,), got {label!r}")
        traced = torch.compiler.is_exporting()  # there are no values then
        if not traced and (int(index.min()) < 0 or int(index.max()) >= self.labels):
            raise ValueError(f"label must be in 0..{self.labels - 1}, got {label!r}")
        return Context(summary=self.embedding(index.reshape(-1).long()))
