"""Small data whose entropy is known, small recipes, and a run as a process of its own."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path

import torch

from ilk.data.kinds import Kinds
from ilk.training import Progress, Recipe, train


def striped(kinds: int = 12, images: int = 8, size: int = 4, seed: int = 0) -> Kinds:
    """Binary images: a kind is a template, an image the template with a tenth of it flipped."""
    generator = torch.Generator().manual_seed(seed)
    template = torch.randint(2, (kinds, 1, 1, size, size), generator=generator)
    flips = torch.rand(kinds, images, 1, size, size, generator=generator) < 0.1
    pixels = (template ^ flips.long()).to(torch.uint8).flatten(0, 1)
    kind = torch.arange(kinds).repeat_interleave(images)
    return Kinds(pixels, kind, tuple(f"kind {k}" for k in range(kinds)), 2, "striped")


ARGUMENTS = {"attention": {"patches": 8, "heads": 1, "summary": 8}, "conditional": {"summary": 8}}


def tiny(**changes) -> Recipe:
    """A few-shot recipe of a few steps."""
    changes = {"model_args": ARGUMENTS.get(changes.get("model", "attention"), {}), **changes}
    recipe = Recipe(
        name="tiny",
        model="attention",
        width=8,
        depth=2,
        read_at=(1,),
        dropout=0.1,
        shots=2,
        batch=4,
        queries=2,
        steps=12,
        warmup=3,
        precision="float32",
        device="cpu",
        checkpoint_every=3,
        sample_every=0,
        log_every=2,
    )
    return dataclasses.replace(recipe, **changes)


def weights(out: Path) -> dict[str, bytes]:
    """The bytes of the newest checkpoint's model and average, and of the saved model."""
    newest = max((out / "checkpoints").glob("step-*"))
    files = {name: newest / f"{name}.safetensors" for name in ("model", "ema", "optimizer")}
    files["saved"] = out / "model" / "model.safetensors"
    return {name: path.read_bytes() for name, path in files.items()}


def main() -> None:
    """`python -m training.toys OUT CHANGES`: train, a line to stdout for each report.

    `pause` in CHANGES is the seconds to sleep at each report, for others to interfere.
    """
    out, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    pause = changes.pop("pause", 0)

    def report(progress: Progress) -> None:
        print(progress.step, progress.message or "", flush=True)
        time.sleep(pause)

    torch.set_num_threads(1)
    changes = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    result = train(tiny(**changes), out, report, kinds=(striped(), striped(seed=1)))
    print("finished" if result.finished else f"stopped by {result.stopped_by}", flush=True)


if __name__ == "__main__":
    main()
