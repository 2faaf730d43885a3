"""Classification by likelihood: of which support set is an image most likely one more?"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..data.kinds import Kinds
from ..data.omniglot import Run
from ..distributions import Autoregressive, Sides, Turned
from ..models.base import Model
from ..precision import Precision
from .likelihood import evaluating

__all__ = [
    "Accuracy",
    "Task",
    "classification_tasks",
    "classify",
    "classify_by_likelihood",
    "official_tasks",
    "padded",
    "tasks_digest",
]

Directions = Literal["forward", "both"]
Progress = Callable[[int, int], None]


class Task(NamedTuple):
    """N classes with K support images each, and M images to tell them apart by.

    `supports` is uint8 `(N, K, C, H, W)`, `queries` uint8 `(M, C, H, W)` and `label`, the class of
    each query, int64 `(M,)`.
    """

    supports: Tensor
    queries: Tensor
    label: Tensor


@dataclass(frozen=True)
class Accuracy:
    """Share of queries whose most likely class is the right one.

    Attributes:
        accuracy: Mean over tasks, 0 to 1.
        stderr: Standard error over tasks; NaN if there is only one.
        tasks: Number of tasks.
        ways: Classes of a task.
        shots: Support images of a class.
        queries: Queries of all tasks together.
        directions: How queries were scored, see `classify_by_likelihood`.
    """

    accuracy: float
    stderr: float
    tasks: int
    ways: int
    shots: int
    queries: int
    directions: Directions

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON-able values; a standard error that there is not is None."""
        return asdict(self) | {"stderr": None if math.isnan(self.stderr) else self.stderr}


def classify_by_likelihood(
    model: Model,
    supports: Tensor,
    queries: Tensor,
    directions: Directions = "forward",
    *,
    mask: Tensor | None = None,
    sides: Sides = 1,
    batch: int = 256,
    precision: Precision = "float32",
) -> Tensor:
    r"""Nats `(M, N)` of M queries under each of N classes; the most likely class is the largest.

    `"forward"` is :math:`\log p(x \mid s_c)`. `"both"` averages it with what the support images
    say of the query, turned round by Bayes' rule,

    .. math::
        \tfrac12 \Big[ \log p(x \mid s_c) + \log p(x)
        + \tfrac1K \sum_k \log p(s_{ck} \mid x) - \log p(s_{ck}) \Big],

    two estimates of the same number where :math:`K = 1` and the model is consistent, at twice the
    cost. `sides` averages every term over n sides of the page, four or eight,

    .. math:: \tfrac1n \sum_{r=0}^{n-1} \log p(R_r x \mid R_r s_c),

    as many such estimates. Their mean errs less than the log of the mean density, `Turned`,
    which is all but the largest of them: what one side gets wrong no other mends there.

    Arguments:
        model: Conditioned on a support set.
        supports: Integer images `(N, K, C, H, W)`.
        queries: Integer images `(M, C, H, W)`.
        directions: `"forward"` or `"both"`.
        mask: Which support images are there, boolean `(N, K)`; all by default. See `padded`.
        sides: Sides to write from, each at the cost of one: 4 for a model of turned kinds, 8 for
            one of turned and mirrored kinds.
        batch: Images at once, at least N.
        precision: See `nats_by_shots`.

    Raises:
        ValueError: If the model takes no support set, shapes do not fit, or `batch` is below 1.

    Example:
        >>> import ilk
        >>> model = ilk.models.ConditionalPixelCNN((1, 4, 4), width=8, depth=2)
        >>> supports, queries = torch.randint(2, (5, 1, 1, 4, 4)), torch.randint(2, (3, 1, 4, 4))
        >>> classify_by_likelihood(model, supports, queries).argmax(dim=1).shape
        torch.Size([3])
    """
    if model.conditioning != "support":
        raise ValueError(f"model must take a support set, got conditioning {model.conditioning!r}")
    if directions not in ("forward", "both"):
        raise ValueError(f"directions must be 'forward' or 'both', got {directions!r}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    if supports.dim() != 5 or 0 in supports.shape[:2]:
        raise ValueError(f"supports must be (N, K, C, H, W), got {tuple(supports.shape)}")
    if queries.dim() != 4 or queries.shape[1:] != supports.shape[2:]:
        wanted = f"(M, {', '.join(map(str, supports.shape[2:]))})"
        raise ValueError(f"queries must be {wanted}, got {tuple(queries.shape)}")
    if mask is None:
        mask = torch.ones(supports.shape[:2], dtype=torch.bool)
    with evaluating(model, precision):
        forward = _under_each(model, supports, queries, batch, sides, mask)
        if directions == "forward":
            return forward
        images = supports.flatten(0, 1)
        backward = _under_each(model, queries[:, None], images, batch, sides).T
        alone = _unconditional(model, images, batch, sides)
        gain = (backward - alone).unflatten(1, supports.shape[:2])
        there = mask.to(gain)
        gain = (gain * there).sum(2) / there.sum(1).clamp(min=1)
        return (forward + _unconditional(model, queries, batch, sides)[:, None] + gain) / 2


def padded(sets: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Support sets of several sizes as one batch `(N, K, C, H, W)` and its mask `(N, K)`.

    Example:
        >>> sets = [torch.ones(k, 1, 2, 2, dtype=torch.uint8) for k in (1, 3)]
        >>> supports, mask = padded(sets)
        >>> supports.shape, mask.tolist()
        (torch.Size([2, 3, 1, 2, 2]), [[True, False, False], [True, True, True]])
    """
    count = torch.tensor([len(images) for images in sets])
    mask = torch.arange(int(count.max())) < count[:, None]
    return torch.nn.utils.rnn.pad_sequence(list(sets), batch_first=True), mask


def _under_each(
    model: Model,
    supports: Tensor,
    x: Tensor,
    batch: int,
    sides: Sides,
    mask: Tensor | None = None,
) -> Tensor:
    """Nats `(M, N)` of images `(M, C, H, W)` under each of N support sets, encoded once."""
    p = model(supports, mask) if sides == 1 else Turned.of(model, supports, mask, sides)
    count = len(supports)
    parts = [
        _nats(p, part[:, None].expand(-1, count, -1, -1, -1))
        for part in x.split(max(1, batch // count))
    ]
    return torch.cat(parts)


def _unconditional(model: Model, x: Tensor, batch: int, sides: Sides) -> Tensor:
    p = model() if sides == 1 else Turned.of(model, sides=sides)
    return torch.cat([_nats(p, part) for part in x.split(batch)])


def _nats(p: Autoregressive | Turned, x: Tensor) -> Tensor:
    return p.each(x).mean(dim=0) if isinstance(p, Turned) else p.log_prob(x)


def classify(
    model: Model,
    tasks: Sequence[Task],
    directions: Directions = "forward",
    *,
    sides: Sides = 1,
    precision: Precision = "float32",
    on_progress: Progress | None = None,
) -> Accuracy:
    """The accuracy over tasks of one size.

    Arguments:
        model: Conditioned on a support set.
        tasks: With equal numbers of classes and of support images.
        directions, sides, precision: See `classify_by_likelihood`.
        on_progress: Called with the tasks done so far and their total.

    Raises:
        ValueError: If there are no tasks, or of several sizes.
    """
    sizes = {(*task.supports.shape[:2], len(task.queries)) for task in tasks}
    if len(sizes) != 1:
        raise ValueError(f"tasks must all have one size (N, K, M), got {sorted(sizes)}")
    ((ways, shots, queries),) = sizes
    right = []
    for i, task in enumerate(tasks):
        log_prob = classify_by_likelihood(
            model,
            task.supports,
            task.queries,
            directions,
            sides=sides,
            precision=precision,
        )
        right.append((log_prob.argmax(dim=1).cpu() == task.label).double().mean())
        if on_progress is not None:
            on_progress(i + 1, len(tasks))
    each = torch.stack(right)
    return Accuracy(
        accuracy=float(each.mean()),
        stderr=float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.nan,
        tasks=len(tasks),
        ways=ways,
        shots=shots,
        queries=queries * len(tasks),
        directions=directions,
    )


def classification_tasks(
    kinds: Kinds, tasks: int = 50, ways: int = 20, shots: int = 1, seed: int = 0
) -> list[Task]:
    """Fixed tasks whose classes are drawn from all kinds: `shots` supports and one query each.

    A task's kinds are the first `ways` in the order of `SHA-256("seed/task/name")`, its images
    the first `shots + 1` in that of `SHA-256("seed/task/name/i")`: the same list on every machine.

    Raises:
        ValueError: If there are too few kinds, or too few images of one.

    Example:
        >>> images = torch.arange(12, dtype=torch.uint8).reshape(12, 1, 1, 1)
        >>> kinds = Kinds(images, torch.arange(12) // 4, ("a", "b", "c"), 256, "numbers")
        >>> (task,) = classification_tasks(kinds, tasks=1, ways=2)
        >>> task.supports.shape, task.queries.shape, task.label.tolist()
        (torch.Size([2, 1, 1, 1, 1]), torch.Size([2, 1, 1, 1]), [0, 1])
    """
    for name, value in (("tasks", tasks), ("shots", shots)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not 2 <= ways <= len(kinds):
        raise ValueError(f"ways must be in 2..{len(kinds)}, the kinds of {kinds.name!r}; {ways=}")
    if int(kinds.counts.min()) <= shots:
        least = int(kinds.counts.min())
        raise ValueError(f"shots must be below {least}, the images of the smallest kind; {shots=}")
    return [_task(kinds, f"{seed}/{t}", ways, shots) for t in range(tasks)]


def _task(kinds: Kinds, key: str, ways: int, shots: int) -> Task:
    chosen = _hashed(range(len(kinds)), lambda k: f"{key}/{kinds.names[k]}")[:ways]
    drawn = torch.stack([_draw(kinds, k, key, shots + 1) for k in chosen])
    return Task(drawn[:, :shots], drawn[:, shots], torch.arange(ways))


def _draw(kinds: Kinds, kind: int, key: str, count: int) -> Tensor:
    images, name = kinds.of(kind), kinds.names[kind]
    return images[_hashed(range(len(images)), lambda i: f"{key}/{name}/{i}")[:count]]


def _hashed(numbers: Iterable[int], key: Callable[[int], str]) -> list[int]:
    return sorted(numbers, key=lambda n: hashlib.sha256(key(n).encode()).digest())


def official_tasks(runs: Iterable[Run]) -> list[Task]:
    """Omniglot's official one-shot runs as tasks: 20 classes of one alphabet, harder than any 20.

    Source: Lake, Salakhutdinov and Tenenbaum, *Human-level concept learning through
    probabilistic program induction*, 2015.
    """
    return [Task(run.train[:, None], run.test, run.label) for run in runs]


def tasks_digest(tasks: Iterable[Task]) -> str:
    """SHA-256 of all images and labels in their order, in hexadecimal."""
    h = hashlib.sha256()
    for task in tasks:
        for t in task:
            h.update(repr(tuple(t.shape)).encode() + t.contiguous().numpy().tobytes())
    return h.hexdigest()
