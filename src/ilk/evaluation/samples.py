"""What samples are worth: are they recognised, how do they vary, and are they copies?

Of every kind some drawings are the examples, some are *people's*, to be compared with, and of the
rest come the prototypes of a `Judge` that was trained on other kinds.

* recognised: the share that the judge finds nearest to the prototype of its kind among `ways`.
* diversity: the mean distance between two samples of a kind, over that between two of people's.
* distance: the mean distance to the nearest example, over that of people's. Copies are at 0.

Distances are those of the judge's embedding. Samples that are not recognised are diverse too, so
that the second figure means little without the first.

Source: recognisability and diversity of samples, Boutin et al., *Diversity vs. recognizability:
human-like generalization in one-shot generative models*, 2022 (arXiv 2205.10370), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.kinds import Kinds
from ..distributions import pick
from ..models.base import Model
from .judge import Judge
from .likelihood import evaluating

__all__ = ["Drawing", "SampleRow", "sample_quality"]

AT_ONCE = 256
PROTOTYPE = 8


class Drawing(NamedTuple):
    """How samples are drawn.

    Attributes:
        guidance: See `Autoregressive.guided`.
        of: From so many draws of a kind those that are judged are picked; 0 takes them as they
            come.
    """

    guidance: float = 0.0
    of: int = 0


@dataclass(frozen=True)
class SampleRow:
    """Figures of one way to draw, see the module; `who` is `"people"` for drawings by hand.

    Attributes:
        recognised, recognised_stderr: Mean and standard error over kinds, 0 to 1.
        diversity, distance: Over people's; theirs are 1.
        blank: Share of samples that are one colour.
    """

    who: str
    guidance: float
    of: int
    recognised: float
    recognised_stderr: float
    diversity: float
    distance: float
    blank: float
    kinds: int
    samples: int

    def to_json(self) -> dict[str, Any]:
        """The row as JSON-able values."""
        return asdict(self)


class _Embedded(NamedTuple):
    """Features `(kinds, n, F)` of a data set's images, by their part."""

    examples: Tensor
    people: Tensor
    prototypes: Tensor
    tasks: Tensor

    def of(self, some: slice) -> _Embedded:
        """Some of the kinds, to be told from all of them."""
        examples, people, prototypes, tasks = self
        return _Embedded(examples[some], people[some], prototypes, tasks[some])


def sample_quality(
    model: Model,
    kinds: Kinds,
    judge: Judge,
    drawings: Sequence[Drawing] = (Drawing(), Drawing(0.5)),
    *,
    shots: int = 4,
    count: int = 8,
    ways: int = 20,
    every: int = 1,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[SampleRow]:
    """A row for people's drawings, and one for each way to draw samples of all kinds.

    Arguments:
        model: Takes a support set.
        kinds: Those it was not trained on; of each `shots` examples are shown.
        judge: Trained on other kinds than these.
        drawings: Ways to draw.
        shots: Examples of a kind.
        count: Samples of a kind, and drawings of people.
        ways: Kinds that the judge chooses among.
        every: Draw for every so many of the kinds alone; the judge chooses among all.
        seed: Of what is shown, of the tasks and of the samples.
        on_progress: Called with what is drawn, the kinds done and their number.

    Raises:
        ValueError: If the model takes no support set, or there are too few kinds or images.
    """
    if model.conditioning != "support":
        raise ValueError(f"model: {type(model).__name__} takes no support set")
    least = shots + count + 1
    if len(kinds) < ways or int(kinds.counts.min()) < least:
        raise ValueError(
            f"kinds: wanted {ways} of {least} images at least, got {len(kinds)} of"
            f" {int(kinds.counts.min())} or more"
        )
    rng = np.random.default_rng(seed)
    images, features = _parts(kinds, judge, rng, shots, count, ways)
    images, features = images[::every], features.of(slice(None, None, every))
    theirs = (_scattered(features.people), _nearest(features.people, features.examples))

    def row(who: str, drawing: Drawing, x: Tensor) -> SampleRow:
        drawn = judge.embed(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        right = _recognised(drawn, features)
        return SampleRow(
            who,
            drawing.guidance,
            drawing.of,
            float(right.mean()),
            float(right.std() / math.sqrt(len(right))),
            _scattered(drawn) / theirs[0],
            _nearest(drawn, features.examples) / theirs[1],
            float((x == x[..., :1, :1]).flatten(2).all(dim=2).double().mean()),
            len(x),
            x.shape[0] * x.shape[1],
        )

    rows = [row("people", Drawing(), images[:, shots : shots + count])]
    for drawing in drawings:
        name = f"guidance {drawing.guidance:g}"

        def tell(done: int, total: int, name: str = name) -> None:
            on_progress(name, done, total)

        x = _drawn(model, images[:, :shots], drawing, count, seed, tell)
        rows.append(row(f"samples of {type(model).__name__}", drawing, x))
    return rows


def _parts(
    kinds: Kinds, judge: Judge, rng: np.random.Generator, shots: int, count: int, ways: int
) -> tuple[Tensor, _Embedded]:
    """Examples, people's and the prototypes' images of every kind, and what the judge sees."""
    most = min(int(kinds.counts.min()), shots + count + PROTOTYPE)
    at = [s + rng.permutation(n)[:most] for s, n in zip(kinds.starts, kinds.counts, strict=True)]
    images = kinds.images[np.stack(at)]
    features = judge.embed(images.flatten(0, 1)).unflatten(0, images.shape[:2])
    examples, people, rest = features.split([shots, count, most - shots - count], dim=1)
    others = [
        np.append(k, rng.choice(np.delete(np.arange(len(kinds)), k), ways - 1, replace=False))
        for k in range(len(kinds))
    ]
    return images, _Embedded(
        examples, people, rest.mean(dim=1), torch.from_numpy(np.stack(others))
    )


def _recognised(drawn: Tensor, features: _Embedded) -> Tensor:
    """The share of each kind's drawings that are nearest to its prototype, `(kinds,)`."""
    far = torch.cdist(drawn, features.prototypes[features.tasks])
    return (far.argmin(dim=2) == 0).double().mean(dim=1)


def _scattered(drawn: Tensor) -> float:
    """The mean distance between two drawings of a kind."""
    count = drawn.shape[1]
    return float(torch.cdist(drawn, drawn).sum() / (len(drawn) * count * (count - 1)))


def _nearest(drawn: Tensor, examples: Tensor) -> float:
    """The mean distance of a drawing to the nearest example of its kind."""
    return float(torch.cdist(drawn, examples).amin(dim=2).mean())


def _drawn(
    model: Model,
    support: Tensor,
    drawing: Drawing,
    count: int,
    seed: int,
    on_progress: Callable[[int, int], None],
) -> Tensor:
    """Samples of every kind, `(kinds, count, C, H, W)`."""
    random = torch.Generator().manual_seed(seed)
    draws = max(count, drawing.of)
    found: list[Tensor] = []
    with evaluating(model):
        for some in support.split(max(1, AT_ONCE // draws)):
            p = model(some)
            x = p.guided(drawing.guidance).sample((draws,), random)
            if drawing.of:
                gained = p.gain(x)
                each = zip(x.unbind(1), gained.unbind(1), strict=True)
                x = torch.stack([one[pick(one, nats, count)] for one, nats in each], dim=1)
            found.append(x.transpose(0, 1).cpu())
            on_progress(sum(map(len, found)), len(support))
    return torch.cat(found)
