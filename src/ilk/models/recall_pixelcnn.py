"""Recall PixelCNN: attention over the network's own states on the support set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..distributions.likelihoods import likelihood as likelihood_of
from ..nn import Context, DotProductRead, PixelNet, SupportPatches, SupportSummary, SupportTrunk
from .backbones import pixel_net
from .few_shot import FewShot

__all__ = ["RecallPixelCNN"]


class RecallPixelCNN(FewShot):
    r"""A PixelCNN that attends to what followed states like the present one in the support set.

    .. math::
        q_t &= \mathrm{PixelCNN}_L(f(s), x_{<t}), \qquad
        q_j = \mathrm{PixelCNN}_L(f(s), s_{<j}), \qquad
        e_j = \nabla_{\phi_j} \log p(s_j; \phi_j), \; \phi_j = g(q_j) \\
        f_t &= \sum_j \mathrm{softmax}_j\big(W q_t \cdot (W q_j + k(q, s, e)_j)\big) \;
        v(q, s, e)_j, \qquad
        p(x_t \mid x_{<t}, s) = p(x_t \mid x_{<t}, f(s), f_t)

    An attentive meta-learner. Where Meta PixelCNN moves weights, the same for every pixel, along
    the gradient of a learned loss, this reads the gradient of a learned loss (:math:`g` has no
    target of its own) at those pixels of the support set whose states resemble the present one:
    a gradient step in the space of functions, its kernel the attention. Where Attention PixelCNN
    must learn to compare a state with a picture, this compares a state with states of its own:
    the key of a patch starts out as the network's own query at its first pixel.

    Arguments:
        shape: Of an image, `(C, H, W)`.
        levels: Values of a pixel.
        width: Channels of the backbone.
        depth: Layers of the backbone, see `backbones.backbone`.
        backbone: `gated`, `snail` or `pixelcnnpp`.
        likelihood: `bernoulli`, `categorical` or `logistics`.
        read_at: Layers before which the support set is read; reads add up. The first is L. The
            query of a later one depends on the results of those before it.
        heads: Heads of the attention.
        patches: Size of keys and values.
        patch: Pixels from one patch to the next, 1, 2 or 4.
        local: Heads of the dot product start out attending near their own position.
        carry: Pass what was read on to the rows below; see `PixelNet`.
        summary: Size of f(s).
        norm: Normalise the features of support images, for many levels or large images.
        shots: Most support images that the model is meant for.
        dropout: Probability of dropping a unit.

    Example:
        >>> import torch
        >>> model = RecallPixelCNN((1, 8, 8), width=8, depth=2, read_at=(1,), patches=24)
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
        heads: int = 4,
        patches: int = 64,
        patch: int = 2,
        local: bool = True,
        carry: bool = False,
        summary: int = 128,
        norm: bool = False,
        shots: int = 8,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(shape, levels, shots)
        if not read_at:
            raise ValueError("read_at must name at least one layer, got none")
        channels = self.shape[0]
        read_at = sorted(read_at)
        self.layer, self.patch = read_at[0], patch
        self.trunk = SupportTrunk(channels, levels, width, norm=norm)
        self.summary = SupportSummary(self.trunk.grid(self.shape[1:]), width, summary, norm)
        self.patches = SupportPatches(width, patches, heads if local else 0)
        self.likelihood = likelihood_of(likelihood, channels, levels)
        self.net = pixel_net(
            self.likelihood,
            name=backbone,
            width=width,
            depth=depth,
            dropout=dropout,
            summary=summary,
            reads=[DotProductRead(patches, heads, local) for _ in read_at],
            read_at=read_at,
            patches=patches,
            carry=carry,
        )
        outputs = self.likelihood.parameters
        self.guess = nn.Conv2d(width, outputs, 1)
        extra = width + outputs
        self.course = SupportTrunk(channels, levels, width, patch, extra=extra, norm=norm)

    def encode(self, support: Tensor, mask: Tensor) -> Context:
        told = Context(summary=self.summary(self.trunk(support), mask))
        asked, found = self._states(support, told)
        key, value, there = self.patches(self.course(support, found), mask, asked)
        return replace(told, key=key, value=value, mask=there)

    def _states(self, support: Tensor, told: Context) -> tuple[Tensor, Tensor]:
        """What the network asks at the first pixel of every patch, `(B, K h w, P)`, and states and
        gradients at all pixels, `(B, K, width + parameters, H, W)`."""
        images, net = support.flatten(0, 1), cast(PixelNet, self.net)
        each = told.spread(support.shape[1]) if support.shape[1] else told
        state = F.silu(net.begin(images, each, self.layer).horizontal)
        gradient = self.likelihood.gradient(self.guess(state), images)
        first = state[..., :: self.patch, :: self.patch].flatten(2).transpose(1, 2)
        asked = net.queries[0](first).unflatten(0, support.shape[:2]).flatten(1, 2)
        found = torch.cat([state, gradient.to(state)], dim=1).unflatten(0, support.shape[:2])
        return asked, found
