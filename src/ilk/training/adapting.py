"""Adapting a model to one kind, without losing the others."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ilk.data.episodes import Batch, draw_batch
from ilk.data.kinds import Kinds
from ilk.models import Model
from ilk.precision import Precision, choose

from .objective import Objective, score
from .rehearsal import divergence, own_episodes, some
from .schedule import learning_rate
from .stopping import Stop

__all__ = ["Adapted", "Look", "adapt"]

HELD_BACK = 0.2
LEAST = 3  # images: to show, to learn and to hold out
# A step sees two queries in each of so many episodes of the kind, and so many of its own.
EPISODES, REHEARSED = 2, 4


@dataclass(frozen=True)
class Look:
    """A look at a model while it is adapted; nats are a dimension.

    Arguments:
        step: Steps done.
        steps: Steps at most.
        held_nats: Of pictures of the kind that no step saw, given those that steps see.
        own_nats: Of images that the model drew before it was adapted, given what they were drawn
            from: the mean of `-log p`.
        moved_nats: What these cost more than before: the divergence from the model as it was.
    """

    step: int
    steps: int
    held_nats: float
    own_nats: float
    moved_nats: float


@dataclass(frozen=True)
class Adapted:
    """A model adapted to one kind.

    Arguments:
        model: It, ready to use: the weights of the look with the fewest nats on held-out pictures.
        before: The look before the first step.
        after: The look at these weights; `after.step` of 0 says that no step helped.
        looks: All looks, in order.
        stopped_by: The name of the signal that ended it early, if one did.
    """

    model: Model
    before: Look
    after: Look
    looks: tuple[Look, ...]
    stopped_by: str | None = None


def adapt(
    model: Model,
    images: Tensor,
    *,
    steps: int = 60,
    lr: float = 3e-4,
    rehearsal: float = 4.0,
    tune: Literal["all", "biases"] = "all",
    own: int | Batch = 48,
    look_every: int = 10,
    patience: int = 3,
    precision: Precision = "auto",
    seed: int = 0,
    on_look: Callable[[Look], None] | None = None,
) -> Adapted:
    r"""Improves a model on one kind of images by gradient steps; the given model stays as it is.

    .. math:: L = -\frac{1}{D} \log p_\theta(x \mid s) + \lambda \,
        \mathrm{KL}\big(p_{\theta_0}(\cdot \mid s') \,\|\, p_\theta(\cdot \mid s')\big) / D

    x and s are images of the kind, s' are samples of the model from before the first step
    (`own_episodes`): it rehearses these, as its training data need not be at hand. A fifth of the
    images, at least one, is held out. Steps end when these have not become
    likelier in `patience` looks, and the weights of the best look are kept.

    Source: distillation of a model into itself, Li & Hoiem, *Learning without forgetting*, 2017
    (arXiv 1606.09282), here on the model's own samples.

    Arguments:
        model: Conditioned on a support set, or unconditional.
        images: All of one kind, integers `(N, C, H, W)`, at least 3.
        steps: Most steps.
        lr: Learning rate at its highest.
        rehearsal: Weight lambda of the divergence.
        tune: What moves: all weights, or only those that add or scale (vectors).
        own: Episodes that the model makes up to rehearse with, or these from `own_episodes`, drawn
            before; a quarter of them is only looked at.
        look_every: Steps between looks.
        patience: Looks without gain before it ends.
        precision: Of steps, as in a recipe; looks are float32.
        seed: Decides which images are held out, and every episode.
        on_look: Called with every look.

    Raises:
        ValueError: If the model takes labels or has no weights, the images are not its own kind of
            images or too few, or another argument is not as above.
        FloatingPointError: If the loss stops being finite.

    Example:
        >>> import ilk
        >>> model = ilk.models.AttentionPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,))
        >>> images = torch.zeros(5, 1, 4, 4, dtype=torch.uint8)
        >>> done = adapt(model, images, steps=20, own=8)
        >>> done.after.held_nats < done.before.held_nats
        True
    """
    _check(model, images, steps=steps, look_every=look_every, patience=patience)
    if not (lr > 0 and math.isfinite(lr)):
        raise ValueError(f"lr: wanted a finite number above 0, got {lr}")
    if not (rehearsal >= 0 and math.isfinite(rehearsal)):
        raise ValueError(f"rehearsal: wanted a finite number, 0 or more, got {rehearsal}")
    if tune not in ("all", "biases"):
        raise ValueError(f"tune: wanted all or biases, got {tune!r}")
    fast = choose(precision, model.device).precision == "bf16"
    if (own if isinstance(own, int) else len(own.kind)) < 2:
        raise ValueError("own: wanted 2 or more episodes, one to rehearse with and one to look at")
    tutor = copy.deepcopy(model).requires_grad_(False).eval()
    student = copy.deepcopy(model)
    tell = on_look or (lambda look: None)
    with torch.random.fork_rng(devices=[]), Stop() as stop:
        torch.manual_seed(seed)
        run = _Adaptation(tutor, student, images, own, seed, fast)
        looks = [run.look(0, steps)]
        tell(looks[0])
        best, kept = looks[0], copy.deepcopy(student.state_dict())
        for w in student.parameters():
            w.requires_grad_(tune == "all" or w.ndim < 2)
        weights: list[Tensor] = [w for w in student.parameters() if w.requires_grad]
        optimizer = torch.optim.Adam(weights, lr=lr)
        for step in range(steps):
            if stop.signal is not None:
                break
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, lr, warmup=look_every)
            run.step(optimizer, weights, step, rehearsal)
            ends = step + 1 == steps
            if ends or (step + 1) % look_every == 0:
                looks.append(run.look(step + 1, steps))
                tell(looks[-1])
                if looks[-1].held_nats < best.held_nats:
                    best, kept = looks[-1], copy.deepcopy(student.state_dict())
            if ends or looks[-1].step - best.step >= patience * look_every:
                break
        student.load_state_dict(kept)
        student.requires_grad_(True).eval()
        return Adapted(student, looks[0], best, tuple(looks), stop.signal)


class _Adaptation:
    """What is fixed while a model is adapted: the images in two parts, the model's own."""

    def __init__(
        self,
        tutor: Model,
        student: Model,
        images: Tensor,
        own: int | Batch,
        seed: int,
        fast: bool,
    ) -> None:
        self.tutor, self.student = tutor, student
        self.device = student.device.type
        self.fast, self.rng = fast, np.random.default_rng(seed)
        order = torch.from_numpy(self.rng.permutation(len(images)))
        held = max(1, round(HELD_BACK * len(images)))
        rest = images[order[held:]].to(torch.uint8)
        none = torch.zeros(len(rest), dtype=torch.int64)
        self.kind = Kinds(rest, none, ("kind",), tutor.levels, "to adapt to")
        self.held = _given(images[order[:held]], rest[: tutor.shots])
        drawn = own_episodes(tutor, own, queries=1) if isinstance(own, int) else own
        looked_at = -(-len(drawn.kind) // 4)
        self.own = some(drawn, slice(looked_at, None))
        self.looked_at = some(drawn, slice(looked_at))
        self.own_before = score(tutor, self.looked_at, 16)

    def step(
        self, optimizer: torch.optim.Optimizer, weights: list[Tensor], step: int, rehearsal: float
    ) -> None:
        """One step on a batch of the kind and one of the model's own."""
        self.student.train()
        queries = min(2, len(self.kind.images) - 1)
        shots = min(self.student.shots, len(self.kind.images) - queries)
        batch = draw_batch(self.kind, self.rng, EPISODES, queries, shots, True, min(1, shots))
        chosen = torch.from_numpy(self.rng.integers(len(self.own.kind), size=REHEARSED))
        with torch.autocast(self.device, torch.bfloat16, enabled=self.fast):
            loss = Objective(self.student)(*batch)
            if rehearsal:
                loss = loss + rehearsal * self._moved(some(self.own, chosen))
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(weights, 1.0).detach())
        if not math.isfinite(float(loss.detach()) + norm):
            raise FloatingPointError(
                f"step {step}: the loss is {float(loss.detach())} nats/dim and the norm of its"
                f" gradient {norm}; a lower lr may help"
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def look(self, step: int, steps: int) -> Look:
        """Nats of what no step sees."""
        self.student.eval()
        own = score(self.student, self.looked_at, 16)
        held = score(self.student, self.held, 1)
        return Look(step, steps, held, own, own - self.own_before)

    def _moved(self, batch: Batch) -> Tensor:
        """The divergence from the model as it was on episodes of its own."""
        if self.tutor.conditioning == "support":
            given = (batch.support, batch.mask)
            with torch.no_grad():
                old = self.tutor(*given)
            return divergence(old, self.student(*given), batch.queries)
        return divergence(self.tutor(), self.student(), batch.queries)


def _given(queries: Tensor, support: Tensor) -> Batch:
    """One episode."""
    mask = torch.ones(1, len(support), dtype=torch.bool)
    return Batch(support[None], mask, queries[:, None], torch.zeros(1, dtype=torch.int64))


def _check(model: Model, images: Tensor, **numbers: int) -> None:
    if model.conditioning == "label":
        raise ValueError("model: takes labels; wanted one that takes a support set or nothing")
    if not list(model.parameters()):
        raise ValueError(
            f"model: {type(model).__name__} has nothing to learn by gradient; wanted weights"
        )
    if images.dim() != 4 or tuple(images.shape[1:]) != model.shape:
        wanted = ", ".join(map(str, model.shape))
        raise ValueError(f"images: wanted (N, {wanted}), got {tuple(images.shape)}")
    if len(images) < LEAST:
        raise ValueError(
            f"images: wanted {LEAST} or more of the kind (to show, to learn and to hold out), got"
            f" {len(images)}"
        )
    dtype, top = images.dtype, model.levels - 1
    if dtype.is_floating_point or dtype.is_complex or dtype == torch.bool:
        raise ValueError(f"images: wanted integers 0 to {top}, got {dtype}")
    low, high = (int(v) for v in images.long().aminmax())
    if low < 0 or high > top:
        raise ValueError(f"images: wanted integers 0 to {top}, got {low} to {high}")
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name}: wanted 1 or more, got {number}")
