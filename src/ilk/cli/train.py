"""`ilk train`: train a model, or go on with a run."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from .common import bar, check_seed, check_writable, console, note, write_picture

if TYPE_CHECKING:
    from ilk.training import Fitted, Plan, Progress, Recipe

__all__ = ["main", "read_recipe"]

_DESCRIPTION = """Train a model by a named recipe, every option of which can be changed, or go on
with the run that --out holds: the same command resumes it exactly. Ctrl-C saves. With --data
FOLDER alone, a folder of folders of pictures, the recipe is inferred from them.

Example: ilk train omniglot --out runs/omniglot
Example: ilk train --data leaves/"""
_OUT_HELP = "\n\n--out DIR is the folder of the run (default: runs/RECIPE, or runs/FOLDER)."


def main(arguments: Sequence[str]) -> int:
    """Runs `ilk train`."""
    from ilk.training import train

    out, rest = _take_out(list(arguments))
    words, recipe = _named(rest)
    check_seed(recipe.seed)
    own = _is_own(words, recipe)
    folder = out or Path("runs") / (Path(recipe.data).resolve().name if own else recipe.name)
    check_writable(folder / "log.jsonl", "--out")
    plan = _plan(words, recipe, folder) if own else None
    recipe = plan.recipe if plan else recipe
    with _Screen(f"training {recipe.name}") as screen:
        result = train(
            recipe,
            folder,
            screen.report,
            kinds=plan.kinds if plan else None,
            on_start=lambda: _preview(plan, folder),
        )
    again = f"ilk train {shlex.join(arguments)}"
    if not result.finished:
        note(f"stopped at step {result.step} of {result.steps}, saved; to go on: {again}")
        return 130
    print(f"{result.model}: {_figures(result.train_nats_per_dim, result.valid_nats_per_dim)}")
    return 0


def read_recipe(arguments: Sequence[str]) -> Recipe:
    """A named recipe with the changes of a command line; arguments of the model add to its own.

    For a folder of one's own it is complete, but not fitted to the machine.
    """
    from ilk.training import plan_folder

    words, recipe = _named(arguments)
    if not _is_own(words, recipe):
        return recipe
    return _completed(words, plan_folder(recipe).recipe)


def _named(arguments: Sequence[str]) -> tuple[list[str], Recipe]:
    """The words of a command line, a recipe first, and the recipe that they say."""
    from ilk.training import RECIPES

    words = list(arguments)
    if words and words[0] not in RECIPES and Path(words[0]).is_dir():
        raise ValueError(f"a folder of kinds goes after --data: ilk train --data {words[0]}")
    if _is_folder(words) and words[0] not in RECIPES:
        words = ["folder", *words]
    return words, _parse(words, RECIPES)


def _is_own(words: Sequence[str], recipe: Recipe) -> bool:
    """Whether the data are a folder of one's own, of which all else is inferred."""
    return words[0] == "folder" and Path(recipe.data).is_dir()


def _completed(words: Sequence[str], inferred: Recipe) -> Recipe:
    """What the command line says, and elsewhere what was inferred."""
    from ilk.training import RECIPES
    from ilk.training.folder import anew, net

    recipe = _parse(words, RECIPES | {"folder": inferred})
    if inferred.start is None or net(recipe) == net(inferred):
        return recipe
    return _parse(words, RECIPES | {"folder": anew(inferred)})  # a network of one's own


def _plan(words: Sequence[str], recipe: Recipe, out: Path) -> Plan:
    """What to train on a folder: what the run in `out` began with, or fitted to the machine.

    Several processes step together, or not at all: nothing is timed for them.
    """
    from ilk.training import Recipe, fit_folder, plan_folder
    from ilk.training.checkpoint import Checkpoints
    from ilk.training.fitting import size
    from ilk.training.folder import read_plan

    saved = Checkpoints(out / "checkpoints").recipe()
    if saved is not None and saved.get("name") == "folder":
        began = replace(Recipe.from_json(saved), data=recipe.data, data_root=recipe.data_root)
        return read_plan(_completed(words, began))
    if "RANK" in os.environ:
        plan = plan_folder(recipe)
        plan = replace(plan, recipe=_completed(words, plan.recipe))
        _say_found(plan)
        _say_what(plan)
        return plan
    timed: list[str] = []
    with bar("timing steps") as tell:

        def step(plan: Plan, done: int, of: int) -> None:
            what = f"{size(plan.recipe)}, {plan.recipe.width} channels"
            if not timed:
                _say_found(plan)
            if what not in timed:
                timed.append(what)
                note(f"timing steps on the first batches: {what}")
            tell(done, of, what)

        fitted = fit_folder(recipe, lambda r: _completed(words, r), step)
    _say_what(fitted.plan)
    _say_hours(fitted, out)
    return fitted.plan


def _parse(words: Sequence[str], recipes: dict[str, Recipe]) -> Recipe:
    # With pairs of its own, tyro would know a dictionary by these keys alone.
    none: dict[str, Any] = {"model_args": {}, "meta_args": {}}
    named = {n: (f"{r.model} on {r.data}", replace(r, **none)) for n, r in recipes.items()}
    recipe = tyro.extras.overridable_config_cli(
        named, prog="ilk train", args=list(words), description=_DESCRIPTION + _OUT_HELP
    )
    base = recipes[words[0]]
    return replace(
        recipe,
        model_args=base.model_args | recipe.model_args,
        meta_args=base.meta_args | recipe.meta_args,
    )


def _is_folder(words: Sequence[str]) -> bool:
    """Whether --data names something that is not a data set of the package."""
    from ilk.data import NAMES

    following = [after for word, after in pairwise(words) if word == "--data"]
    joined = [word.removeprefix("--data=") for word in words if word.startswith("--data=")]
    return any(name not in NAMES for name in following + joined)


def _say_found(plan: Plan) -> None:
    """Says what is in a folder."""
    note(str(plan.report))
    for line in plan.notes:
        note(line)


def _say_what(plan: Plan) -> None:
    """Says what will be trained."""
    recipe = plan.recipe
    times = recipe.total_steps * recipe.images_per_step / len(plan.kinds[0].images)
    start = f"begins with the weights of {recipe.start}, " if recipe.start else ""
    note(
        f"{recipe.model} model, {recipe.width} channels, {recipe.likelihood} likelihood,"
        f" {recipe.least_shots} to {recipe.shots} shots, {recipe.queries} queries, {start}"
        f"{recipe.total_steps:,} steps: {times:.1f} times each image"
    )


def _say_hours(fitted: Fitted, out: Path) -> None:
    """Says how long it will take, what was too slow, and where there will be something to see."""
    from ilk.training.fitting import size

    recipe, pace = fitted.plan.recipe, fitted.pace
    for line in fitted.tried:
        note(f"too slow for an hour here: {line}")
    note(
        f"about {_clock(pace * recipe.total_steps)} for {recipe.total_steps:,} steps of"
        f" {size(recipe)} ({pace:.2f} s each, timed), validation and sheets apart; --steps or"
        " --images change it"
    )
    if recipe.sample_every:
        every = min(recipe.sample_every, recipe.total_steps)
        note(f"a sheet of samples about every {_clock(pace * every)}: {out / 'samples'}")


def _preview(plan: Plan | None, out: Path) -> None:
    """Shows what the network will see of a folder of one's own."""
    from ilk.training import preview

    if plan is not None:
        write_picture(out / "preview.png", preview(plan.kinds[0]))
        note(f"what the network will see: {out / 'preview.png'}")


def _take_out(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """--out, which is no part of a recipe."""
    for i, word in enumerate(arguments):
        if word.startswith("--out="):
            return Path(word.removeprefix("--out=")), arguments[:i] + arguments[i + 1 :]
        if word == "--out":
            if i + 1 == len(arguments):
                raise ValueError("--out: wanted a folder, got nothing")
            return Path(arguments[i + 1]), arguments[:i] + arguments[i + 2 :]
    return None, arguments


def _figures(train: float | None, valid: float | None) -> str:
    parts = [
        f"{name} {value:.4f}" for name, value in (("train", train), ("valid", valid)) if value
    ]
    return ", ".join(parts) + " nats/dim"


class _Screen:
    """A live bar at a terminal, a line a report elsewhere."""

    def __init__(self, title: str) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self.console = console()
        self.live = self.console.is_terminal
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.bar.add_task(title, total=None, figures="")
        self.valid = ""

    def __enter__(self) -> _Screen:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def report(self, p: Progress) -> None:
        """Shows a report of the run."""
        if p.message:
            self.console.print(f"step {p.step}: {p.message}")
        if p.valid_nats_per_dim is not None:
            self.valid = f", valid {p.valid_nats_per_dim:.4f}"
        if p.nats_per_dim is None:
            if p.seconds_left is not None:
                left = f"about {_clock(p.seconds_left)} for the other {p.steps - p.step:,} steps"
                self.console.print(f"step {p.step}: {left}")
            return
        figures = f"{p.step}/{p.steps}  {p.nats_per_dim:.4f} nats/dim{self.valid}"
        figures += f"  {p.images_per_s or 0:.0f} images/s  {_clock(p.seconds_left)} left"
        if self.live:
            self.bar.update(self.task, completed=p.step, total=p.steps, figures=figures)
        else:
            print(figures, file=sys.stderr, flush=True)


def _clock(seconds: float | None) -> str:
    whole = int(seconds or 0)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
