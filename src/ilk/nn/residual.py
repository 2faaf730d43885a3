"""The layers of PixelCNN++: gated residuals on two stacks, and a detour at half the resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .causal import Rows, VerticalConv2d
from .layer import PixelLayer, gates_of, short, shortcuts
from .snail import DownRightConv2d, Past

__all__ = ["Half", "ResidualLayer", "concat_elu"]


def concat_elu(x: Tensor) -> Tensor:
    r""":math:`\mathrm{elu}([x, -x])` along the channels (dimension 1): twice as many.

    Source: Salimans et al., *PixelCNN++*, 2017 (arXiv 1701.05517), their code.

    Example:
        >>> concat_elu(torch.tensor([[1.0, -1.0]]))
        tensor([[ 1.0000, -0.6321, -0.6321,  1.0000]])
    """
    return F.elu(torch.cat([x, -x], dim=1))


class _Matrices(NamedTuple):
    """Weights of 1x1 convolutions, laid out for steps."""

    link: Tensor
    short: Tensor | None
    read: Tensor | None


class _State(NamedTuple):
    matrices: _Matrices
    gates: tuple[Tensor, Tensor] | None
    rows: tuple[Rows, Rows]
    links: tuple[Tensor, ...]
    column: int
    past: tuple[Past, Past]


class ResidualLayer(PixelLayer):
    r"""Gated residuals of both stacks, which may take in an earlier layer's by a short-cut.

    .. math::
        (a, b) &= W_2 * \phi(W_1 * \phi(v) + S_v \, \phi(v_0)) + U_v f, &
        v' &= v + a \odot \sigma(b) \\
        (a, b) &= W_4 * \phi(W_3 * \phi(h) + L \, \phi(v') + S_h \, \phi(h_0)) + U_h f + R \, r, &
        h' &= h + a \odot \sigma(b)

    with :math:`\phi` = `concat_elu`. Kernels of the vertical stack are 2x3, those of the
    horizontal one 2x2. Dropout comes before the second convolution. There is no weight
    normalisation: the output of a residual starts small instead.

    Source: Salimans et al., *PixelCNN++*, 2017 (arXiv 1701.05517), sections 2.3 to 2.5.

    Arguments:
        features: Channels of either stack.
        summary, read, dropout: As in `GatedLayer`.
        short: Whether an earlier layer's stacks come in.

    Example:
        >>> layer = ResidualLayer(8)
        >>> v, h = layer(torch.randn(2, 8, 5, 5), torch.randn(2, 8, 5, 5))
    """

    def __init__(
        self,
        features: int,
        summary: int | None = None,
        read: int | None = None,
        dropout: float = 0.0,
        short: bool = False,
    ) -> None:
        super().__init__()
        self.vertical = nn.ModuleList(
            VerticalConv2d(2 * features, n * features, 3) for n in (1, 2)
        )
        self.horizontal = nn.ModuleList(
            DownRightConv2d(2 * features, n * features) for n in (1, 2)
        )
        self.link = nn.Conv2d(2 * features, features, 1, bias=False)
        self.short = (
            nn.ModuleList(nn.Conv2d(2 * features, features, 1, bias=False) for _ in range(2))
            if short
            else None
        )
        self.dropout = nn.Dropout(dropout)
        self.summary = nn.Linear(summary, 4 * features) if summary else None
        self.read = nn.Conv2d(read, 2 * features, 1, bias=False) if read else None
        with torch.no_grad():
            for last in (self.vertical[1], self.horizontal[1]):
                cast(nn.Conv2d, last.conv).weight.mul_(0.1)

    def forward(
        self,
        v: Tensor,
        h: Tensor,
        summary: Tensor | None = None,
        read: Tensor | None = None,
        short: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        gates = gates_of(self.summary, summary)
        c = self.vertical[0](concat_elu(v))
        if self.short is not None and short is not None:
            c = c + self.short[0](concat_elu(short[0]))
        c = self.vertical[1](self.dropout(concat_elu(c)))
        v = v + F.glu(c if gates is None else c + gates[0][..., None, None], dim=1)
        c = self.horizontal[0](concat_elu(h)) + self.link(concat_elu(v))
        if self.short is not None and short is not None:
            c = c + self.short[1](concat_elu(short[1]))
        c = self.horizontal[1](self.dropout(concat_elu(c)))
        if gates is not None:
            c = c + gates[1][..., None, None]
        if self.read is not None and read is not None:
            c = c + self.read(read)
        return v, h + F.glu(c, dim=1)

    def start(self, batch: int, size: tuple[int, int], summary: Tensor | None = None) -> _State:
        convs = (
            self.link,
            None if self.short is None else cast(nn.Conv2d, self.short[1]),
            self.read,
        )
        link, short, read = (None if c is None else c.weight[:, :, 0, 0].t() for c in convs)
        rows, past = (
            tuple(cast(Any, conv).start(batch, size[1]) for conv in stack)
            for stack in (self.vertical, self.horizontal)
        )
        matrices = _Matrices(cast(Tensor, link), short, read)
        gates = gates_of(self.summary, summary)
        return _State(matrices, gates, rows, (), 0, past)  # type: ignore[arg-type]

    def row(self, v: Tensor, state: _State, short: Tensor | None = None) -> tuple[Tensor, _State]:
        first, second = cast(Sequence[VerticalConv2d], self.vertical)
        c, above = first.step(concat_elu(v), state.rows[0])
        if self.short is not None and short is not None:
            c = c + self.short[0](concat_elu(short)[:, :, None])[:, :, 0]
        c, below = second.step(concat_elu(c), state.rows[1])
        v = v + F.glu(c if state.gates is None else c + state.gates[0][..., None], dim=1)
        links = concat_elu(v).permute(2, 0, 1) @ state.matrices.link
        return v, state._replace(rows=(above, below), links=links.unbind(0), column=0)

    def step(
        self,
        h: Tensor,
        state: _State,
        read: Tensor | None = None,
        short: Tensor | None = None,
    ) -> tuple[Tensor, _State]:
        matrices, gates, rows, links, column, (a, b) = state
        first, second = cast(Sequence[DownRightConv2d], self.horizontal)
        c, a = first.step(concat_elu(h), a)
        c = c + links[column]
        if matrices.short is not None and short is not None:
            c = torch.addmm(c, concat_elu(short), matrices.short)
        c, b = second.step(concat_elu(c), b)
        if gates is not None:
            c = c + gates[1]
        if matrices.read is not None and read is not None:
            c = torch.addmm(c, read, matrices.read)
        return h + F.glu(c, dim=1), _State(matrices, gates, rows, links, column + 1, (a, b))


class _HalfState(NamedTuple):
    """Where the detour stands, the last row of either stack, and what it has yet to add."""

    down: Tensor
    up: Tensor
    layers: tuple[Any, ...]
    even: bool
    above: Tensor
    second: Tensor | None
    before: tuple[Tensor, ...]
    row: tuple[Tensor, ...]
    right: Tensor | None
    lower: tuple[Tensor, ...]


class Half(PixelLayer):
    r"""A detour through layers at half the resolution, added to both stacks.

    .. math:: v' = v + \mathrm{up}(\mathrm{layers}(\mathrm{down}(v))), \qquad h' \text{ likewise}

    Down: a convolution of stride 2 over the two rows (and columns) that end at (2i, 2j), so that
    an element (i, j) in between knows what (2i, 2j) may know. Up: each such element is written to
    the four from (2i, 2j) to (2i + 1, 2j + 1), none of which comes earlier. In steps the layers in
    between move on at every second row and column alone. The second half of them takes in the
    stacks of the first by short-cuts. A read does not come here but by the horizontal stack.

    Source: Salimans et al., *PixelCNN++*, 2017 (arXiv 1701.05517), section 2.3.

    Arguments:
        features: Channels of either stack.
        layers: Those in between, see `shortcuts`.

    Example:
        >>> half = Half(8, [ResidualLayer(8), ResidualLayer(8, short=True)])
        >>> v, h = half(torch.randn(2, 8, 5, 5), torch.randn(2, 8, 5, 5))
    """

    def __init__(self, features: int, layers: Sequence[PixelLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.sources = shortcuts(layers)
        self.vertical_down = nn.Conv2d(features, features, (2, 3), stride=2, padding=(0, 1))
        self.horizontal_down = nn.Conv2d(features, features, 2, stride=2)
        self.vertical_up = nn.ConvTranspose2d(features, features, 2, stride=2)
        self.horizontal_up = nn.ConvTranspose2d(features, features, 2, stride=2)

    @property
    def _layers(self) -> Sequence[Any]:
        return cast(Sequence[Any], self.layers)

    def forward(
        self, v: Tensor, h: Tensor, summary: Tensor | None = None, read: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        height, width = v.shape[-2:]
        a = self.vertical_down(F.pad(v, (0, 0, 1, 0)))
        b = self.horizontal_down(F.pad(h, (1, 0, 1, 0)))
        kept = []
        for i, layer in enumerate(self._layers):
            a, b = layer(a, b, summary, None, *short(self.sources, i, kept))
            kept.append((a, b))
        a, b = self.vertical_up(a), self.horizontal_up(b)
        return v + a[..., :height, :width], h + b[..., :height, :width]

    def start(self, batch: int, size: tuple[int, int], summary: Tensor | None = None) -> Any:
        half = (-(-size[0] // 2), -(-size[1] // 2))
        weight = self.horizontal_down.weight
        zeros = weight.new_zeros(batch, weight.shape[1])
        return _HalfState(
            down=weight.permute(2, 3, 1, 0).flatten(0, 2),
            up=self.horizontal_up.weight.permute(0, 2, 3, 1).flatten(1),
            layers=tuple(layer.start(batch, half, summary) for layer in self._layers),
            even=False,
            above=zeros[..., None].expand(-1, -1, size[1]),
            second=None,
            before=(),
            row=(zeros,) * size[1],
            right=None,
            lower=(),
        )

    def row(self, v: Tensor, state: _HalfState) -> tuple[Tensor, _HalfState]:
        state = state._replace(even=not state.even, above=v, before=state.row, row=())._replace(
            **self._new_row(v, state) if not state.even else {}
        )
        return v + cast(Tensor, state.second)[:, :, 0 if state.even else 1, : v.shape[-1]], state

    def _new_row(self, v: Tensor, state: _HalfState) -> dict[str, Any]:
        """The layers in between take in a row, at every second one."""
        a = self.vertical_down(torch.stack([state.above, v], dim=2))[:, :, 0]
        kept, layers = [], []
        for i, (layer, s) in enumerate(zip(self._layers, state.layers, strict=True)):
            a, s = layer.row(a, s, *short(self.sources, i, kept))
            kept.append(a)
            layers.append(s)
        return {"second": self.vertical_up(a[:, :, None]), "layers": tuple(layers), "lower": ()}

    def step(
        self, h: Tensor, state: _HalfState, read: Tensor | None = None
    ) -> tuple[Tensor, _HalfState]:
        column = len(state.row)
        if not state.even:
            return h + state.lower[column], state._replace(row=(*state.row, h))
        if column % 2:
            added = cast(Tensor, state.right)
            return h + added, state._replace(row=(*state.row, h), right=None)
        added, state = self._new_pixel(h, state, column)
        return h + added, state._replace(row=(*state.row, h))

    def _new_pixel(self, h: Tensor, state: _HalfState, column: int) -> tuple[Tensor, _HalfState]:
        """The layers in between take in a pixel, at every second row and column."""
        zeros = torch.zeros_like(h)
        left = (state.before[column - 1], state.row[-1]) if column else (zeros, zeros)
        window = torch.cat([left[0], state.before[column], left[1], h], dim=1)
        b = torch.addmm(cast(Tensor, self.horizontal_down.bias), window, state.down)
        kept, layers = [], []
        for i, (layer, s) in enumerate(zip(self._layers, state.layers, strict=True)):
            b, s = layer.step(b, s, None, *short(self.sources, i, kept))
            kept.append(b)
            layers.append(s)
        four = (b @ state.up).unflatten(1, (4, -1)) + cast(Tensor, self.horizontal_up.bias)
        here, right, *lower = four.unbind(1)
        lower = (*state.lower, *lower)
        return here, state._replace(layers=tuple(layers), right=right, lower=lower)
