"""Models: one file a system, each called on its condition and returning a distribution."""

from __future__ import annotations

from .attention_pixelcnn import AttentionPixelCNN
from .base import Model
from .conditional_pixelcnn import ConditionalPixelCNN
from .context import ContextModel
from .few_shot import FewShot
from .gated_pixelcnn import GatedPixelCNN
from .meta_pixelcnn import MetaPixelCNN
from .pixelcnnpp import PixelCNNpp
from .pixelsnail import PixelSNAIL
from .recall_pixelcnn import RecallPixelCNN
from .storage import load

__all__ = [
    "AttentionPixelCNN",
    "ConditionalPixelCNN",
    "ContextModel",
    "FewShot",
    "GatedPixelCNN",
    "MetaPixelCNN",
    "Model",
    "PixelCNNpp",
    "PixelSNAIL",
    "RecallPixelCNN",
    "load",
]
