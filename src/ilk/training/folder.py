"""A folder of folders of pictures to train on: what is in it, and the recipe that follows."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ilk import models
from ilk.data.folder import FolderReport, part_of_folder, read_folder
from ilk.data.kinds import Kinds
from ilk.models import storage

from .recipe import MODELS, Recipe
from .recipes import RECIPES

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Plan", "anew", "budgeted", "net", "plan_folder", "preview", "read_kinds", "read_plan"]

PASSES = 40
BUDGET = (8_000, 160_000)
BEGUN = 1_600  # images scored at least, by what does not begin anew
# What decides a network: of one's own where one of these is not that of the recipe `folder`.
NET = ("model", "backbone", "width", "depth", "dropout", "read_at", "meta", "by_label")
NET += ("meta_args", "model_args", "start")
ARGUMENTS = ("attention", "heads", "patches", "patch", "local", "margin", "carry", "summary")
ARGUMENTS += ("norm",)
SMALLER = 1e-3  # the learning rate of weights that are good already
LARGE = 40 * 40  # pixels beyond which patches are of 4, not 2: a support image has fewer than 400


@dataclass(frozen=True)
class Plan:
    """What to train on a folder, and why.

    Arguments:
        recipe: The recipe, complete: shape, levels, likelihood, budget, queries, shots, network
            and the weights that it begins with.
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
    * It begins with the weights of a model that ships for such images, if there is one and the
      recipe does not ask for a network of its own, and then in smaller steps.
    * The budget is 40 images scored for each there is, 160,000 at most and 8,000 at least; 1,600
      at least where it does not begin anew.
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
    complete = replace(
        recipe,
        shape=train.shape,
        levels=train.levels,
        likelihood="bernoulli" if train.levels == 2 else "logistics",
        queries=queries,
        shots=shots,
        images=None,
    )
    if net(recipe) == net(RECIPES["folder"]):
        complete = begun(complete) or complete
    complete = sized(complete)
    return Plan(budgeted(complete, len(train.images)), kinds, report, tuple(notes))


def read_plan(recipe: Recipe) -> Plan:
    """The plan of a recipe that is complete already."""
    kinds, report, notes = _read(recipe)
    return Plan(recipe, kinds, report, tuple(notes))


def budgeted(recipe: Recipe, images: int) -> Recipe:
    """A complete recipe with the steps for so many images."""
    least, most = (BUDGET[0] if recipe.start is None else BEGUN), BUDGET[1]
    scored = int(np.clip(PASSES * images, least, most))
    return replace(recipe, steps=-(-scored // recipe.images_per_step))


def net(recipe: Recipe) -> tuple[Any, ...]:
    """What decides the network of a recipe, and the weights that it begins with."""
    return tuple(getattr(recipe, key) for key in NET)


def anew(recipe: Recipe) -> Recipe:
    """A complete recipe with the network of the recipe `folder`, not trained yet."""
    plain = RECIPES["folder"]
    return sized(replace(recipe, **{key: getattr(plain, key) for key in NET}, lr=plain.lr))


def sized(recipe: Recipe) -> Recipe:
    """A complete recipe whose patches fit the size of its images, if it says nothing of them."""
    plain = RECIPES["folder"].model_args
    if recipe.model_args != plain or recipe.shape is None:
        return recipe
    large = recipe.shape[1] * recipe.shape[2] > LARGE
    return replace(recipe, model_args=plain | {"patch": 4 if large else 2})


def begun(recipe: Recipe) -> Recipe | None:
    """A complete recipe that goes on from the model that ships for such images, if one does."""
    plain = RECIPES["folder"]
    wanted = (MODELS[recipe.model], recipe.shape, recipe.levels, recipe.likelihood)
    for name in storage.shipped():
        model = models.load(name)
        has = model.config
        offered = (has["model"], model.shape, model.levels, has.get("likelihood"))
        if offered == wanted and model.shots >= plain.shots:
            usual = inspect.signature(type(model)).parameters
            own = {k: has[k] for k in ("width", "depth", "backbone", "dropout")}
            said = {k for k in ARGUMENTS if has[k] != usual[k].default} | plain.model_args.keys()
            own["model_args"] = {k: has[k] for k in ARGUMENTS if k in said}
            own |= {"read_at": tuple(has["read_at"]), "start": name, "lr": SMALLER}
            return replace(recipe, **own)
    return None


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
