"""Models: one file a system, each called on its condition and returning a distribution."""

from __future__ import annotations

from .attention_pixelcnn import AttentionPixelCNN
from .base import Model
from .conditional_pixelcnn import ConditionalPixelCNN
from .context import ContextModel
from .gated_pixelcnn import GatedPixelCNN
from .pixelsnail import PixelSNAIL
from .storage import load

__all__ = [
    "AttentionPixelCNN",
    "ConditionalPixelCNN",
    "ContextModel",
    "GatedPixelCNN",
    "Model",
    "PixelSNAIL",
    "load",
]
