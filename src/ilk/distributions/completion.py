r"""Completions given what follows too: importance resampling, then passes over blocks.

A raster model draws a pixel given those before it. What is known after an unknown pixel can't
guide the draw, only weight it: a draw of the unknown pixels U in raster order comes from
:math:`q(x_U) = \prod_{t \in U} p(x_t \mid x_{<t})`, the conditional wanted is proportional to
p(x), and their ratio is the weight

.. math:: w(x) = p(x) / q(x_U) = \prod_{t \notin U} p(x_t \mid x_{<t}).

`resample` draws several times and keeps one by weight, which is exact in the limit of many.
`sweep` does so for a block at a time, given all else, with the pixels that are there among those
to choose from. That leaves the conditional exactly as it is, for any number of draws, so passes
come ever closer to it.

Source: Rubin, 1987 (sampling importance resampling); Tjelmeland, *Using all Metropolis-Hastings
proposals to estimate mean values*, 2004; Andrieu, Doucet and Holenstein, *Particle Markov chain
Monte Carlo methods*, 2010.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from ..steps import Steps, finish
from .autoregressive import Autoregressive, device_of

__all__ = ["Completions", "complete_around", "completing", "follows", "resample", "sweep"]

VALUES = 1 << 17  # drawn at once: 190 images of 26x26
SCORED = 1 << 14  # in one step
SCORING = 14  # pixels that are drawn in about the time that scoring an image takes
Progress = Callable[[int, int], None]
Result = TypeVar("Result")
# Images as they are, and the work of the step, in pixels drawn.
_Worked: TypeAlias = Steps[tuple[Tensor, int], Result]


@dataclass(frozen=True)
class Completions:
    r"""Completions of an image.

    Attributes:
        images: `(n, C, H, W)`.
        nats: :math:`\log p(x)` of each whole image, `(n,)`.
        exact: Whether each is an exact draw: no known pixel follows an unknown one.
        effective: Of the draws that one is kept of at first, the effective sample size: 1 is bad.
            The mean of :math:`1 / \sum_i w_i^2` with weights that sum to one.
    """

    images: Tensor
    nats: Tensor
    exact: bool
    effective: float


@torch.no_grad()
def complete_around(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    count: int = 4,
    particles: int = 8,
    passes: int = 2,
    block: int = 6,
    generator: torch.Generator | None = None,
    on_progress: Progress | None = None,
) -> Completions:
    """Draws the unknown pixels of an image given all known ones, wherever they are.

    Where the unknown pixels end the image, draws are exact and nothing is weighed. Otherwise they
    are those of a Markov chain each, begun by importance resampling, after some passes.

    Arguments:
        p: One distribution, not a batch.
        x: An image `(C, H, W)`; what it holds at unknown pixels is ignored.
        known: Boolean, broadcast to `x`, the same for all channels: true where a pixel is kept.
        count: How many completions, independent of one another.
        particles: Draws that one is kept of, at first and for each block.
        passes: How often every block is redrawn.
        block: Side of a block, in pixels.
        generator: Source of randomness.
        on_progress: Called with the passes done so far and their total.

    Raises:
        ValueError: If `p` is a batch, nothing is unknown, or a number is out of range.

    Example:
        >>> import ilk
        >>> p = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)()
        >>> x, known = torch.zeros(1, 4, 4, dtype=torch.uint8), torch.ones(4, 4) > 0
        >>> known[:2] = False                                   # the lower half is known
        >>> done = complete_around(p, x, known, count=3)
        >>> done.images.shape, done.exact, bool((done.images[:, :, 2:] == 0).all())
        (torch.Size([3, 1, 4, 4]), False, True)
    """
    return finish(completing(p, x, known, count, particles, passes, block, generator, on_progress))


@torch.no_grad()
def completing(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    count: int = 4,
    particles: int = 8,
    passes: int = 2,
    block: int = 6,
    generator: torch.Generator | None = None,
    on_progress: Progress | None = None,
) -> Steps[tuple[Tensor, float], Completions]:
    """As `complete_around`, in steps: the images as they are, and the share of the work done.

    The images of a step are written on by the next; copy them to keep them. The share is an
    estimate that ends near 1.
    """
    x, known = x.to(p.device), known.to(p.device)
    unknown = _unknown(p, x, known)
    least = {"count": (count, 1), "particles": (particles, 1), "passes": (passes, 0)}
    for name, (value, wanted) in {**least, "block": (block, 1)}.items():
        if value < wanted:
            raise ValueError(f"{name} must be at least {wanted}, got {value}")
    exact = not follows(~unknown)
    if exact:
        particles, passes = 1, 0
    x = p.checked(torch.where(~unknown, x, 0))
    images = x.to(p.dtype).expand(count, *x.shape)
    drafts = count * particles
    walks = -(-drafts // _at_once(p, VALUES))
    sweep = sum(walks * _end(here) + SCORING * drafts for here in _squares(unknown, block, 0, 0))
    done, total = 0, walks * unknown.numel() + passes * sweep
    chain = _chain(p, images, ~unknown, particles, passes, block, generator, on_progress)
    while True:
        try:
            images, work = next(chain)
        except StopIteration as end:
            images, effective = end.value
            return Completions(images, p.log_prob(images), exact, effective)
        done += work
        yield images, min(1.0, done / total)


def _chain(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    particles: int,
    passes: int,
    block: int,
    generator: torch.Generator | None,
    on_progress: Progress | None,
) -> _Worked[tuple[Tensor, float]]:
    images, effective = yield from _resample(p, x, known, particles, generator)
    for done in range(passes):
        images = yield from _sweep(p, images, known, particles, block, generator)
        if on_progress is not None:
            on_progress(done + 1, passes)
    return images, effective


def _end(here: Tensor) -> int:
    """How many pixels a walk takes to the last of these."""
    return int(here.flatten().nonzero().max()) + 1


def follows(known: Tensor) -> bool:
    """Whether a known pixel of `(H, W)` comes after an unknown one, in raster order.

    Example:
        >>> follows(torch.tensor([[True, False]])), follows(torch.tensor([[False, True]]))
        (False, True)
    """
    flat = known.flatten()
    return bool((flat[1:] & (~flat).cummax(dim=0).values[:-1]).any())


@torch.no_grad()
def resample(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    particles: int = 8,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, float]:
    """One of several raster completions of each image, by weight; and the effective sample size.

    Arguments:
        p: One distribution.
        x: Images `(n, C, H, W)`.
        known: Boolean `(H, W)`.
        particles: Draws of each image.
        generator: Source of randomness.
    """
    return finish(_resample(p, x, known, particles, generator))


@torch.no_grad()
def sweep(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    particles: int = 8,
    block: int = 6,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draws every block's unknown pixels anew, given all else: images `(n, C, H, W)` as before.

    Each block is drawn `particles - 1` times, and one of these or what is there is kept by weight.
    Blocks are squares of a grid that lies anew each time, in a random order.

    Arguments:
        p, x, known, particles, generator: As in `resample`; a single particle changes nothing.
        block: Side of a block, in pixels.
    """
    return finish(_sweep(p, x, known, particles, block, generator))


def _resample(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    particles: int,
    generator: torch.Generator | None,
) -> _Worked[tuple[Tensor, float]]:
    drawn, kept = yield from _draw(p, x, known, particles, generator, known.numel())
    weight = _normalised(kept)
    return _choose(drawn, weight, generator), float((1 / weight.square().sum(dim=1)).mean())


def _sweep(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    particles: int,
    block: int,
    generator: torch.Generator | None,
) -> _Worked[Tensor]:
    for here in _blocks(~known, block, generator):
        fresh, _ = yield from _draw(p, x, ~here, particles - 1, generator, _end(here))
        choice = torch.cat([x[:, None], fresh], dim=1)
        x = _choose(choice, (yield from _weight(p, choice, ~here)), generator)
    return x


def _unknown(p: Autoregressive, x: Tensor, known: Tensor) -> Tensor:
    if p.batch_shape:
        raise ValueError(f"p must be one distribution, got a batch {tuple(p.batch_shape)}")
    if x.shape != p.event_shape:
        raise ValueError(f"x must be an image {tuple(p.event_shape)}, got {tuple(x.shape)}")
    if known.dtype != torch.bool:
        raise ValueError(f"known must be a boolean mask, got {known.dtype}")
    try:
        each = known.broadcast_to(x.shape)
    except RuntimeError:
        wanted, got = tuple(x.shape), tuple(known.shape)
        raise ValueError(f"known must broadcast to x, {wanted}; got shape {got}") from None
    if (each.any(dim=0) != each.all(dim=0)).any():
        raise ValueError("known must be the same for all channels of a pixel")
    if each.all():
        raise ValueError("known: every pixel is, there is nothing to draw")
    return ~each[0]


def _draw(
    p: Autoregressive,
    x: Tensor,
    known: Tensor,
    times: int,
    generator: torch.Generator | None,
    end: int,
) -> _Worked[tuple[Tensor, Tensor]]:
    """Raster completions `(n, times, C, H, W)` from a walk of `end` pixels, and the nats of the
    known ones among these, `(n, times)`. As they grow it gives the first of each image."""
    drawn, width, nats = x[:, None].repeat(1, times, 1, 1, 1), known.shape[1], []
    for part in drawn.flatten(0, 1).split(_at_once(p, VALUES)) if times else ():
        kept, row = torch.zeros(len(part), dtype=torch.float64), []
        for t, step in enumerate(islice(p.trace(part, known.expand_as(part), generator), end)):
            part[..., t // width, t % width] = step[0]
            row.append(step)
            if len(row) == width or t + 1 == end:
                there = known.flatten()[t + 1 - len(row) : t + 1]
                kept += _nats(p, row, there.to(part.device)).cpu()
                row = []
            yield drawn[:, 0], 1
        nats.append(kept)
    return drawn, (torch.cat(nats) if nats else torch.zeros(0)).view(len(x), times)


def _nats(p: Autoregressive, row: list[tuple[Tensor, Tensor]], there: Tensor) -> Tensor:
    """Nats of those pixels of a walk that are there, summed, `(N,)`."""
    x, parameters = (torch.stack(parts, dim=-1)[:, :, None] for parts in zip(*row, strict=True))
    return (p.likelihood.log_prob(parameters, x).double() * there).sum(dim=(1, 2, 3))


def _weight(p: Autoregressive, x: Tensor, known: Tensor) -> _Worked[Tensor]:
    """Normalised weights `(n, times)` of completions: of the pixels that were not drawn."""
    parts = []
    for part in x.flatten(0, 1).split(_at_once(p, SCORED)):
        parts.append(p.log_prob_per_dim(part))
        yield x[:, 0], SCORING * len(part)
    kept = torch.cat(parts).double() * known.to(parts[0].device)
    return _normalised(kept.sum(dim=(1, 2, 3)).unflatten(0, x.shape[:2]))


def _normalised(nats: Tensor) -> Tensor:
    return nats.softmax(dim=1).cpu()


def _at_once(p: Autoregressive, values: int) -> int:
    return max(1, values // p.event_shape.numel())


def _choose(x: Tensor, weight: Tensor, generator: torch.Generator | None) -> Tensor:
    weight = weight.to(device_of(generator))
    chosen = torch.multinomial(weight, 1, generator=generator)[:, 0]
    return x[torch.arange(len(x)), chosen.to(x.device)]


def _blocks(unknown: Tensor, side: int, generator: torch.Generator | None) -> list[Tensor]:
    """Masks `(H, W)` that share the unknown pixels out among squares, in a random order."""
    device = device_of(generator)
    top, left = torch.randint(side, (2,), generator=generator, device=device).tolist()
    there = _squares(unknown, side, top, left)
    order = torch.randperm(len(there), generator=generator, device=device).tolist()
    return [there[i] for i in order]


def _squares(unknown: Tensor, side: int, top: int, left: int) -> list[Tensor]:
    height, width = unknown.shape
    rows = (torch.arange(height, device=unknown.device) + top) // side
    columns = (torch.arange(width, device=unknown.device) + left) // side
    square = rows[:, None] * (width + side) + columns
    return [unknown & (square == number) for number in square[unknown].unique()]
