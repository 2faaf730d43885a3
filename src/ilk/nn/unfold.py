"""Convolutions unfolded into products of matrices, for kernels that differ between conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Unfolded", "convolve"]


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
) -> Tensor:
    r"""What `torch.nn.functional.conv2d` gives, as one product of matrices.

    .. math:: y_{i,j} = b + [x_{i s + a,\, j s + c}]_{a,c} \, [W_{a,c}]_{a,c}

    The pixels under a kernel stand side by side, `(N H W, K C)`, against the kernel as a matrix,
    `(K C, D)`.

    Arguments:
        x: Images `(N, C, H, W)`.
        weight: Kernels `(D, C, height, width)`.
        bias: `(D,)`.
        stride: Of rows and columns.
        padding: Zeros on either side of rows and columns.

    Example:
        >>> x, weight = torch.randn(2, 3, 9, 9), torch.randn(4, 3, 3, 3)
        >>> y = F.conv2d(x, weight, stride=2, padding=1)
        >>> torch.allclose(convolve(x, weight, stride=2, padding=1), y, atol=1e-5)
        True
    """
    down, along = (stride, stride) if isinstance(stride, int) else stride
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    x = F.pad(x, (columns, columns, rows, rows)).movedim(1, -1)
    height, width = weight.shape[-2:]
    size = (x.shape[1] - height) // down + 1, (x.shape[2] - width) // along + 1
    under = [
        x[:, a : a + down * size[0] : down, c : c + along * size[1] : along]
        for a in range(height)
        for c in range(width)
    ]
    y = torch.cat(under, dim=-1).flatten(0, 2) @ weight.permute(2, 3, 1, 0).flatten(0, 2)
    y = y if bias is None else y + bias.to(y.dtype)
    return y.unflatten(0, (x.shape[0], *size)).movedim(-1, 1)


class Unfolded(TorchFunctionMode):
    """Every convolution in two dimensions through `convolve` while this lasts.

    For kernels that differ between conditions `vmap` makes a convolution in groups, of which an
    accelerator's second derivatives are slow, and of a product of matrices a batch of products.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func is F.conv2d and set(args[5:]) <= {1, (1, 1)}:  # no dilation and no groups
            return convolve(*args[:5], **(kwargs or {}))
        return func(*args, **(kwargs or {}))
