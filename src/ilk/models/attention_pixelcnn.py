"""Attention PixelCNN: every pixel reads patches of the support set."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..distributions.likelihoods import likelihood as likelihood_of
from ..nn import (
    AdditiveRead,
    Context,
    DotProductRead,
    SupportPatches,
    SupportSummary,
    SupportTrunk,
)
from .backbones import pixel_net
from .few_shot import FewShot

__all__ = ["AttentionPixelCNN"]


class AttentionPixelCNN(FewShot):
    r"""A PixelCNN with attention over the patches of the support images.

    .. math::
        q_t &= \mathrm{PixelCNN}_L(f(s), x_{<t}), \qquad
        \alpha_{tj} = \mathrm{softmax}_j\, e(q_t, k_j), \qquad
        f_t = \sum_j \alpha_{tj} v_j \\
        p(x_t \mid x_{<t}, s) &= p(x_t \mid x_{<t}, f(s), f_t)

    Keys and values are those of the patches of all support images, positions included, and of
    one learned patch that is there without any. The summary f(s) enters every gate.

    Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304),
    section 3.1.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        width: Channels of the backbone.
        depth: Layers of the backbone, see `backbones.backbone`.
        backbone: `gated`, `snail` or `pixelcnnpp`.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        read_at: Layers before which the support set is read; reads add up.
        attention: `dot` (scaled dot product) or `additive` (one head, as in the paper).
        heads: Heads of the dot product.
        patches: Size P of keys and values.
        patch: Pixels from one patch to the next, 1, 2 or 4. At 4 keys and values are made of the
            features that f(s) is made of, else of finer ones.
        local: Heads of the dot product start out attending near their own position.
        margin: Empty patches around every support image, so that a head can attend a little beyond
            its border. Not with a patch of 4.
        carry: Pass what was read on to the rows below; see `PixelNet`.
        summary: Size of f(s).
        norm: Normalise the features of support images, for many levels or large images.
        shots: Most support images that the model is meant for.
        dropout: Probability of dropping a unit.

    Example:
        >>> import torch
        >>> model = AttentionPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,), patches=8)
        >>> model(torch.randint(2, (3, 1, 8, 8))).sample((5,)).shape
        torch.Size([5, 1, 8, 8])
    """

    def __init__(
        self,
        shape: Sequence[int],
        levels: int = 2,
        *,
        width: int = 64,
        depth: int = 8,
        backbone: str = "gated",
        likelihood: str = "bernoulli",
        read_at: Sequence[int] = (4,),
        attention: str = "dot",
        heads: int = 4,
        patches: int = 64,
        patch: int = 4,
        local: bool = False,
        margin: int = 0,
        carry: bool = False,
        summary: int = 128,
        norm: bool = False,
        shots: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, levels, shots)
        if attention not in ("dot", "additive"):
            raise ValueError(f"attention must be 'dot' or 'additive', got {attention!r}")
        if local and attention != "dot":
            raise ValueError(f"local needs attention='dot', got {attention!r}")
        if margin and patch == 4:
            raise ValueError(f"margin must be 0 at a patch of 4, got {margin}")
        if not read_at:
            raise ValueError("read_at must name at least one layer, got none")
        channels = self.shape[0]
        self.trunk = SupportTrunk(channels, levels, width, norm=norm)
        self.summary = SupportSummary(self.trunk.grid(self.shape[1:]), width, summary, norm)
        self.fine = (
            SupportTrunk(channels, levels, width, patch, margin=margin, norm=norm)
            if patch != 4
            else None
        )
        self.patches = SupportPatches(width, patches, heads if local else 0, margin)
        self.likelihood = likelihood_of(likelihood, channels, levels)
        self.net = pixel_net(
            self.likelihood,
            name=backbone,
            width=width,
            depth=depth,
            dropout=dropout,
            summary=summary,
            reads=[
                DotProductRead(patches, heads, local)
                if attention == "dot"
                else AdditiveRead(patches)
                for _ in read_at
            ],
            read_at=read_at,
            patches=patches,
            carry=carry,
        )

    def encode(self, support: Tensor, mask: Tensor) -> Context:
        features = self.trunk(support)
        fine = features if self.fine is None else self.fine(support)
        return Context(self.summary(features, mask), *self.patches(fine, mask))
