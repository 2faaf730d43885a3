"""A straight path from pixels to the parameters that are values of pixels."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from .causal import HorizontalConv2d, Rows, VerticalConv2d

__all__ = ["Straight"]


class Ahead(NamedTuple):
    """What a step needs: the taps to the left, the rows so far, what is above the present row."""

    left: Tensor
    rows: Rows
    above: tuple[Tensor, ...]


class Straight(nn.Module):
    r"""Values predicted linearly from the pixels around, for the network to correct.

    .. math:: m_t = \tfrac18 g_t + b + \sum_{n \in N(t)} W_n x_n

    :math:`g_t` is what the network says and N(t) the two pixels before t and the six nearest ones
    of the two rows above; at first :math:`m_t` is the mean of the left and the upper pixel. To
    carry a value of eight bits through layers of gates takes a network long to learn, and needs
    32 bits; the path has them even in autocast. Linear prediction of this kind is what lossless
    codecs begin with (Wu & Memon, *Context-based, adaptive, lossless image coding*, 1997).

    Arguments:
        channels: Channels of an image; the pixels have one more, of ones.
        values: Which parameters are values: equally many of each channel, one channel after
            another.

    Example:
        >>> straight = Straight(3, range(10, 40))
        >>> pixels = torch.randn(2, 4, 5, 6)
        >>> straight(pixels, pixels.flatten(2)[:, :, None], torch.randn(2, 100, 5, 6)).shape
        torch.Size([2, 100, 5, 6])
    """

    # Adam moves every weight by its learning rate, and a value by many of these at once. By an
    # eighth of that it moves a level of 256 or so.
    pace = 8.0

    def __init__(self, channels: int, values: range) -> None:
        super().__init__()
        self.values = values
        self.above = VerticalConv2d(channels + 1, len(values), 3)
        self.left = HorizontalConv2d(channels + 1, len(values), 3)
        with torch.no_grad():
            own = torch.eye(channels, channels + 1).repeat_interleave(
                len(values) // channels, dim=0
            )
            for conv in (self.above.conv, self.left.conv):
                conv.weight.zero_()
                cast(Tensor, conv.bias).zero_()
            self.above.conv.weight[:, :, 1, 1] = own / 2
            self.left.conv.weight[:, :, 0, 1] = own / 2

    def forward(self, above: Tensor, recent: Tensor, parameters: Tensor) -> Tensor:
        """Parameters `(N, P, H, W)` with values; `above` are pixels `(N, C, H, W)` shifted down by
        a row, `recent` the raster `(N, C, 1, H W)` shifted by a pixel."""
        with torch.autocast(above.device.type, enabled=False):
            linear = self.above(above)
            linear = linear + self.left(recent).view_as(linear)
        return self._added(parameters, linear)

    def _added(self, parameters: Tensor, linear: Tensor) -> Tensor:
        first, last = self.values.start, self.values.stop
        value = parameters[:, first:last] / self.pace + linear
        return torch.cat([parameters[:, :first], value, parameters[:, last:]], dim=1)

    def start(self, batch: int, width: int) -> Ahead:
        """The state above the first row."""
        return Ahead(self.left.matrix(), self.above.start(batch, width), ())

    def row(self, x: Tensor, state: Ahead) -> Ahead:
        """Takes in the next row `(N, C, W)` of `above`."""
        y, rows = self.above.step(x, state.rows)
        y = y + cast(Tensor, self.left.conv.bias)[:, None]
        return state._replace(rows=rows, above=y.unbind(-1))

    def step(
        self, column: int, past: tuple[Tensor, ...], parameters: Tensor, state: Ahead
    ) -> Tensor:
        """Parameters `(N, P)` with values, given the latest pixels `(N, C)`, two at least."""
        recent = torch.cat(past[-1 - self.left.past :], dim=1)
        return self._added(parameters, torch.addmm(state.above[column], recent, state.left))
