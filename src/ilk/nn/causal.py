"""Causal convolutions in one and two dimensions."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CausalConv1d", "HorizontalConv2d", "VerticalConv2d"]


class CausalConv1d(nn.Module):
    r"""Dilated causal convolution over time.

    .. math:: y_t = b + \sum_{k=0}^{K-1} W_k \, x_{t - d (K - 1 - k)}

    Source: van den Oord et al., *WaveNet*, 2016 (arXiv 1609.03499), section 2.1.

    Arguments:
        inputs: Channels of :math:`x`.
        outputs: Channels of :math:`y`.
        kernel: Taps :math:`K`.
        dilation: Distance :math:`d` between taps.

    Example:
        >>> conv = CausalConv1d(1, 2, kernel=3, dilation=2)
        >>> conv(torch.randn(5, 1, 9)).shape
        torch.Size([5, 2, 9])
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 2, dilation: int = 1) -> None:
        super().__init__()
        self.reach = (kernel - 1) * dilation
        self.conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Maps a signal `(B, C, T)` to `(B, D, T)`."""
        return self.conv(F.pad(x, (self.reach, 0)))

    def start(self, batch: int) -> Tensor:
        """The state before the first element: a past of zeros, `(B, C, reach)`."""
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.reach)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Maps the next element `(B, C)` to `(B, D)`."""
        window = torch.cat([state, x[..., None]], dim=-1)
        return self.conv(window)[..., 0], window[..., 1:]


def _half(kernel: int) -> int:
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, got {kernel}")
    return kernel // 2


class Rows(NamedTuple):
    """The state of a vertical convolution: weights laid out for rows, and the rows before."""

    weight: Tensor
    bias: Tensor | None
    past: Tensor


class VerticalConv2d(nn.Module):
    r"""Convolution over the rows up to and including the present one, all columns.

    .. math:: y_{i,j} = b + \sum_{a=0}^{(k-1)/2} \sum_{|c| \le (k-1)/2} W_{a,c} \, x_{i-a,\,j+c}

    Its input must have been shifted down by one row, once, for a stack of these to see no
    row but the earlier ones. Its element is a row: `step` advances one row at a time.

    Source: van den Oord et al., *Conditional image generation with PixelCNN decoders*, 2016
    (arXiv 1606.05328), section 2.2.

    Arguments:
        inputs: Channels of :math:`x`.
        outputs: Channels of :math:`y`.
        kernel: Columns k of the window that this is half of, odd.

    Raises:
        ValueError: If the kernel is even.

    Example:
        >>> conv = VerticalConv2d(1, 4, kernel=3)
        >>> conv(torch.randn(2, 1, 6, 5)).shape
        torch.Size([2, 4, 6, 5])
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.past = self.side = _half(kernel)
        self.conv = nn.Conv2d(inputs, outputs, (self.past + 1, kernel))

    def forward(self, x: Tensor) -> Tensor:
        """Maps an image `(B, C, H, W)` to `(B, D, H, W)`."""
        return self._convolve(F.pad(x, (0, 0, self.past, 0)), self.conv.weight, self.conv.bias)

    def start(self, batch: int, width: int) -> Rows:
        """The state above the first row: rows of zeros, `(B, C, past, W)`."""
        # On a CPU, a convolution of a few rows takes a third of the time with channels innermost.
        weight = self.conv.weight.contiguous(memory_format=torch.channels_last)
        past = weight.new_zeros(batch, self.past, width, self.conv.in_channels)
        return Rows(weight, self.conv.bias, past.permute(0, 3, 1, 2))

    def step(self, x: Tensor, state: Rows) -> tuple[Tensor, Rows]:
        """Maps the next row `(B, C, W)` to `(B, D, W)`."""
        rows = torch.cat([state.past, x[:, :, None]], dim=2)
        y = self._convolve(rows, state.weight, state.bias)
        return y[:, :, 0], state._replace(past=rows[:, :, 1:])

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return F.conv2d(x, weight, bias, padding=(0, self.side))


class HorizontalConv2d(nn.Module):
    r"""Convolution along a row, over the columns up to and including the present one.

    .. math:: y_{i,j} = b + \sum_{c=0}^{(k-1)/2} W_c \, x_{i,\,j-c}

    Its element is a pixel. The state does not outlive a row: each row begins with `start`.

    Source: van den Oord et al., 2016 (arXiv 1606.05328), section 2.2.

    Arguments:
        inputs: Channels of :math:`x`.
        outputs: Channels of :math:`y`.
        kernel: Columns k of the window that this is half of, odd.

    Raises:
        ValueError: If the kernel is even.

    Example:
        >>> conv = HorizontalConv2d(1, 4, kernel=3)
        >>> conv(torch.randn(2, 1, 6, 5)).shape
        torch.Size([2, 4, 6, 5])
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.past = _half(kernel)
        self.conv = nn.Conv2d(inputs, outputs, (1, self.past + 1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps an image `(B, C, H, W)` to `(B, D, H, W)`."""
        return self.conv(F.pad(x, (self.past, 0, 0, 0)))

    def matrix(self) -> Tensor:
        """The taps as one matrix `((past + 1) C, D)`, for windows of concatenated pixels."""
        return self.conv.weight[:, :, 0].permute(2, 1, 0).flatten(0, 1).contiguous()

    def start(self, batch: int) -> tuple[Tensor, ...]:
        """The state left of the first column: `past` pixels of zeros, `(B, C)` each."""
        zeros = self.conv.weight.new_zeros(batch, self.conv.in_channels)
        return (zeros,) * self.past

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Maps the next pixel `(B, C)` to `(B, D)`."""
        window = (*state, x)
        y = F.linear(torch.cat(window, dim=-1), self.matrix().t(), self.conv.bias)
        return y, window[1:]
