"""Context model: counts of what was seen around a pixel, no network and no support set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..distributions import Bernoulli
from ..nn import Conditional, Context
from .base import Model

__all__ = ["OFFSETS", "ContextModel", "ContextTable"]

# (dy, dx) of earlier pixels, the most telling first.
OFFSETS = (
    ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0), (-1, -2), (-1, 2), (-2, -1), (-2, 1))
    + ((0, -3), (-3, 0), (-2, 2), (-2, -2), (0, -4), (-1, 3), (-3, 1), (-3, -1), (-1, -3), (0, -5))
    + ((-2, 3), (-4, 0))
)
_TOP = -min(dy for dy, _ in OFFSETS)
_SIDE = max(abs(dx) for _, dx in OFFSETS)
_LEAST = 1e-6


class _State(NamedTuple):
    pixels: tuple[Tensor, ...]
    size: tuple[int, int]
    batch: int


class ContextTable(Conditional):
    r"""Log-odds of ink for each of the :math:`2^m` patterns of the first m `OFFSETS`.

    Bit k of a pattern is the pixel at offset k, zero outside the image.

    Arguments:
        order: Number of offsets m.
    """

    logit: Tensor

    def __init__(self, order: int) -> None:
        super().__init__()
        self.offsets = OFFSETS[:order]
        self.register_buffer("logit", torch.zeros(2**order))

    def extra_repr(self) -> str:
        return f"order={len(self.offsets)}"

    def patterns(self, x: Tensor) -> Tensor:
        """The pattern, int32 `(N, H, W)`, before each pixel of binary images `(N, 1, H, W)`."""
        height, width = x.shape[-2:]
        padded = F.pad(x[:, 0].int(), (_SIDE, _SIDE, _TOP, 0))
        code = torch.zeros_like(x[:, 0], dtype=torch.int32)
        for k, (dy, dx) in enumerate(self.offsets):
            rows = padded[:, _TOP + dy : _TOP + dy + height]
            code += rows[:, :, _SIDE + dx : _SIDE + dx + width] * (1 << k)
        return code

    def forward(self, x: Tensor, context: Context) -> Tensor:
        code = self.patterns(x)
        return self.logit.index_select(0, code.flatten()).view_as(code)[:, None]

    def start(self, batch: int, size: tuple[int, int], context: Context) -> _State:
        return _State((), size, batch)

    def step(self, x: Tensor | None, state: _State) -> tuple[Tensor, _State]:
        if x is not None:
            state = state._replace(pixels=(*state.pixels, x[:, 0].long()))
        _, width = state.size
        row, column = divmod(len(state.pixels), width)
        bits, seen = [], []
        for k, (dy, dx) in enumerate(self.offsets):
            if row + dy >= 0 and 0 <= column + dx < width:
                bits.append(1 << k)
                seen.append(state.pixels[(row + dy) * width + column + dx])
        if not seen:
            return self.logit[:1].expand(state.batch, 1), state
        weights = torch.tensor(bits, device=self.logit.device)
        return self.logit[(torch.stack(seen, dim=1) * weights).sum(1)][:, None], state


class ContextModel(Model):
    r"""Binary images, each pixel given a template of earlier ones, by counting.

    With :math:`n` the times that the first m pixels of the template were seen as they are, and
    :math:`n_1` the times that ink followed,

    .. math:: p_m = \frac{n_1 + d \, p_{m'}}{n + d}, \qquad p_{\text{before the first}} = \tfrac12

    for m in 0, 1, 2, 4, 6, ... up to the order, m' the one before: a pattern that was rarely seen
    falls back on the nearer pixels. Probabilities stay within 1e-6 of 0 and 1. What a few-shot
    model gains over this is not merely local.

    Source: templates, Langdon and Rissanen, *Compression of black-white images with arithmetic
    coding*, 1981; the shorter one as a prior, MacKay and Peto, *A hierarchical Dirichlet language
    model*, 1995. The order of offsets and d are this package's own.

    Arguments:
        shape: Of an image, `(1, H, W)`.
        levels: Values of a pixel, 2.
        order: Pixels of the template, 0 to 22.
        discount: The weight d of the shorter template, in pixels counted.

    Raises:
        ValueError: If images are not binary of one channel, or a number is out of range.

    Example:
        >>> model = ContextModel((1, 8, 8), order=4)
        >>> stripes = torch.tensor([0, 1]).repeat(100, 1, 8, 4)
        >>> float(model().log_prob(stripes[0]))                      # nats, before: 64 log 2
        -44.36
        >>> float(model.fit(stripes)().log_prob(stripes[0]))         # and after
        -2.53
    """

    net: ContextTable

    def __init__(
        self,
        shape: Sequence[int] = (1, 26, 26),
        levels: int = 2,
        *,
        order: int = 22,
        discount: float = 8.0,
    ) -> None:
        super().__init__(shape, levels)
        if self.shape[0] != 1:
            raise ValueError(f"shape must have 1 channel for a context model, got {self.shape}")
        if not 0 <= order <= len(OFFSETS):
            raise ValueError(f"order must be in 0..{len(OFFSETS)}, got {order}")
        if not 0 < discount < float("inf"):
            raise ValueError(f"discount must be positive and finite, got {discount}")
        self.likelihood = Bernoulli(1, levels)
        self.order, self.discount = order, discount
        self.net = ContextTable(order)

    @torch.no_grad()
    def fit(self, images: Tensor, batch: int = 4096) -> ContextModel:
        """Counts afresh over images `(N, 1, H, W)`, and returns the model itself.

        Images may have another height and width than the model's. 19,280 of 26x26 take seconds.

        Raises:
            ValueError: If these are not integers 0 and 1 of one channel, or `batch` is below 1.
        """
        _check(images)
        if batch < 1:
            raise ValueError(f"batch must be at least 1, got {batch}")
        patterns = 2**self.order
        seen = torch.zeros(patterns, dtype=torch.float64)
        ink = torch.zeros(patterns, dtype=torch.float64)
        for part in images.cpu().split(batch):
            code = self.net.patterns(part).flatten()
            seen += code.bincount(minlength=patterns)
            ink += code[part.flatten() == 1].bincount(minlength=patterns)
        p = _back_off(seen, ink, self.order, self.discount)
        self.net.logit.copy_(p.clamp(_LEAST, 1 - _LEAST).logit())
        return self


def _back_off(seen: Tensor, ink: Tensor, order: int, discount: float) -> Tensor:
    """Probabilities of ink for each pattern, from counts of the longest patterns."""
    p = torch.full((1,), 0.5, dtype=torch.float64)
    for m in range(order + 1):
        if m > 1 and m % 2 and m < order:
            continue
        # The first m offsets are the low m bits: shorter patterns are sums over the high ones.
        n, n_1 = (count.view(-1, 2**m).sum(0) for count in (seen, ink))
        p = (n_1 + discount * p.repeat(2**m // len(p))) / (n + discount)
    return p


def _check(images: Tensor) -> None:
    if images.dtype.is_floating_point or images.dtype.is_complex or images.dtype == torch.bool:
        raise ValueError(f"images must hold integers 0 and 1, got {images.dtype}")
    if images.dim() != 4 or images.shape[1] != 1:
        raise ValueError(f"images must have shape (N, 1, H, W), got {tuple(images.shape)}")
    if images.numel() and (int(images.min()) < 0 or int(images.max()) > 1):
        got = f"{int(images.min())}..{int(images.max())}"
        raise ValueError(f"images must hold integers 0 and 1, got {got}")
