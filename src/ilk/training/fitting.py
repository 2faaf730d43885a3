"""Fitting what was inferred for a folder to the machine: size, network and steps for an hour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .folder import Plan, anew, budgeted, net, plan_folder
from .loop import estimate
from .recipe import Recipe
from .recipes import RECIPES

__all__ = ["Fitted", "fit_folder", "size"]

HOUR = 3600.0
# Seconds between sheets of samples; the first is to be there in ten minutes, drawing included.
SHEETS = 360.0
# Images scored, at least, for a size or a network to be worth its time.
WORTH = 8_000
SIDE, NARROW = 32, 32


@dataclass(frozen=True)
class Fitted:
    """What to train on a folder on this machine.

    Arguments:
        plan: What was inferred, the recipe fitted.
        pace: Seconds a step.
        tried: The sizes and networks that were too slow, a line each.
    """

    plan: Plan
    pace: float
    tried: tuple[str, ...] = ()


def fit_folder(
    recipe: Recipe = RECIPES["folder"],
    complete: Callable[[Recipe], Recipe] = lambda recipe: recipe,
    on_step: Callable[[Plan, int, int], None] = lambda plan, done, of: None,
    seconds: Callable[..., float] = estimate,
) -> Fitted:
    """Completes a recipe for the folder that it names in `data`, for an hour on this machine.

    Of the sizes and networks that are inferred, largest first, it takes the first that would
    score 8,000 images in an hour, or all that it is to score if these are fewer; a step of
    each is timed on the first batches. Steps are as many as an hour has, the budget of
    `plan_folder` at most. Sheets of samples are some minutes apart.

    Arguments:
        recipe: Names the folder; what is not as in the recipe `folder` stays.
        complete: Puts what a person asks for in the place of what was inferred.
        on_step: Called before each step that is timed, with what is timed.
        seconds: Times a step of a recipe, as `estimate` does.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no picture, or no kind of two images to train on.
    """
    tried: list[str] = []
    plan, pace = None, 0.0
    for plan in _rungs(recipe):
        final = complete(plan.recipe)
        timed = replace(plan, recipe=final)
        pace = seconds(final, plan.kinds, on_step=lambda *at, timed=timed: on_step(timed, *at))
        worth = min(final.total_steps, math.ceil(WORTH / final.images_per_step))
        if worth * pace <= HOUR:
            break
        tried.append(f"{size(final)}, {final.width} channels: {pace:.1f} s a step")
    else:
        tried.pop()  # the last has nothing smaller below it
    assert plan is not None
    fitted = complete(_timed(plan.recipe, pace))
    return Fitted(replace(plan, recipe=fitted), pace, tuple(tried))


def size(recipe: Recipe) -> str:
    """The shape of the images of a recipe, in words.

    Example:
        >>> size(Recipe(shape=(3, 64, 32)))
        '3x64x32'
    """
    return "x".join(map(str, recipe.shape or ()))


def _rungs(recipe: Recipe) -> Iterator[Plan]:
    """What may be inferred, from large to small: sizes, each with the networks for it."""
    plan = plan_folder(recipe)
    while True:
        yield plan
        channels, height, width = plan.kinds[0].shape
        given = recipe.shape is not None or min(height, width) < 2 * SIDE
        own = net(recipe) != net(RECIPES["folder"])
        if given and not own:
            narrow = replace(anew(plan.recipe), width=NARROW)
            yield replace(plan, recipe=budgeted(narrow, len(plan.kinds[0].images)))
        if given:
            return
        half = (channels, height // 2, width // 2)
        plan = plan_folder(replace(recipe, shape=half, levels=plan.recipe.levels))


def _timed(recipe: Recipe, pace: float) -> Recipe:
    """The steps of an hour, sheets and checkpoints some minutes apart."""
    steps = max(1, min(recipe.total_steps, int(HOUR / pace)))
    every = max(1, min(steps, int(SHEETS / pace)))
    kept = min(recipe.checkpoint_every, max(every, -(-steps // 3)))
    return replace(recipe, steps=steps, images=None, sample_every=every, checkpoint_every=kept)
