"""Checkpoints: whole or absent, checked before use, the newest few kept.

A checkpoint is a folder `step-00001000` with `model.safetensors`, `ema.safetensors`,
`optimizer.safetensors` and `checkpoint.json`, which has the SHA-256 of the three and of its own
content. No pickles.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ilk.files import remove_temporaries, write_bytes, write_directory

from .optimizer import Optimizer

__all__ = ["Checkpoint", "Checkpoints", "restore_optimizer", "state_tensors"]

FORMAT = 1
PARTS = ("model", "ema", "optimizer")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that has been read and found good.

    Arguments:
        step: Steps done.
        meta: What else was saved with it: JSON values.
        tensors: The tensors of each part, `model`, `ema` and `optimizer`.
    """

    step: int
    meta: dict[str, Any]
    tensors: dict[str, dict[str, Tensor]]


class Checkpoints:
    """The checkpoints of a run.

    Arguments:
        directory: Where they are; made when the first is saved.
        keep: How many to keep.
    """

    def __init__(self, directory: Path, keep: int = 2) -> None:
        self.directory, self.keep = directory, keep

    def path(self, step: int) -> Path:
        """The folder of the checkpoint after `step` steps."""
        return self.directory / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """The steps of which there are checkpoints, good or bad, ascending."""
        names = [p.name[5:] for p in self.directory.glob("step-*") if p.is_dir()]
        steps = sorted(int(name) for name in names if name.isdecimal())
        return [step for step in steps if self.path(step).is_dir()]

    def clean(self) -> None:
        """Remove what a killed process left half written."""
        remove_temporaries(self.directory)

    def save(self, step: int, tensors: dict[str, dict[str, Tensor]], meta: dict[str, Any]) -> Path:
        """Write a checkpoint, and then drop the oldest beyond `keep`.

        Raises:
            OSError: If it can't be written (a full disk, say): the ones before are as they were.
        """

        def fill(folder: Path) -> None:
            head = {"format": FORMAT, "step": step, **meta}
            digests = {"head": _digest(head)}
            for part in PARTS:
                data = safetensors.torch.save(tensors[part])
                write_bytes(folder / f"{part}.safetensors", data)
                digests[part] = hashlib.sha256(data).hexdigest()
            text = json.dumps({**head, "sha256": digests}, indent=1)
            write_bytes(folder / "checkpoint.json", text.encode())

        path = self.path(step)
        write_directory(path, fill)
        for old in [s for s in self.steps() if s < step][: -(self.keep - 1) or None]:
            shutil.rmtree(self.path(old), ignore_errors=True)
        return path

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest good checkpoint, and a message on each newer one that is not.

        Raises:
            ValueError: If one is from a newer version of the package.
        """
        messages = []
        for step in reversed(self.steps()):
            try:
                return self.read(step), messages
            except _BAD as error:
                messages.append(f"skipped the damaged checkpoint {self.path(step).name}: {error}")
        return None, messages

    def recipe(self) -> dict[str, Any] | None:
        """The recipe of the run, as the newest checkpoint that can be read has it."""
        for step in reversed(self.steps()):
            try:
                head = json.loads((self.path(step) / "checkpoint.json").read_bytes())
                return dict(head["recipe"])
            except (*_BAD, ValueError, RecursionError):
                continue
        return None

    def set_aside(self, newer_than: int) -> None:
        """Rename what is newer than a step, so that it is neither read nor counted again."""
        for step in self.steps():
            if step > newer_than:
                path = self.path(step)
                aside = path.with_name(f"damaged-{path.name}")
                shutil.rmtree(aside, ignore_errors=True)
                os.rename(path, aside)

    def read(self, step: int) -> Checkpoint:
        """Read a checkpoint and check every byte of it."""
        path = self.path(step)
        try:
            head = json.loads((path / "checkpoint.json").read_bytes())
            digests = head.pop("sha256")
        except (ValueError, AttributeError, RecursionError) as error:
            raise _Damaged(f"checkpoint.json: {error}") from None
        if head["format"] > FORMAT:
            raise ValueError(
                f"{path / 'checkpoint.json'}: written by a newer version of ilk"
                f" (format {head['format']}, this one reads up to {FORMAT}); update ilk to go on"
            )
        # Before there was a digest of the head, there was none to compare.
        if head["step"] != step or digests.get("head", _digest(head)) != _digest(head):
            raise _Damaged("checkpoint.json does not match its checksum")
        tensors = {}
        for part in PARTS:
            data = (path / f"{part}.safetensors").read_bytes()
            if hashlib.sha256(data).hexdigest() != digests[part]:
                raise _Damaged(f"{part}.safetensors does not match its checksum")
            tensors[part] = safetensors.torch.load(data)
        return Checkpoint(head["step"], head, tensors)


class _Damaged(Exception):
    """The bytes of a checkpoint are not those that were written."""


_BAD = (OSError, AttributeError, KeyError, TypeError, _Damaged)


def _digest(head: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()


def state_tensors(
    model: nn.Module, ema: nn.Module, optimizer: Optimizer
) -> dict[str, dict[str, Tensor]]:
    """The tensors of a run by part, on the CPU, the optimiser's by parameter name."""
    moments = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            moments[f"{name}/{key}"] = value
    parts = {"model": model.state_dict(), "ema": ema.state_dict(), "optimizer": moments}
    return {
        # A copy: parameters may share memory, and safetensors wants each on its own.
        part: {
            key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()
        }
        for part, state in parts.items()
    }


@torch.no_grad()
def restore_optimizer(model: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser the state that it had, each tensor laid out as the first step would."""
    for name, parameter in model.named_parameters():
        prefix = f"{name}/"
        for key, value in tensors.items():
            if key.startswith(prefix):
                like = parameter if value.shape == parameter.shape else value
                own = torch.empty_like(like, device=parameter.device)
                optimizer.state[parameter][key[len(prefix) :]] = own.copy_(value)
