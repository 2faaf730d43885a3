"""A copy of a model that has learned a few images, to be compared with the model as it was."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor

from ilk.models import Model

__all__ = ["memorise"]

BATCH, WARMUP = 4, 10


def memorise(
    model: Model,
    images: Tensor,
    steps: int = 100,
    *,
    lr: float = 3e-4,
    seed: int = 0,
    on_step: Callable[[int, float], None] = lambda step, nats: None,
) -> Model:
    r"""A copy of a model after steps of Adam on :math:`-\log p(x)` of a few images.

    No support set is shown, nothing is held out, nothing is rehearsed: the copy is not meant to
    draw. What it says of an image, less what the model said, tells whether the image has something
    of those that were learned; where a model does not see that from a support set, a gradient
    does. (`adapt` is what improves a model.)

    Arguments:
        model: Unconditional, or conditioned on a support set.
        images: Integers `(N, C, H, W)`.
        steps: Of some images each.
        lr: Learning rate, after a short warm-up.
        seed: Decides which images a step sees.
        on_step: Called after each step with its number and its nats a dimension.

    Raises:
        ValueError: If there is no image or no step, the learning rate is not positive, or the
            model takes labels.
        FloatingPointError: If the loss stops being finite.

    Example:
        >>> import ilk
        >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> x = torch.zeros(5, 1, 4, 4, dtype=torch.uint8)
        >>> learned = memorise(model, x, steps=20)
        >>> bool((learned().log_prob(x) > model().log_prob(x)).all())
        True
    """
    if model.conditioning == "label":
        raise ValueError("model: takes labels; wanted one that takes a support set or nothing")
    if not len(images):
        raise ValueError("images must hold one at least, got none")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not (lr > 0 and math.isfinite(lr)):
        raise ValueError(f"lr must be a finite number above 0, got {lr}")
    learned = copy.deepcopy(model).requires_grad_(True).eval()
    weights = list(learned.parameters())
    optimizer = torch.optim.Adam(weights, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(seed)
    for step in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = lr * min(1, step / WARMUP)
        chosen = torch.randperm(len(images), generator=generator)[:BATCH]
        nats = -learned().log_prob(images[chosen].to(weights[0].device)).mean() / model.dims
        if not nats.isfinite():
            raise FloatingPointError(
                f"step {step}: the loss is {float(nats)} nats/dim; a lower lr may help"
            )
        optimizer.zero_grad(set_to_none=True)
        nats.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        on_step(step, float(nats.detach()))
    return learned
