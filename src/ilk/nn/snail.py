"""The layer of PixelSNAIL: a gated residual of causal convolutions, then causal attention."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Cache, CausalSelfAttention
from .layer import PixelLayer
from .support import positions

__all__ = ["DownRightConv2d", "SnailLayer"]


class Past(NamedTuple):
    """What the row above contributes, `(B, D)` a pixel, and the present row so far, `(B, C)`."""

    matrix: Tensor
    above: tuple[Tensor, ...]
    row: tuple[Tensor, ...]


class DownRightConv2d(nn.Module):
    r"""A 2x2 convolution over the pixel itself and those to the left and above.

    .. math:: y_{i,j} = b + \sum_{a, c \in \{0, 1\}} W_{a,c} \, x_{i-a,\,j-c}

    Source: Salimans et al., *PixelCNN++*, 2017 (arXiv 1701.05517), section 2.3.

    Example:
        >>> DownRightConv2d(1, 4)(torch.randn(2, 1, 6, 5)).shape
        torch.Size([2, 4, 6, 5])
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps an image `(B, C, H, W)` to `(B, D, H, W)`."""
        return self.conv(F.pad(x, (1, 0, 1, 0)))

    def start(self, batch: int, width: int) -> Past:
        """The state before the first pixel: a row of zeros above."""
        weight, bias = self.conv.weight, cast(Tensor, self.conv.bias)
        matrix = weight[:, :, 1].permute(2, 1, 0).flatten(0, 1).contiguous()
        return Past(matrix, (bias.expand(batch, -1),) * width, ())

    def step(self, x: Tensor, state: Past) -> tuple[Tensor, Past]:
        """Maps the next pixel in raster order, `(B, C)`, to `(B, D)`."""
        matrix, above, row = state
        if len(row) == len(above):
            above, row = self._contribute(torch.stack(row, dim=-1)), ()
        left = row[-1] if row else torch.zeros_like(x)
        y = torch.addmm(above[len(row)], torch.cat([left, x], dim=1), matrix)
        return y, Past(matrix, above, (*row, x))

    def _contribute(self, row: Tensor) -> tuple[Tensor, ...]:
        """What a whole row `(B, C, W)` contributes to the next one."""
        y = F.conv1d(F.pad(row, (1, 0)), self.conv.weight[:, :, 0], self.conv.bias)
        return y.permute(2, 0, 1).contiguous().unbind(0)


class _State(NamedTuple):
    gates: Tensor | None
    position: Tensor
    element: int
    first: Past
    second: Past
    seen: Cache | None


class SnailLayer(PixelLayer):
    r"""A gated residual on the horizontal stack, then attention over all that came before.

    .. math::
        (a, b) &= W_2 * \mathrm{elu}(W_1 * \mathrm{elu}(h)) + U f + R \, r \\
        h' &= h + a \odot \sigma(b), \qquad
        h'' = h' + \mathrm{elu}\big(A([h', \text{positions}])\big)

    Convolutions are 2x2, down and right; attention sees every earlier pixel, so that no blind
    spot is left. The vertical stack passes through unused: `(v, h) -> (v, h'')`.

    Source: Chen et al., *PixelSNAIL*, 2017 (arXiv 1712.09763), figure 2. There keys and values
    also see the pixel's own value and attention is strict; here they see features alone, which
    know what precedes them, and attention takes in the element itself.

    Arguments:
        features: Channels.
        attention: Whether attention follows the residual.
        summary, read, dropout: As in `GatedLayer`.
        heads: Heads of the attention.

    Example:
        >>> layer = SnailLayer(8)
        >>> v, h = layer(torch.randn(2, 8, 5, 5), torch.randn(2, 8, 5, 5))
    """

    def __init__(
        self,
        features: int,
        attention: bool = True,
        summary: int | None = None,
        read: int | None = None,
        dropout: float = 0.0,
        heads: int = 1,
    ) -> None:
        super().__init__()
        self.first = DownRightConv2d(features, features)
        self.second = DownRightConv2d(features, 2 * features)
        self.dropout = nn.Dropout(dropout)
        self.summary = nn.Linear(summary, 2 * features) if summary else None
        self.read = nn.Conv2d(read, 2 * features, 1, bias=False) if read else None
        size = heads * max(1, features // 2 // heads)
        self.attention = (
            CausalSelfAttention(features + 2, heads, size, features) if attention else None
        )

    def _gates(self, summary: Tensor | None) -> Tensor | None:
        return None if self.summary is None or summary is None else self.summary(summary)

    def forward(
        self, v: Tensor, h: Tensor, summary: Tensor | None = None, read: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        c = self.second(self.dropout(F.elu(self.first(F.elu(h)))))
        gates = self._gates(summary)
        if gates is not None:
            c = c + gates[..., None, None]
        if self.read is not None and read is not None:
            c = c + self.read(read)
        h = h + F.glu(c, dim=1)
        if self.attention is not None:
            place = positions(*h.shape[-2:], like=h).expand(h.shape[0], -1, -1, -1)
            y = self.attention(torch.cat([h, place], dim=1).flatten(2).transpose(1, 2))
            h = h + F.elu(y.transpose(1, 2).unflatten(2, h.shape[-2:]))
        return v, h

    def start(self, batch: int, size: tuple[int, int], summary: Tensor | None = None) -> _State:
        place = positions(*size, like=self.first.conv.weight).flatten(1).t()
        seen = None if self.attention is None else self.attention.start(batch)
        first, second = (conv.start(batch, size[1]) for conv in (self.first, self.second))
        return _State(self._gates(summary), place, 0, first, second, seen)

    def row(self, v: Tensor, state: _State) -> tuple[Tensor, _State]:
        return v, state

    def step(self, h: Tensor, state: _State, read: Tensor | None = None) -> tuple[Tensor, _State]:
        gates, position, element, first, second, seen = state
        a, first = self.first.step(F.elu(h), first)
        c, second = self.second.step(F.elu(a), second)
        if gates is not None:
            c = c + gates
        if self.read is not None and read is not None:
            c = torch.addmm(c, read, self.read.weight[:, :, 0, 0].t())
        h = h + F.glu(c, dim=1)
        if self.attention is not None and seen is not None:
            place = position[element].expand(len(h), -1)
            y, seen = self.attention.step(torch.cat([h, place], dim=1), seen)
            h = h + F.elu(y)
        return h, _State(gates, position, element + 1, first, second, seen)
