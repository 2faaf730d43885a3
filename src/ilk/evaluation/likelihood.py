"""Nats by shots: how likely held-out images of a kind are, given a few others of that kind."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..data.episodes import Episodes
from ..data.kinds import Kinds
from ..distributions import Sides, Turned
from ..models.base import Model
from ..models.identity import fingerprint
from ..nn.mode import resting
from ..precision import Choice, Precision, Probe, choose
from ..processes import share

__all__ = [
    "SHOTS",
    "Row",
    "clustered_stderr",
    "evaluating",
    "fits",
    "fitting_precision",
    "nats",
    "nats_by_shots",
]

SHOTS = (0, 1, 2, 4, 8)
COARSE = 16  # levels: values of more are not told apart well by the 8 bits of bfloat16

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Row:
    r"""A row of a table: mean negative log-likelihood of queries, in nats.

    Attributes:
        shots: Support images of each query, `"-"` for a model that takes none.
        nats_per_dim: :math:`-\frac{1}{D} \log p(x \mid s)`, mean over queries, D = C H W.
        stderr: Standard error of `nats_per_dim` over kinds; NaN if there is only one.
        nats_per_image: :math:`-\log p(x \mid s)`, mean over queries.
        kinds: Number of kinds.
        queries: Number of queries, of all kinds together.
        each: Mean over the queries of each kind, nats/dim, in their order.
        counts: Number of queries of each kind; equal where they are not given.
    """

    shots: int | Literal["-"]
    nats_per_dim: float
    stderr: float
    nats_per_image: float
    kinds: int
    queries: int
    each: tuple[float, ...] = field(default=(), repr=False)
    counts: tuple[int, ...] = field(default=(), repr=False)

    @property
    def bits_per_dim(self) -> float:
        """`nats_per_dim` over log 2."""
        return self.nats_per_dim / math.log(2)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON-able values; a standard error that there is not is None."""
        stderr = None if math.isnan(self.stderr) else self.stderr
        row = asdict(self) | {"stderr": stderr, "bits_per_dim": self.bits_per_dim}
        return {key: value for key, value in row.items() if key not in ("each", "counts")}

    def above(self, other: Row) -> tuple[float, float]:
        """How much more nats a dimension than another row, and the standard error of that.

        The same queries are scored twice, so what one kind has more than another cancels: the
        error over kinds is that of the difference, far below those of the rows.

        Raises:
            ValueError: If the rows have not the same numbers of kinds and queries.

        Example:
            >>> mine, yours = (
            ...     Row(1, sum(each) / 3, 0.0, 0.0, 3, 3, each)
            ...     for each in ((0.5, 0.25, 0.75), (0.375, 0.125, 0.5))
            ... )
            >>> mine.above(yours)
            (0.1667, 0.0417)
        """
        if not self.each or len(self.each) != len(other.each) or self.counts != other.counts:
            raise ValueError(
                f"other: {len(other.each)} kinds of {other.queries} queries, wanted the"
                f" {len(self.each)} kinds of {self.queries} queries of this row"
            )
        mine, yours = (torch.tensor(row.each, dtype=torch.float64) for row in (self, other))
        counts = torch.tensor(self.counts or (1,) * len(self.each))
        kind = torch.arange(len(counts)).repeat_interleave(counts)
        difference = (mine - yours)[kind]
        return float(difference.mean()), clustered_stderr(difference, kind)


def nats_by_shots(
    model: Model,
    episodes: Episodes,
    shots: Sequence[int] = SHOTS,
    *,
    sides: Sides = 1,
    batch: int = 16,
    precision: Precision = "float32",
    shared: bool = False,
    keep: Path | None = None,
    on_progress: Progress | None = None,
) -> list[Row]:
    """One row for each number of shots, or a single one for a model that takes no support set.

    Every query is scored, the same ones for every number of shots. A support set is encoded once
    for all its queries.

    Arguments:
        model: Unconditional, or conditioned on a support set.
        episodes: Fixed test episodes.
        shots: Numbers of support images.
        sides: Score a few-shot model by a mixture over orders of writing, see `Turned`.
        batch: Kinds at once.
        precision: `"bf16"` runs the network, not the likelihood, in bfloat16 where autocast does;
            `"auto"` is what `fitting_precision` says.
        shared: Share the batches out among processes, see `ilk.processes.share`; all get all rows.
        keep: A folder to keep what was scored in, and to find it.
        on_progress: Called with the episodes scored so far and their total, over all rows.

    Raises:
        ValueError: If the model takes labels or other images, or there are too few support images.

    Example:
        >>> import ilk
        >>> images = torch.randint(2, (40, 1, 4, 4)).byte()
        >>> kinds = ilk.data.Kinds(images, torch.arange(40) // 20, ("a", "b"), 2, "noise")
        >>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
        >>> rows = nats_by_shots(model, ilk.data.test_episodes(kinds), shots=(0, 4))
        >>> [(row.shots, row.queries) for row in rows]
        [(0, 24), (4, 24)]
    """
    fits(model, episodes.kinds)
    few_shot, most = model.conditioning == "support", episodes.support.shape[1]
    wanted = tuple(shots) if few_shot else (0,)
    if not wanted or min(wanted) < 0 or max(wanted) > most:
        raise ValueError(f"shots must be some of 0..{most}, got {wanted}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    starts = range(0, len(episodes), batch)
    items = [(k, start) for k in wanted for start in starts]
    total = len(wanted) * len(episodes)

    def scored(item: tuple[int, int]) -> list[list[float]]:
        b = episodes.batch(item[0], item[1], item[1] + batch)
        p = _given(model, b.support, b.mask, sides) if few_shot else model()
        return p.log_prob(b.queries).cpu().double().tolist()

    def progress(done: int, parts: int) -> None:
        if on_progress is not None:
            on_progress(sum(min(batch, len(episodes) - start) for _, start in items[:done]), total)

    about = [fingerprint(model), episodes.digest, sides, precision, batch] if keep else []
    keys = ["\0".join(map(str, [*about, *item])) for item in items]
    with evaluating(model, precision):
        work = share if shared else functools.partial(share, alone=True)
        found = work(scored, items, "likelihood", keys, keep, progress)
    rows = []
    for i, k in enumerate(wanted):
        parts = found[i * len(starts) : (i + 1) * len(starts)]
        log_prob = torch.cat([torch.tensor(part, dtype=torch.float64) for part in parts], dim=1)
        kind = torch.arange(len(episodes)).expand_as(log_prob)
        rows.append(_row(k if few_shot else "-", log_prob.flatten(), kind.flatten(), model))
    return rows


def nats(model: Model, kinds: Kinds, batch: int = 256) -> Row:
    """The row of an unconditional model over all images of a data set.

    Arguments:
        model: Unconditional.
        kinds: The data set.
        batch: Images at once.

    Raises:
        ValueError: If the model is conditional or made for other images, or `batch` is below 1.
    """
    fits(model, kinds)
    if model.conditioning != "none":
        raise ValueError(f"model must be unconditional, got conditioning {model.conditioning!r}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    with evaluating(model):
        parts = [model().log_prob(x).cpu().double() for x in kinds.images.split(batch)]
    return _row("-", torch.cat(parts), kinds.kind, model)


def clustered_stderr(values: Tensor, group: Tensor) -> float:
    r"""Standard error of the mean of values that come in groups: groups vary, not values.

    .. math::
        \mathrm{se} = \frac{1}{N} \sqrt{\frac{G}{G - 1} \sum_g
        \Big( \sum_{i \in g} (v_i - \bar v) \Big)^2}

    With groups of equal size, the standard deviation of their means over :math:`\sqrt G`; NaN for
    one group.

    Arguments:
        values: `(N,)`.
        group: Integers `(N,)`.

    Example:
        >>> clustered_stderr(torch.tensor([1.0, 3.0, 4.0, 8.0]), torch.tensor([0, 0, 1, 1]))
        2.0
    """
    index = group.unique(return_inverse=True)[1]
    count = int(index.max()) + 1
    if count < 2:
        return math.nan
    sums = torch.zeros(count, dtype=torch.float64)
    sums.index_add_(0, index, values.double() - values.double().mean())
    return math.sqrt(count / (count - 1) * float(sums.square().sum())) / len(values)


def fits(model: Model, kinds: Kinds) -> None:
    """Checks that a model can score the images of a data set.

    Raises:
        ValueError: If it takes labels, or images of another shape or with other levels.
    """
    if model.conditioning == "label":
        raise ValueError("model takes labels, and the labels of test kinds are new to it")
    if (model.shape, model.levels) != (kinds.shape, kinds.levels):
        raise ValueError(
            f"model is for images {model.shape} of {model.levels} levels, but {kinds.name!r} has"
            f" images {kinds.shape} of {kinds.levels} levels"
        )


def fitting_precision(
    model: Model, wanted: Precision = "auto", probe: Probe | None = None
) -> Choice:
    """The precision to measure a model in: `auto` is the one that its device is quicker in.

    Images of many levels are measured in float32: bfloat16 has 8 bits, and so has a pixel.

    Arguments:
        model: To be measured.
        wanted: `auto`, or the precision itself.
        probe: See `ilk.precision.choose`.

    Raises:
        ValueError: If there is no such precision.

    Example:
        >>> import ilk
        >>> model = ilk.models.GatedPixelCNN((3, 4, 4), 256, likelihood="logistics", depth=2)
        >>> print(fitting_precision(model))
        precision float32: bfloat16 is too coarse for 256 levels
    """
    if wanted == "auto" and model.levels > COARSE:
        return Choice("float32", f"bfloat16 is too coarse for {model.levels} levels")
    return choose(wanted, model.device, probe)


@contextlib.contextmanager
def evaluating(model: Model, precision: Precision = "float32") -> Iterator[None]:
    """No gradients, no dropout, and a precision; the modules' modes are restored at the end."""
    fast = fitting_precision(model, precision).precision == "bf16"
    with (
        resting(model),
        torch.no_grad(),
        torch.autocast(model.device.type, torch.bfloat16, enabled=fast),
    ):
        yield


def _given(model: Model, support: Tensor, mask: Tensor, sides: Sides) -> Distribution:
    return model(support, mask) if sides == 1 else Turned.of(model, support, mask, sides)


def _row(shots: int | Literal["-"], log_prob: Tensor, kind: Tensor, model: Model) -> Row:
    index, count = kind.unique(return_inverse=True)[1], kind.unique(return_counts=True)[1]
    sums = torch.zeros(len(count), dtype=log_prob.dtype).index_add_(0, index, log_prob)
    return Row(
        shots=shots,
        nats_per_dim=-float(log_prob.mean()) / model.dims,
        stderr=clustered_stderr(log_prob, kind) / model.dims,
        nats_per_image=-float(log_prob.mean()),
        kinds=len(kind.unique()),
        queries=len(log_prob),
        each=tuple((-sums / count / model.dims).tolist()),
        counts=tuple(count.tolist()),
    )
