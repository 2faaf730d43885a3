"""Where a run takes place: devices and processes, and what the model's card says of them."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

import ilk
from ilk.data.kinds import Kinds
from ilk.machine import processor
from ilk.precision import Probe, choose

from .recipe import Recipe
from .recipes import RECIPES, command

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["accelerated", "card", "commit", "hardware", "settle"]


@contextmanager
def accelerated(
    recipe: Recipe, saved: dict[str, Any] | None = None
) -> Iterator[tuple[Accelerator, Recipe, str | None]]:
    """An Accelerator for the run, taken down afterwards with the process group that it made.

    Beside it the recipe with a precision that is settled, the same in every process, and a remark
    on that.

    Arguments:
        recipe: Of the run.
        saved: The recipe that the run began with, if it goes on.

    Raises:
        ImportError: If Accelerate is not installed.
    """
    try:
        from accelerate import Accelerator, PartialState
        from accelerate.state import AcceleratorState
        from accelerate.utils import broadcast_object_list
    except ImportError as error:
        raise ImportError("accelerate: not installed; pip install 'ilk[train]'") from error
    grouped = dist.is_available() and dist.is_initialized()
    cpu = recipe.device == "cpu"
    try:
        state = PartialState(cpu=cpu)
        here = state.device or torch.device("cpu")
        settled = [settle(recipe, here, saved) if state.is_main_process else None]
        broadcast_object_list(settled)
        assert settled[0] is not None
        recipe, remark = settled[0]
        precision = "bf16" if recipe.precision == "bf16" else "no"
        yield Accelerator(mixed_precision=precision, cpu=cpu), recipe, remark
    finally:
        # A process group alive at interpreter exit aborts now and then: its threads outlive it.
        if not grouped and dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
        # Accelerate keeps one state a process: without this a second run could not differ.
        AcceleratorState._reset_state(reset_partial_state=not grouped)


def settle(
    recipe: Recipe,
    device: torch.device,
    saved: dict[str, Any] | None = None,
    probe: Probe | None = None,
) -> tuple[Recipe, str | None]:
    """The recipe with the precision that the run has, and a remark where there is one to make.

    A run goes on in the precision that it began in, whatever the machine.

    Arguments:
        recipe: Of the run.
        device: Where it takes place.
        saved: The recipe that it began with, if it goes on.
        probe: See `choose`.
    """
    wanted = recipe.precision
    if wanted == "auto" and saved is not None and saved.get("precision") in ("bf16", "float32"):
        return replace(recipe, precision=saved["precision"]), None
    choice = choose(wanted, device, probe)
    said = str(choice) if wanted == "auto" or choice.slow else None
    return replace(recipe, precision=choice.precision), said


def card(recipe: Recipe, kinds: Kinds, processes: int, device: torch.device) -> dict[str, Any]:
    """Where a model comes from: command, code, data, machine. JSON values."""
    return {
        "name": recipe.name,
        "command": command(recipe) if recipe.name in RECIPES else None,
        "recipe": recipe.to_json(),
        "ilk": ilk.__version__,
        "torch": str(torch.__version__),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "data": {
            "name": kinds.name,
            "kinds": len(kinds),
            "images": len(kinds.images),
            "digest": kinds.digest(),
        },
        "hardware": hardware(device) | {"processes": processes},
    }


def hardware(device: torch.device) -> dict[str, Any]:
    """The processor, its threads in use, and the accelerator if there is one."""
    name = f"{processor() or platform.machine()}, {os.cpu_count()} logical cores"
    found: dict[str, Any] = {"processor": name, "threads": torch.get_num_threads()}
    if device.type == "cuda":
        found["accelerator"] = torch.cuda.get_device_name(device)
    elif device.type != "cpu":
        found["accelerator"] = device.type
    return found


def commit() -> str | None:
    """The commit of the source tree that this package is run from, if it is run from one."""
    root = Path(ilk.__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
