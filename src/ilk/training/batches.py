"""Which images a step sees: a pure function of the seed and the step, the same on any machine."""

from __future__ import annotations

import numpy as np
import torch

from ilk.data.episodes import Batch, draw_batch
from ilk.data.kinds import Kinds

from .recipe import Recipe

__all__ = ["draw", "dropout_seed", "slice_of", "step_batch", "validation_batch"]


def step_batch(recipe: Recipe, kinds: Kinds, step: int) -> Batch:
    """The batch of a step over all processes."""
    return draw(recipe, kinds, np.random.default_rng([recipe.seed, step]), recipe.batch)


def validation_batch(recipe: Recipe, kinds: Kinds, episodes: int = 128) -> Batch:
    """Fixed episodes, drawn like those of training but of their own random numbers."""
    return draw(recipe, kinds, np.random.default_rng([recipe.seed, 0, 1]), episodes, False)


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """The seed of PyTorch's own random numbers in a step of a process."""
    state = np.random.SeedSequence([seed, step, rank, 2]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def draw(
    recipe: Recipe,
    kinds: Kinds,
    rng: np.random.Generator,
    episodes: int,
    training: bool = True,
) -> Batch:
    """Episodes for a few-shot model; for the others images drawn uniformly, one an episode.

    Without a support set `episodes x queries` images count as so many episodes of one query and
    no shots, with their kinds for labels.
    """
    if recipe.few_shot:
        even = recipe.even_shots and training
        return draw_batch(
            kinds, rng, episodes, recipe.queries, recipe.shots, even, recipe.least_shots
        )
    picked = torch.from_numpy(rng.integers(len(kinds.images), size=episodes * recipe.queries))
    images = kinds.images[picked]
    return Batch(
        support=images.new_zeros(len(images), 0, *kinds.shape),
        mask=torch.zeros(len(images), 0, dtype=torch.bool),
        queries=images[None],
        kind=kinds.kind[picked],
    )


def slice_of(batch: Batch, rank: int, ranks: int) -> Batch:
    """The part of a process: an equal run of episodes.

    Raises:
        ValueError: If the episodes can't be shared out equally.
    """
    episodes = len(batch.kind)
    if episodes % ranks:
        raise ValueError(
            f"batch: {episodes} episodes can't be shared out equally among {ranks} processes;"
            f" wanted a multiple of {ranks}"
        )
    part = slice(rank * episodes // ranks, (rank + 1) * episodes // ranks)
    return Batch(batch.support[part], batch.mask[part], batch.queries[:, part], batch.kind[part])
