"""Layers: causal with two faces, reads of a support set, support encoders.

Every causal layer has two faces that agree to float tolerance:

* ``forward(x)`` maps a whole signal,
* ``step(x_t, state) -> (y_t, state)`` maps the next element, from ``start(...)`` on.

A state is a value: a step makes a new one and leaves the old one as it was, so that keeping
a state is all that it takes to branch.
"""

from __future__ import annotations

from .adapted import AdaptedNet
from .attention import AdditiveRead, CausalSelfAttention, DotProductRead, Read
from .causal import CausalConv1d, HorizontalConv2d, VerticalConv2d
from .gated import GatedLayer, gate
from .layer import PixelLayer
from .pixelnet import Conditional, Context, PixelNet, Stacks
from .residual import Half, ResidualLayer, concat_elu
from .snail import SnailLayer
from .straight import Straight
from .support import SupportPatches, SupportSummary, SupportTrunk, positions

__all__ = [
    "AdaptedNet",
    "AdditiveRead",
    "CausalConv1d",
    "CausalSelfAttention",
    "Conditional",
    "Context",
    "DotProductRead",
    "GatedLayer",
    "Half",
    "HorizontalConv2d",
    "PixelLayer",
    "PixelNet",
    "Read",
    "ResidualLayer",
    "SnailLayer",
    "Stacks",
    "Straight",
    "SupportPatches",
    "SupportSummary",
    "SupportTrunk",
    "VerticalConv2d",
    "concat_elu",
    "gate",
    "positions",
]
