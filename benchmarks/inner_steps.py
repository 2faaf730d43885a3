"""Do more inner steps help, and what do they cost? `python -m benchmarks.inner_steps MODEL ...`.

Every model, a Meta PixelCNN, takes 1, 2, 5 and 10 steps, where it was trained to take as many as
its config says: nats/dim of test queries at each number of shots, and how long it takes to
condition on 16 support sets of 4 images, without the derivatives of training.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

import torch

import ilk
from ilk.evaluation import nats_by_shots
from ilk.models import MetaPixelCNN

from .speed import Spread

STEPS = (1, 2, 5, 10)


def seconds(model: MetaPixelCNN, support: torch.Tensor, repeats: int) -> Spread:
    """The time that conditioning takes."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        with torch.inference_mode():
            model.context(support)
        times.append(time.perf_counter() - start)
    return Spread.of(times)


def main() -> None:
    """Prints a row for each model and number of steps, and JSON as the last line if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="names or directories")
    parser.add_argument("--split", default="45-5")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--kinds", type=int, default=72)
    parser.add_argument("--queries", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    kinds = ilk.data.load("omniglot-26", arguments.split, "test")
    chosen = ilk.evaluation.training_kinds(kinds, arguments.kinds)
    episodes = ilk.data.test_episodes(chosen, max(arguments.shots), arguments.queries)
    support, rows = episodes.batch(4, 0, 16).support, []
    print(f"{episodes.kinds.name}; trained with, steps taken, nats/dim by shots, seconds")
    for name in arguments.models:
        model = ilk.load(name)
        if not isinstance(model, MetaPixelCNN):
            raise SystemExit(f"{name}: wanted a MetaPixelCNN, got {type(model).__name__}")
        trained = model.steps
        for model.steps in STEPS:
            found = nats_by_shots(model, episodes, arguments.shots, precision="auto")
            took = seconds(model, support, arguments.repeats)
            cells = "  ".join(f"{r.shots}: {r.nats_per_dim:.4f} ± {r.stderr:.4f}" for r in found)
            print(f"{trained:4}{model.steps:4}  {cells}  {took}", flush=True)
            rows.append(
                {"model": name, "trained_with": trained, "steps": model.steps}
                | {"nats_per_dim": {r.shots: r.nats_per_dim for r in found}}
                | {"seconds": asdict(took)}
            )
    if arguments.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
