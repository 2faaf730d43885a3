"""What does not belong: scores against a set of normal images, and how rare they are."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..models.base import Model
from .likelihood import evaluating
from .posterior import leave_one_out

__all__ = [
    "CORRECTIONS",
    "Correction",
    "Normal",
    "against",
    "anomaly_scores",
    "codec_nats",
    "corrected",
    "distinct",
]

Correction = Literal["ratio", "complexity", "none"]
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)
FOLDS = 4
ANGLES = 20_001
ROUNDING = 1e-5  # of sums of hundreds of logarithms in float32


@dataclass(frozen=True)
class Normal:
    r"""What normal images score: each image of a support set, given the others.

    A further normal image scores, if scores are about Gaussian, as Student's distribution says of
    one more after K,

    .. math:: \frac{s - \bar s}{\hat\sigma \sqrt{1 + 1 / K}} \sim t_{K - 1}

    so scores become comparable across kinds and images, and a threshold has a rate of false
    alarms. Where normal scores have a heavier tail than a Gaussian, there are more of these.

    Attributes:
        scores: Of the K images.

    Raises:
        ValueError: If there are fewer than 3.

    Example:
        >>> normal = Normal((1.0, 2.0, 3.0))
        >>> normal.threshold(0.2), normal.chance(torch.tensor([2.0, 5.0]))
        (3.225, tensor([0.5000, 0.0608]))
    """

    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.scores) < 3:
            raise ValueError(f"scores: wanted those of 3 images or more, got {len(self.scores)}")

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.scores))

    @property
    def spread(self) -> float:
        """Standard deviation of a further score about the mean; 1 nat if all are equal, but for
        rounding."""
        spread = float(np.std(self.scores, ddof=1))
        if spread < ROUNDING * max(1.0, *map(abs, self.scores)):
            spread = 1.0
        return spread * math.sqrt(1 + 1 / len(self.scores))

    def standardised(self, scores: Tensor) -> Tensor:
        """Scores in standard deviations above the mean: comparable across support sets."""
        return (scores - self.mean) / self.spread

    def chance(self, scores: Tensor) -> Tensor:
        """How often a normal image scores as high or higher."""
        angle = np.arctan(self.standardised(scores).numpy() / math.sqrt(len(self.scores) - 1))
        tail = np.interp(-angle, *_student(len(self.scores) - 1))
        return torch.from_numpy(np.asarray(tail)).to(scores.dtype)

    def threshold(self, rate: float) -> float:
        """The score that a normal image exceeds at a rate of false alarms.

        Raises:
            ValueError: If the rate is not between 0 and 1.
        """
        if not 0 < rate < 1:
            raise ValueError(f"rate must be between 0 and 1, got {rate}")
        angles, below = _student(len(self.scores) - 1)
        angle = -float(np.interp(rate, below, angles))
        return self.mean + math.tan(angle) * math.sqrt(len(self.scores) - 1) * self.spread


def _student(freedom: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Angles a, and how often :math:`t_\nu < \sqrt\nu \tan a`, whose density is cos^(v-1) a."""
    angles = np.linspace(-math.pi / 2, math.pi / 2, ANGLES)
    density = np.cos(angles).clip(0) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return angles, below / below[-1]


def codec_nats(x: Tensor, levels: int) -> Tensor:
    """What images `(N, C, H, W)` cost a general lossless codec, in nats: PNG or WebP, the smaller.

    Headers are counted; they are the same for all images of a size.

    Raises:
        ValueError: If there are more than 256 levels, which these codecs do not know.

    Example:
        >>> blank = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
        >>> noise = torch.randint(2, (1, 1, 16, 16), dtype=torch.uint8)
        >>> nats = codec_nats(torch.cat([blank, noise]), levels=2)
        >>> bool(nats[0] < nats[1])
        True
    """
    if levels > 256:
        raise ValueError(f"levels must be at most 256 for PNG and WebP, got {levels}")
    sizes = [min(_sizes(image, levels)) for image in x.cpu()]
    return torch.tensor(sizes, dtype=torch.float64) * 8 * math.log(2)


def _sizes(image: Tensor, levels: int) -> list[int]:
    from PIL import Image

    # Three channels are a colour; any other number lies one below the other, as grey.
    three = len(image) == 3
    values = image.permute(1, 2, 0).numpy() if three else image.flatten(0, 1).numpy()
    picture = Image.fromarray(values.astype(np.uint8))
    png = (
        picture.point([255 * (v > 0) for v in range(256)], "1")
        if levels == 2 and not three
        else picture
    )
    sizes = []
    for form, shown, options in (
        ("PNG", png, {"optimize": True}),
        ("WEBP", picture, {"lossless": True, "quality": 100, "method": 6}),
    ):
        buffer = io.BytesIO()
        shown.save(buffer, format=form, **options)
        sizes.append(buffer.tell())
    return sizes


def corrected(model: Model, nats: Tensor, x: Tensor, correction: Correction = "ratio") -> Tensor:
    r"""Scores `(N,)`, in nats, the higher the stranger, of images with given log-likelihoods.

    A likelihood alone favours simple images: an empty page is likelier under any support set than
    most drawings of the kind. So what an image costs anyway is taken off:

    .. math::
        \text{none:}\quad & -\log p(x \mid s) \\
        \text{ratio:}\quad & -\log p(x \mid s) + \log p(x) \\
        \text{complexity:}\quad & -\log p(x \mid s) - L(x)

    with p(x) the same model without a support set, and L what a lossless codec takes. Source: Ren
    et al., *Likelihood ratios for out-of-distribution detection*, 2019 (arXiv 1906.02845); Serra
    et al., *Input complexity and out-of-distribution detection*, 2020 (arXiv 1909.11480).

    Arguments:
        model: Conditioned on a support set.
        nats: :math:`\log p(x \mid s)`, `(N,)`.
        x: The images `(N, C, H, W)`.
        correction: Which.

    Raises:
        ValueError: If there is no such correction.
    """
    _check(correction)
    nats = nats.cpu().double()
    if correction == "none":
        return -nats
    if correction == "complexity":
        return -nats - codec_nats(x, model.levels)
    return -nats + _log_prob(model, x[:0], x)


def _check(correction: str) -> None:
    if correction not in CORRECTIONS:
        raise ValueError(f"correction must be one of {CORRECTIONS}, got {correction!r}")


def anomaly_scores(
    model: Model,
    support: Tensor,
    x: Tensor,
    correction: Correction = "ratio",
    *,
    steps: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Tensor, Normal]:
    r"""Scores `(N,)` of images, and those of the support set to compare them with.

    The normal images are shown to the model as a support set. With `steps`, a copy of the model
    learns them instead (`ilk.training.memorise`), and :math:`p_{\theta'}(x)` stands for
    :math:`p(x \mid s)` in `corrected`; a normal image is scored by a copy that has learned others.

    Arguments:
        model: Conditioned on a support set; with `steps` it may be unconditional.
        support: Normal images `(K, C, H, W)`, 3 at least.
        x: Images `(N, C, H, W)`.
        correction: See `corrected`.
        steps: Gradient steps on the normal images.
        on_step: Called with the steps that are done, and all.

    Raises:
        ValueError: If there are fewer than 3 normal images, or the model takes no support set.

    Example:
        >>> import ilk
        >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
        >>> support, x = torch.randint(2, (5, 1, 4, 4)), torch.randint(2, (3, 1, 4, 4))
        >>> scores, normal = anomaly_scores(model, support, x)
        >>> normal.chance(scores).shape
        torch.Size([3])
    """
    score, normal = against(model, support, correction, steps=steps, on_step=on_step)
    return score(x), normal


def against(
    model: Model,
    support: Tensor,
    correction: Correction = "ratio",
    *,
    steps: int = 0,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Callable[[Tensor], Tensor], Normal]:
    """What gives scores of images, and what normal ones score: `anomaly_scores` in two parts.

    Images are scored as they come, however many there are. Copies among the normal images count
    once: what an image scores beside a copy of itself says nothing of a further one.

    Raises:
        ValueError: If fewer than 3 of the normal images differ, or as `anomaly_scores` does.
    """
    _check(correction)
    different = distinct(support)
    if len(different) < 3:
        copies = "" if len(different) == len(support) else f", of which {len(different)} differ"
        raise ValueError(f"support must hold at least 3 normal images, got {len(support)}{copies}")
    support = different
    if steps:
        learned, others = _memorised(model, support, steps, on_step)
        given = functools.partial(_log_prob, learned, support[:0])
    else:
        given, others = functools.partial(_log_prob, model, support), leave_one_out(model, support)
    normal = Normal(tuple(corrected(model, others, support, correction).tolist()))
    return lambda x: corrected(model, given(x), x, correction), normal


def distinct(images: Tensor) -> Tensor:
    """The images `(N, C, H, W)` without copies, in their order.

    Example:
        >>> import torch
        >>> distinct(torch.tensor([[3], [1], [3]])).tolist()
        [[3], [1]]
    """
    seen: dict[bytes, int] = {}
    for i, image in enumerate(images.cpu()):
        seen.setdefault(image.contiguous().numpy().tobytes(), i)
    return images[list(seen.values())]


def _memorised(
    model: Model, normal: Tensor, steps: int, on_step: Callable[[int, int], None]
) -> tuple[Model, Tensor]:
    """A copy that learned the normal images, and nats of these by copies that did not."""
    from ..training import memorise

    fold = torch.arange(len(normal)) % FOLDS
    parts = [normal, *(normal[fold != f] for f in fold.unique())]
    total = steps * len(parts)
    copies = []
    for i, shown in enumerate(parts):
        tell = lambda step, _, done=i * steps: on_step(done + step, total)  # noqa: E731
        copies.append(memorise(model, shown, steps, on_step=tell))
    left = torch.empty(len(normal), dtype=torch.float64)
    for f, learned in zip(fold.unique(), copies[1:], strict=True):
        left[fold == f] = _log_prob(learned, normal[:0], normal[fold == f])
    return copies[0], left


def _log_prob(model: Model, support: Tensor, x: Tensor) -> Tensor:
    with evaluating(model):
        p = model(support) if len(support) else model()
        return p.log_prob(x).cpu().double()
