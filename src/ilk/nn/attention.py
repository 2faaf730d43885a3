"""Attention: from a position to support patches, and causal from a position to earlier ones."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["AdditiveRead", "CausalSelfAttention", "DotProductRead", "Read", "landmarked"]


class Read(nn.Module, ABC):
    r"""A read of a memory of patches by every query.

    .. math:: f_t = \sum_j \alpha_{tj} v_j, \qquad \alpha_t = \mathrm{softmax}_j(e_{tj})

    Patches under the mask weigh nothing. Queries `(B, T, P)`, keys and values `(B, N, P)`,
    mask `(B, N)` (true for what is there) give reads `(B, T, P)`.
    """

    @abstractmethod
    def weights(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        r"""The weights :math:`\alpha`, `(B, heads, T, N)`: where each query attends."""

    @abstractmethod
    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        r"""The reads :math:`f`, `(B, T, P)`."""

    def start(self, key: Tensor, value: Tensor, mask: Tensor) -> Any:
        """A memory laid out for the many reads of `step`."""
        return key, value, mask

    def step(self, query: Tensor, memory: Any) -> Tensor:
        """What `forward` gives, of a memory that `start` laid out."""
        return self(query, *memory)

    def near(self, place: Tensor) -> Tensor | None:
        """What queries at places `(2, H, W)` have added to them, `(H W, P)`, if anything."""
        return None


class AdditiveRead(Read):
    r"""Additive attention, :math:`e_{tj} = w^\top \tanh(q_t + k_j)`, one head.

    The scores of a chunk of queries at a time are in memory, `chunk x N x P` numbers an item.

    Source: Reed et al., *Few-shot autoregressive density estimation*, 2018 (arXiv 1710.10304),
    section 3.1, after Bahdanau et al., 2015.

    Example:
        >>> read = AdditiveRead(8)
        >>> patches, mask = torch.randn(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)
        >>> read(torch.randn(2, 7, 8), patches, patches, mask).shape
        torch.Size([2, 7, 8])
    """

    def __init__(self, features: int, chunk: int = 64) -> None:
        super().__init__()
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, got {chunk}")
        self.chunk = chunk
        self.score = nn.Linear(features, 1, bias=False)

    def weights(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        score = self.score(torch.tanh(query[:, :, None] + key[:, None]))[..., 0]
        return score.masked_fill(~mask[:, None], -math.inf).softmax(dim=-1)[:, None]

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        chunks = query.split(self.chunk, dim=1)
        return torch.cat([self.weights(q, key, mask)[:, 0] @ value for q in chunks], dim=1)


class _Memory(NamedTuple):
    """Keys and values of each head, and which of them are there, if not all are; of the last
    conditions that know a single slot, as those without examples do, its value `(b, P)` alone."""

    key: Tensor
    value: Tensor
    there: Tensor | None
    sole: Tensor


# Adam moves every number by its learning rate. Where a head looks is said by nine numbers that
# have far to go (a mirror image is at -1, not at 1), so they are stored as eighths.
_PACE = 8.0


class DotProductRead(Read):
    r"""Scaled dot-product attention, :math:`e_{tj} = q_t^\top k_j / \sqrt{P / h}` a head.

    If it is local, a head is biased towards its own position :math:`p_t`:
    :math:`- \beta \lVert A p_t + b - p_j \rVert^2` is added to its scores, :math:`A = I, b = 0` at
    first and learned like :math:`\beta`. Four numbers added to queries, and four of the features
    of keys (`landmarked`), make that product.

    Source: Vaswani et al., *Attention is all you need*, 2017 (arXiv 1706.03762), equation 1.

    Arguments:
        features: Size P of queries, keys and values.
        heads: Number of heads h.
        local: Prefer what is near, at first; a head needs five features then.

    Raises:
        ValueError: If the heads do not divide the features, or these are too few.

    Example:
        >>> read = DotProductRead(8, heads=2)
        >>> patches, mask = torch.randn(2, 5, 8), torch.ones(2, 5, dtype=torch.bool)
        >>> read(torch.randn(2, 7, 8), patches, patches, mask).shape
        torch.Size([2, 7, 8])
    """

    def __init__(self, features: int, heads: int = 1, local: bool = False) -> None:
        super().__init__()
        if heads < 1 or features % heads:
            raise ValueError(f"heads must divide features: got heads={heads}, features={features}")
        if local and features < 5 * heads:
            raise ValueError(
                f"local needs {5 * heads} features (patches of a model) for heads={heads}, got"
                f" features={features}"
            )
        self.heads, self.features = heads, features
        # From a quarter of the image to a tenth of it.
        beta, affine = torch.linspace(1, 2.5, heads), torch.eye(2, 3).repeat(heads, 1, 1)
        self.log_beta = nn.Parameter(beta / _PACE) if local else None
        self.affine = nn.Parameter(affine / _PACE) if local else None

    def near(self, place: Tensor) -> Tensor | None:
        if self.log_beta is None or self.affine is None:
            return None
        homogeneous = F.pad(place.flatten(1), (0, 0, 0, 1), value=1.0)
        with torch.autocast(place.device.type, enabled=False):
            y, x = (_PACE * self.affine @ homogeneous).unbind(1)
        four = torch.stack([2 * y, 2 * x, -torch.ones_like(y), -(y**2 + x**2)], dim=-1)
        scale = (_PACE * self.log_beta).exp() * math.sqrt(self.features // self.heads)
        four = (scale[:, None, None] * four).transpose(0, 1)
        return F.pad(four, (0, self.features // self.heads - 4)).flatten(1)

    def extra_repr(self) -> str:
        return f"heads={self.heads}"

    def weights(self, query: Tensor, key: Tensor, mask: Tensor) -> Tensor:
        q, k = self._split(query), self._split(key)
        score = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return score.masked_fill(~mask[:, None, None], -math.inf).softmax(dim=-1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        return self._attend(query, self._split(key), self._split(value), mask[:, None, None])

    def start(self, key: Tensor, value: Tensor, mask: Tensor) -> _Memory:
        several = (mask.sum(dim=1) != 1).nonzero()
        asking = int(several.max()) + 1 if len(several) else 0
        sole = value[asking:][mask[asking:]]
        key, value, mask = key[:asking], value[:asking], mask[:asking]
        there = None if mask.all() else mask[:, None, None]
        return _Memory(self._split(key), self._split(value), there, sole)

    def step(self, query: Tensor, memory: _Memory) -> Tensor:
        asking, told = len(memory.key), len(memory.sole)
        if not told:
            return self._attend(query, *memory[:3])
        # All weight is on the one slot, whatever is asked.
        found = memory.sole.to(query)[:, None].expand(-1, query.shape[1], -1)
        if not asking:
            return found
        return torch.cat([self._attend(query[:asking], *memory[:3]), found])

    def _attend(self, query: Tensor, k: Tensor, v: Tensor, there: Tensor | None) -> Tensor:
        q, kind = self._split(query), query.device.type
        # Eight bits do not tell one place from the next: local queries are of 32 even in autocast.
        cast = torch.is_autocast_enabled(kind)
        with torch.autocast(kind, enabled=False) if cast else nullcontext():
            y = F.scaled_dot_product_attention(q, k.to(q), v.to(q), attn_mask=there)
        return y.transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def landmarked(key: Tensor, place: Tensor, heads: int) -> Tensor:
    """Keys `(B, 1 + N, P)` for a local read: all but the first say that they are at `(2, h, w)`.

    Four features of every head are given over to that. Queries are large there: anything else
    would drown what is near in noise.

    Raises:
        ValueError: If a head has fewer than five features.
    """
    features = key.shape[-1]
    if features < 5 * heads:
        raise ValueError(f"a local read needs 5 features a head: got {features} for {heads} heads")
    y, x = place.flatten(1)
    four = F.pad(torch.stack([y, x, y**2 + x**2, torch.ones_like(y)], dim=-1), (0, 0, 1, 0))
    four = four[:, None].expand(key.shape[0], -1, heads, -1)
    own = key.unflatten(-1, (heads, -1))[..., 4:].to(four.dtype)
    return torch.cat([four, own], dim=-1).flatten(2)


class Cache(NamedTuple):
    """Keys and values `(B, heads, past, features)` of the elements so far."""

    key: Tensor
    value: Tensor


class CausalSelfAttention(nn.Module):
    r"""Attention from each element to itself and the earlier ones.

    .. math:: y_t = W_o \sum_{s \le t} \alpha_{ts} v_s

    The state holds keys and values.

    Source: Vaswani et al., 2017 (arXiv 1706.03762), section 3.2.3.

    Arguments:
        features: Channels of :math:`x`.
        heads: Number of heads.
        size: Channels of keys, and of values, over all heads; `features` by default.
        outputs: Channels of :math:`y`; `features` by default.

    Raises:
        ValueError: If the heads do not divide the size.

    Example:
        >>> attention = CausalSelfAttention(8, heads=2)
        >>> attention(torch.randn(3, 10, 8)).shape
        torch.Size([3, 10, 8])
    """

    def __init__(
        self, features: int, heads: int = 1, size: int | None = None, outputs: int | None = None
    ) -> None:
        super().__init__()
        size = size or features
        if heads < 1 or size % heads:
            raise ValueError(f"heads must divide the key size: got heads={heads}, size={size}")
        self.heads = heads
        self.project = nn.Linear(features, 3 * size)
        self.out = nn.Linear(size, outputs or features)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.project(x).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Maps a signal `(B, T, C)` to `(B, T, D)`."""
        y = F.scaled_dot_product_attention(*self._split(x), is_causal=True)
        return self.out(y.transpose(1, 2).flatten(2))

    def start(self, batch: int) -> Cache:
        """The state before the first element."""
        size = self.out.in_features // self.heads
        empty = self.out.weight.new_zeros(batch, self.heads, 0, size)
        return Cache(empty, empty)

    def step(self, x: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        """Maps the next element `(B, C)` to `(B, D)`."""
        q, k, v = self._split(x[:, None])
        seen = Cache(torch.cat([state.key, k], dim=2), torch.cat([state.value, v], dim=2))
        y = F.scaled_dot_product_attention(q, seen.key, seen.value)
        return self.out(y.transpose(1, 2).flatten(2))[:, 0], seen
