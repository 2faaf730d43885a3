"""Where a run takes place: devices and processes, and what the model's card says of them."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

import ilk
from ilk.data.kinds import Kinds
from ilk.machine import processor

from .recipe import Recipe
from .recipes import RECIPES, command

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["accelerated", "card", "commit", "hardware"]


@contextmanager
def accelerated(recipe: Recipe) -> Iterator[Accelerator]:
    """An Accelerator for the run, taken down afterwards with the process group that it made.

    Raises:
        ImportError: If Accelerate is not installed.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    except ImportError as error:
        raise ImportError("accelerate: not installed; pip install 'ilk[train]'") from error
    grouped = dist.is_available() and dist.is_initialized()
    precision = "bf16" if recipe.precision == "bf16" else "no"
    accelerator = Accelerator(mixed_precision=precision, cpu=recipe.device == "cpu")
    try:
        yield accelerator
    finally:
        # A process group alive at interpreter exit aborts now and then: its threads outlive it.
        if not grouped and dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
        # Accelerate keeps one state a process: without this a second run could not differ.
        AcceleratorState._reset_state(reset_partial_state=not grouped)


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
