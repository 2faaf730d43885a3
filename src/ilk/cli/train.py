"""`ilk train`: train a model, or go on with a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from .common import check_writable, console, note

if TYPE_CHECKING:
    from ilk.training import Progress, Recipe

__all__ = ["main", "read_recipe"]

_DESCRIPTION = """Train a model by a named recipe, every option of which can be changed, or go on
with the run that --out holds: the same command resumes it exactly. Ctrl-C saves.

Example: ilk train omniglot --out runs/omniglot"""


def main(arguments: Sequence[str]) -> int:
    """Runs `ilk train`."""
    from ilk.training import train

    out, rest = _take_out(list(arguments))
    recipe = read_recipe(rest)
    folder = out or Path("runs") / recipe.name
    check_writable(folder / "log.jsonl", "--out")
    with _Screen(f"training {recipe.name}") as screen:
        result = train(recipe, folder, screen.report)
    again = f"ilk train {' '.join(arguments)}"
    if not result.finished:
        note(f"stopped at step {result.step} of {result.steps}, saved; to go on: {again}")
        return 130
    print(f"{result.model}: {_figures(result.train_nats_per_dim, result.valid_nats_per_dim)}")
    return 0


def read_recipe(arguments: Sequence[str]) -> Recipe:
    """A named recipe with the changes of a command line; arguments of the model add to its own."""
    from ilk.training import RECIPES

    # With pairs of its own, tyro would know a dictionary by these keys alone.
    none: dict[str, Any] = {"model_args": {}, "meta_args": {}}
    named = {n: (f"{r.model} on {r.data}", replace(r, **none)) for n, r in RECIPES.items()}
    recipe = tyro.extras.overridable_config_cli(
        named, prog="ilk train", args=list(arguments), description=_DESCRIPTION + _OUT_HELP
    )
    base = RECIPES[next(word for word in arguments if word in RECIPES)]
    return replace(
        recipe,
        model_args=base.model_args | recipe.model_args,
        meta_args=base.meta_args | recipe.meta_args,
    )


_OUT_HELP = "\n\n--out DIR is the folder of the run (default: runs/RECIPE)."


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
