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

from .common import check_seed, check_writable, console, note, write_picture

if TYPE_CHECKING:
    from ilk.training import Plan, Progress, Recipe

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
    recipe, plan = _read(rest)
    check_seed(recipe.seed)
    folder = out or Path("runs") / (plan.kinds[0].name.split("/")[0] if plan else recipe.name)
    check_writable(folder / "log.jsonl", "--out")
    if plan is not None:
        _introduce(plan, recipe)
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
    """A named recipe with the changes of a command line; arguments of the model add to its own."""
    return _read(arguments)[0]


def _read(arguments: Sequence[str]) -> tuple[Recipe, Plan | None]:
    """The recipe, and the plan that it comes from if its data are a folder of one's own."""
    from ilk.training import RECIPES, plan_folder

    words = list(arguments)
    if words and words[0] not in RECIPES and Path(words[0]).is_dir():
        raise ValueError(f"a folder of kinds goes after --data: ilk train --data {words[0]}")
    if _is_folder(words) and words[0] not in RECIPES:
        words = ["folder", *words]
    recipe = _parse(words, RECIPES)
    if words[0] != "folder" or not Path(recipe.data).is_dir():
        return recipe, None
    plan = plan_folder(recipe)
    # Once more: what the command line says goes before what the pictures say.
    return _parse(words, RECIPES | {"folder": plan.recipe}), plan


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


def _introduce(plan: Plan, recipe: Recipe) -> None:
    """Says what was found, what will be done and how long it may take."""
    from ilk.training import estimate

    if os.environ.get("RANK", "0") != "0":
        return
    note(str(plan.report))
    for line in plan.notes:
        note(line)
    times = recipe.total_steps * recipe.images_per_step / len(plan.kinds[0].images)
    note(
        f"{recipe.model} model, {recipe.likelihood} likelihood, {recipe.least_shots} to"
        f" {recipe.shots} shots, {recipe.queries} queries, {recipe.total_steps:,} steps:"
        f" {times:.1f} times each image"
    )
    if "RANK" in os.environ:  # several processes step together, or not at all
        return
    pace = estimate(recipe, plan.kinds)
    note(
        f"about {_clock(pace * recipe.total_steps)} for {recipe.total_steps:,} steps"
        f" ({pace:.2f} s each over 3 timed ones), validation apart; --steps or --images change it"
    )


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
