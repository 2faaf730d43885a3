"""A folder of folders of pictures to train on: what is in it, and the recipe that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ilk.data.folder import FolderReport, part_of_folder, read_folder
from ilk.data.kinds import Kinds

from .recipe import Recipe
from .recipes import RECIPES

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Plan", "plan_folder", "preview", "read_kinds"]

PASSES = 40
BUDGET = (8_000, 160_000)


@dataclass(frozen=True)
class Plan:
    """What to train on a folder, and why.

    Arguments:
        recipe: The recipe, complete: shape, levels, likelihood, budget, queries, shots.
        kinds: Training and validation data, as `train` takes them.
        report: What was read and what was not.
        notes: How the kinds were parted, and which were left out, a line each.
    """

    recipe: Recipe
    kinds: tuple[Kinds, Kinds | None]
    report: FolderReport
    notes: tuple[str, ...]


def plan_folder(recipe: Recipe = RECIPES["folder"]) -> Plan:
    """Completes a recipe for the folder that it names in `data`.

    * Shape and levels are the recipe's, or those that `read_folder` infers.
    * Two levels are scored as Bernoulli, more as a mixture of logistics.
    * The budget is 40 images scored for each there is, 8,000 at least and 160,000 at most.
    * An episode has four queries where the smallest kind has eight images, else fewer, down to
      one; no more shots than the largest kind can give.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no picture, or no kind of two images to train on.
    """
    kinds, report, notes = _read(recipe)
    train = kinds[0]
    queries = max(1, min(recipe.queries, int(train.counts.min()) // 2))
    shots = min(recipe.shots, int(train.counts.max()) - queries)
    images = int(np.clip(PASSES * len(train.images), *BUDGET))
    complete = replace(
        recipe,
        shape=train.shape,
        levels=train.levels,
        likelihood="bernoulli" if train.levels == 2 else "logistics",
        queries=queries,
        shots=shots,
        images=None,
        steps=-(-images // (recipe.batch * queries)),
    )
    return Plan(complete, kinds, report, tuple(notes))


def read_kinds(recipe: Recipe) -> tuple[Kinds, Kinds | None]:
    """The training and validation data of the folder that a recipe names in `data`.

    The parts are those of `part_of_folder`; of fewer than three kinds none is held back. Kinds of
    one image teach nothing of what images have in common, and are left out.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no picture, or no kind of two images to train on.
    """
    return _read(recipe)[0]


def preview(kinds: Kinds, rows: int = 8, columns: int = 8) -> Image.Image:
    """Images as the network will see them, a kind a row: kinds evenly spaced over all.

    Example:
        >>> import torch
        >>> images = torch.zeros(5, 1, 26, 26, dtype=torch.uint8)
        >>> preview(Kinds(images, torch.tensor([0, 0, 0, 1, 1]), ("cat", "dog"), 2, "pets")).size
        (278, 220)
    """
    from ilk.render import sheet, stack

    chosen = np.linspace(0, len(kinds) - 1, min(rows, len(kinds))).round().astype(int)
    return stack([sheet(kinds.of(int(k))[:columns], kinds.levels, columns) for k in chosen])


def _read(recipe: Recipe) -> tuple[tuple[Kinds, Kinds | None], FolderReport, list[str]]:
    found, report = read_folder(recipe.data, recipe.shape, recipe.levels)
    notes: list[str] = []
    if len(found) < 3:
        train, valid = found, None
        notes.append(f"{len(found)} kinds are too few to hold one back: nothing is validated")
    else:
        train, valid = part_of_folder(found, "train"), part_of_folder(found, "valid")
    train, singles = _several(train)
    if valid is not None:
        valid, more = _several(valid)
        singles += more
        test = len(part_of_folder(found, "test"))
        notes.append(
            f"{len(train)} kinds to train, {len(valid)} to validate,"
            f" {test} held back for `ilk evaluate`"
        )
    if singles:
        notes.append(f"{len(singles)} kinds of one image left out: {', '.join(singles)}")
    if not len(train):
        raise ValueError(
            f"data: {recipe.data} has no kind of two or more images to train on; a folder in it"
            f" is a kind.\n{report}"
        )
    return (train, valid if valid is not None and len(valid) else None), report, notes


def _several(kinds: Kinds) -> tuple[Kinds, list[str]]:
    """The kinds of two images or more, and the names of the others."""
    kept = [k for k, count in enumerate(kinds.counts) if count > 1]
    dropped = [n for n, count in zip(kinds.names, kinds.counts, strict=True) if count < 2]
    return kinds.subset(kept), dropped
