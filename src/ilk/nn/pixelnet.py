"""The one conditional: parameters of p(x_t | x_<t, context), in two faces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Read
from .causal import HorizontalConv2d, Rows, VerticalConv2d
from .layer import PixelLayer, short, shortcuts
from .straight import Ahead, Straight
from .support import positions

__all__ = ["Conditional", "Context", "PixelNet"]


@dataclass(frozen=True, eq=False)
class Context:
    """What conditioning computes, once, for a batch of B conditions; empty without one.

    Attributes:
        summary: A vector each, `(B, F)`.
        key, value: Patches to read, `(B, N, P)`.
        mask: Which of these are there, `(B, N)`.
        weights: By name, parameters of the network of its own for each condition, `(B, ...)`.
    """

    summary: Tensor | None = None
    key: Tensor | None = None
    value: Tensor | None = None
    mask: Tensor | None = None
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """Number of conditions B, 1 if there is nothing to condition on."""
        return next((t.shape[0] for t in self.tensors().values()), 1)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors by name."""
        return self.told | {f"weights.{name}": t for name, t in self.weights.items()}

    @property
    def told(self) -> dict[str, Tensor]:
        """The tensors by name, without the weights."""
        named = {name: getattr(self, name) for name in ("summary", "key", "value", "mask")}
        return {name: t for name, t in named.items() if t is not None}

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> Context:
        """The reverse of `tensors`."""
        parts = {k: t for k, t in tensors.items() if not k.startswith("weights.")}
        weights = {k[8:]: t for k, t in tensors.items() if k.startswith("weights.")}
        return Context(**parts, weights=weights)

    @staticmethod
    def cat(contexts: Sequence[Context]) -> Context:
        """The conditions of several contexts of one model as one batch, `(sum of B, ...)`.

        Memories of fewer patches are filled up with patches that are not there.

        Example:
            >>> one = Context(key=torch.ones(1, 2, 3), mask=torch.ones(1, 2, dtype=torch.bool))
            >>> none = Context(key=torch.ones(1, 0, 3), mask=torch.ones(1, 0, dtype=torch.bool))
            >>> Context.cat([one, none]).mask.tolist()
            [[True, True], [False, False]]
        """
        most = max((c.mask.shape[1] for c in contexts if c.mask is not None), default=0)
        every = [c._filled(most).tensors() for c in contexts]
        return Context.of({name: torch.cat([t[name] for t in every]) for name in every[0]})

    def _filled(self, patches: int) -> Context:
        more = 0 if self.mask is None else patches - self.mask.shape[1]
        tensors = self.tensors()
        for name in {"key", "value", "mask"} & tensors.keys() if more else ():
            sides = (0, more) if name == "mask" else (0, 0, 0, more)
            tensors[name] = F.pad(tensors[name], sides)
        return Context.of(tensors)

    def spread(self, times: int) -> Context:
        """Every condition `times` in a row, `(B times, ...)`."""
        each = {
            name: t[:, None].expand(-1, times, *t.shape[1:]).flatten(0, 1)
            for name, t in self.tensors().items()
        }
        return Context.of(each)

    def to(self, *args: Any, **kwargs: Any) -> Context:
        """Moves or casts the tensors (a mask stays boolean)."""
        moved = {k: t.to(*args, **kwargs) for k, t in self.tensors().items()}
        if self.mask is not None:
            moved["mask"] = moved["mask"].bool()
        return Context.of(moved)

    def save(self, path: str | Path) -> None:
        """Writes the tensors as safetensors, to condition on them later without the set.

        Raises:
            OSError: If it can't be written; what was there stays.
            ValueError: If there is nothing to save.
        """
        from safetensors.torch import save

        from ..files import write_file

        if not self.tensors():
            raise ValueError("context is empty: an unconditional model has nothing to save")
        tensors = {k: t.detach().cpu().contiguous() for k, t in self.tensors().items()}
        write_file(Path(path), save(tensors))

    @staticmethod
    def load(path: str | Path) -> Context:
        """Reads what `save` wrote.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged, or no context.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return Context.of(load(Path(path).read_bytes()))
        except (SafetensorError, TypeError) as error:
            raise ValueError(f"{path} is no context, or damaged: {error}") from None


class Stacks(NamedTuple):
    """What lies between layers: stacks `(N, features, H, W)`, those of earlier layers if later
    ones take them in, and what was read, `(N, P, H, W)`."""

    vertical: Tensor
    horizontal: Tensor
    kept: tuple[tuple[Tensor, Tensor], ...] = ()
    read: Tensor | None = None


class Conditional(nn.Module, ABC):
    r"""One function: the parameters of :math:`p(x_t \mid x_{<t}, c)` for pixels in raster order.

    `forward` gives those of a whole image, `start` and `step` one pixel at a time. Images are
    integers. N images share B conditions in groups of N / B that follow one another.
    """

    @abstractmethod
    def forward(self, x: Tensor, context: Context) -> Tensor:
        """Parameters `(N, P, H, W)` of the pixels of images `(N, C, H, W)`."""

    @abstractmethod
    def start(self, batch: int, size: tuple[int, int], context: Context) -> Any:
        """The state before the first pixel of N images of a size `(H, W)`."""

    @abstractmethod
    def step(self, x: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """Takes in a pixel `(N, C)`, none at first; gives the parameters `(N, P)` of the next."""


class _Ask(NamedTuple):
    """A read as a step makes it: the map to queries, what is added to them at each pixel, the
    memory laid out, and how many conditions it is of."""

    weight: Tensor
    bias: Tensor
    near: tuple[Tensor, ...] | None
    memory: Any
    batch: int


class _Laid(NamedTuple):
    """What all steps share: values of pixels by level, and weights laid out."""

    value: Tensor
    ones: Tensor
    stem: Tensor
    head: tuple[tuple[Tensor, Tensor], ...]
    asks: tuple[_Ask, ...]
    place: tuple[Tensor, ...]
    width: int


class _State(NamedTuple):
    """What a step needs: what all share, the row so far, what each layer keeps."""

    laid: _Laid
    element: int
    column: int
    row: tuple[Tensor, ...]
    past: tuple[Tensor, ...]
    links: tuple[Tensor, ...]
    carried: tuple[tuple[Tensor, ...], ...]
    rows: Rows
    layers: tuple[Any, ...]
    straight: Ahead | None = None


class PixelNet(Conditional):
    r"""A stem, causal layers, reads of a support set between them, and a head.

    The image is shifted once, at the stem: down a row for the vertical stack, and along the
    raster for the horizontal one, which begins with the latest pixels, those of the row above
    too. From then on every layer takes in the present position as well. Before each layer
    named in `read_at`, the horizontal stack asks, :math:`q_t = W_q \, \mathrm{silu}(h_t)`, and
    what is read enters the horizontal stack of that layer and of all after it. The rows below may
    be told of it too, :math:`v_{i,j} \leftarrow v_{i,j} + W_c [\mathrm{silu}(h), f]_{i-1,j}`: what
    was read in a row depends on no pixel after it, so that nothing leaks.

    Arguments:
        channels: Channels of an image.
        levels: Values of a pixel, `0..levels-1`.
        layers: The backbone, of `GatedLayer` or `SnailLayer` or one's own.
        features: Channels of either stack.
        outputs: Parameters a pixel.
        reads: One `Read` for each entry of `read_at`.
        read_at: Indices of layers.
        patches: Channels of keys and values.
        kernel: Size of the stem's kernels, odd, 3 at least.
        place: Tell the stem where in the image each pixel is.
        values: Which parameters are values of pixels, for a straight path to them; see `Straight`.
        carry: Tell the rows below what was read.
    """

    def __init__(
        self,
        channels: int,
        levels: int,
        layers: Sequence[PixelLayer],
        features: int,
        outputs: int,
        *,
        reads: Sequence[Read] = (),
        read_at: Sequence[int] = (),
        patches: int = 0,
        kernel: int = 7,
        place: bool = True,
        values: range | None = None,
        carry: bool = False,
    ) -> None:
        super().__init__()
        if kernel < 3:
            raise ValueError(f"kernel must be at least 3, got {kernel}")
        self.levels, self.features = levels, features
        # Which reads come before a layer.
        self.asked = [[j for j, at in enumerate(read_at) if at == i] for i in range(len(layers))]
        self.vertical = VerticalConv2d(channels + 1, features, kernel)
        self.horizontal = HorizontalConv2d(channels + 1, features, kernel)
        self.place = nn.Conv2d(2, features, 1, bias=False) if place else None
        self.layers = nn.ModuleList(layers)
        self.sources = shortcuts(layers)
        self.reads = nn.ModuleList(reads)
        self.queries = nn.ModuleList(nn.Linear(features, patches) for _ in read_at)
        self.carry = nn.ModuleList(
            nn.Conv2d(features + patches, features, 1) for _ in read_at if carry
        )
        self.head = nn.Sequential(
            nn.SiLU(), nn.Conv2d(features, features, 1), nn.SiLU(), nn.Conv2d(features, outputs, 1)
        )
        self.straight = None if values is None else Straight(channels, values)

    @property
    def _layers(self) -> Sequence[Any]:
        return cast(Sequence[Any], self.layers)

    def _embed(self, x: Tensor) -> Tensor:
        """Pixels in [-1, 1], and a channel of ones that tells them from what lies outside."""
        x = x.to(self.vertical.conv.weight.dtype) * (2 / (self.levels - 1)) - 1
        return torch.cat([x, x.new_ones(1).expand_as(x[:, :1])], dim=1)

    def _near(self, size: tuple[int, int], like: Tensor) -> tuple[Tensor | None, ...]:
        """What is added to the queries of each read, `(H W, patches)`, if anything."""
        place = positions(*size, like=like)
        return tuple(cast(Read, read).near(place) for read in self.reads)

    def _query(self, i: int, h: Tensor, near: Tensor | None, context: Context) -> Tensor:
        """What read number i asks at positions `(N, T, features)`: `(B, N / B * T, patches)`."""
        query = self.queries[i](F.silu(h))
        query = query if near is None else query + near
        return query.unflatten(0, (context.batch, -1)).flatten(1, 2)

    def _read(self, i: int, h: Tensor, near: Tensor | None, context: Context) -> Tensor:
        """Read number i for positions `(N, T, features)`: `(N, T, patches)`."""
        query = self._query(i, h, near, context)
        read = self.reads[i](query, context.key, context.value, context.mask)
        return read.reshape(*h.shape[:2], read.shape[-1])

    def looks(self, x: Tensor, context: Context) -> list[Tensor]:
        """Where each read looks while images `(N, C, H, W)` are written.

        Returns:
            For each read the weights of all slots at every pixel, `(N, heads, H, W, slots)`.

        Raises:
            ValueError: If there is nothing to read in the context.
        """
        if context.key is None or context.mask is None:
            raise ValueError("context has no patches to read")
        size, found = (x.shape[-2], x.shape[-1]), []
        near = self._near(size, like=self.vertical.conv.weight)
        for layer, asked in enumerate(self.asked):
            for j in asked:
                h = self.begin(x, context, layer).horizontal.flatten(2).transpose(1, 2)
                query = self._query(j, h, near[j], context)
                weights = cast(Read, self.reads[j]).weights(query, context.key, context.mask)
                each = weights.unflatten(2, (-1, *size)).transpose(1, 2)
                found.append(each.flatten(0, 1))
        return found

    def forward(self, x: Tensor, context: Context) -> Tensor:
        return self.finish(x, self.begin(x, context, 0), context, 0)

    def begin(self, x: Tensor, context: Context, layer: int) -> Stacks:
        """The first part of `forward`: what layer number `layer` takes in."""
        above, recent = self._shifted(x)
        v = self.vertical(above)
        h = self.horizontal(recent).view_as(v) + v
        if self.place is not None:
            h = h + self.place(positions(*x.shape[-2:], like=above)[None])
        return self._through(Stacks(v, h), context, 0, layer)

    def _shifted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embedded pixels for either stack: shifted by a row, and by a pixel of the raster."""
        x = self._embed(x)
        if x.device.type == "cpu":
            # Channels innermost, in words that vmap understands.
            x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        return F.pad(x, (0, 0, 1, -1)), F.pad(x.flatten(2), (1, -1))[:, :, None]

    def below(self, layer: int) -> list[str]:
        """Names of the parameters that `begin` uses for a layer."""
        asked = [j for reads in self.asked[:layer] for j in reads]
        used = ["vertical", "horizontal", "place", *(f"layers.{i}" for i in range(layer))]
        used += [f"{part}.{j}" for part in ("reads", "queries", "carry") for j in asked]
        names = (name for name, _ in self.named_parameters())
        return [name for name in names if name.startswith(tuple(f"{part}." for part in used))]

    def finish(self, x: Tensor, stacks: Stacks, context: Context, layer: int) -> Tensor:
        """The rest of `forward`: layer number `layer`, all after it, and the head."""
        y = self.head(self._through(stacks, context, layer, len(self.layers)).horizontal)
        return y if self.straight is None else self.straight(*self._shifted(x), y)

    def _through(self, stacks: Stacks, context: Context, first: int, last: int) -> Stacks:
        """Layers number `first` up to, but without, `last`."""
        v, h, kept, read = stacks
        summary = _spread(context.summary, h.shape[0] // context.batch)
        near = self._near((h.shape[-2], h.shape[-1]), like=self.vertical.conv.weight)
        for i in range(first, last):
            for j in self.asked[i]:
                found = self._read(j, h.flatten(2).transpose(1, 2), near[j], context)
                found = found.transpose(1, 2).unflatten(2, h.shape[-2:])
                read = found if read is None else read + found
                if self.carry:
                    told = torch.cat([F.silu(h), found.to(h)], dim=1)
                    v = v + self.carry[j](F.pad(told, (0, 0, 1, -1)))
            v, h = self._layers[i](v, h, summary, read, *short(self.sources, i, kept))
            kept = (*kept, (v, h)) if self.sources else ()
        return Stacks(v, h, kept, read)

    def start(self, batch: int, size: tuple[int, int], context: Context) -> _State:
        width = size[1]
        # What all images share stays one row, which layers may add to their biases.
        summary = context.summary
        if context.batch > 1:
            summary = _spread(summary, batch // context.batch)
        rows = self.vertical.start(batch, width)
        # The image is shifted down and right: the stem first takes in a row and a pixel of zeros.
        above = rows.past[:, :, 0].unbind(-1)
        return _State(
            laid=self._lay(batch, size, context),
            element=0,
            column=0,
            row=above,
            past=(*self.horizontal.start(batch), above[0]),
            links=(),
            carried=tuple(
                (rows.past.new_zeros(batch, cast(nn.Conv2d, conv).in_channels),) * width
                for conv in self.carry
            ),
            rows=rows,
            layers=tuple(layer.start(batch, size, summary) for layer in self._layers),
            straight=None if self.straight is None else self.straight.start(batch, width),
        )

    def _lay(self, batch: int, size: tuple[int, int], context: Context) -> _Laid:
        weight = self.vertical.conv.weight
        place = cast(Tensor, self.horizontal.conv.bias).expand(*size, -1)
        if self.place is not None:
            grid = positions(*size, like=self.place.weight)
            place = place + torch.einsum("dp,phw->hwd", self.place.weight[:, :, 0, 0], grid)
        levels = torch.arange(self.levels, device=weight.device)[:, None]
        return _Laid(
            value=self._embed(levels)[:, 0],
            ones=weight.new_ones(batch, 1),
            stem=self.horizontal.matrix(),
            head=tuple(
                (conv.weight[:, :, 0, 0].t(), cast(Tensor, conv.bias))
                for conv in self.head
                if isinstance(conv, nn.Conv2d)
            ),
            asks=tuple(
                _Ask(
                    query.weight,
                    query.bias,
                    None if near is None else near.unbind(0),
                    read.start(context.key, context.value, context.mask),
                    context.batch,
                )
                for query, read, near in zip(
                    cast(Sequence[Any], self.queries),
                    cast(Sequence[Any], self.reads),
                    self._near(size, like=weight),
                    strict=True,
                )
            ),
            place=place[:, :, None].unbind(0),
            width=size[1],
        )

    def step(self, x: Tensor | None, state: _State) -> tuple[Tensor, _State]:
        if x is not None:
            laid = state.laid
            pixel = torch.cat((laid.value.take(x.long()), laid.ones), dim=1)
            past, row = (*state.past[1:], pixel), (*state.row, pixel)
            state = _State(*state[:3], row, past, *state[5:])
        if len(state.row) == state.laid.width:
            state = self._row(state)
        laid, element, column, row, past, links, carried, rows, kept, straight = state
        h = torch.addmm(links[column], torch.cat(past, dim=1), laid.stem)
        read, carried, layers, outputs = None, list(carried), [], []
        for i, (layer, own) in enumerate(zip(self._layers, kept, strict=True)):
            for j in self.asked[i]:
                asked = F.silu(h)
                found = self._step_read(j, asked, laid.asks[j], element)
                read = found if read is None else read + found
                if carried:
                    carried[j] = (*carried[j], torch.cat((asked, found), dim=1))
            taken = short(self.sources, i, outputs) if self.sources else ()
            h, own = layer.step(h, own, read, *taken)
            layers.append(own)
            outputs.append(h)
        for weight, bias in laid.head:
            h = torch.addmm(bias, F.silu(h), weight)
        if straight is not None:
            h = cast(Straight, self.straight).step(column, past, h, straight)
        done = (element + 1, column + 1, row, past, links, tuple(carried), rows, tuple(layers))
        return h, _State(laid, *done, straight)

    def _step_read(self, i: int, asked: Tensor, ask: _Ask, element: int) -> Tensor:
        """Read number i at one pixel, given `silu(h)`: `(N, patches)`."""
        query = F.linear(asked, ask.weight, ask.bias)
        query = query if ask.near is None else query + ask.near[element]
        query = query.view(ask.batch, -1, query.shape[-1])
        return cast(Read, self.reads[i]).step(query, ask.memory).reshape(len(asked), -1)

    def _row(self, state: _State) -> _State:
        """Takes in the row that is complete and begins the next one."""
        row = torch.stack(state.row, dim=-1)
        v, rows = self.vertical.step(row, state.rows)
        links = v.permute(2, 0, 1) + state.laid.place[state.element // state.laid.width]
        layers, outputs = [], []
        for i, (layer, kept) in enumerate(zip(self._layers, state.layers, strict=True)):
            for j in self.asked[i] if self.carry else ():
                conv, told = cast(nn.Conv2d, self.carry[j]), torch.stack(state.carried[j], dim=-1)
                v = v + F.conv1d(told, conv.weight[..., 0], conv.bias)
            v, kept = layer.row(v, kept, *short(self.sources, i, outputs))
            layers.append(kept)
            outputs.append(v)
        return state._replace(
            column=0,
            row=(),
            links=links.unbind(0),
            carried=((),) * len(state.carried),
            rows=rows,
            layers=tuple(layers),
            straight=state.straight and cast(Straight, self.straight).row(row, state.straight),
        )


def _spread(summary: Tensor | None, times: int) -> Tensor | None:
    """One summary for each image of its group."""
    return summary if summary is None or times == 1 else summary.repeat_interleave(times, dim=0)
