"""What the inner loop of Meta PixelCNN costs: `python -m benchmarks.inner_loop [--json]`.

Task parameters of 16 support sets, made for all at once and one after the other, with the second
derivatives that training takes through them; and the most memory that this held. Small nets and
sets are bound by the number of calls, which vectorising divides by 16; large ones by arithmetic,
which it leaves as it is. Beside it all at once with convolutions as products of matrices
(`ilk.nn.unfold`), as on an accelerator, where that is three times as fast.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from ilk.models import GatedPixelCNN, MetaPixelCNN
from ilk.nn.unfold import Unfolded
from ilk.precision import choose

from .speed import Spread, in_turn, peak_megabytes

TASKS = 16
# Width, depth, layer L, support images of a task.
SIZES = [(16, 4, 2, 1), (32, 8, 4, 1), (64, 8, 4, 1), (64, 8, 4, 4)]


def works(width: int, depth: int, layer: int, shots: int) -> list[Callable[[], None]]:
    """The inner loop and its second derivatives: all at once, one by one, and as products."""
    torch.manual_seed(0)
    model = MetaPixelCNN(GatedPixelCNN((1, 26, 26), width=width, depth=depth), layer=layer)
    support = torch.randint(2, (TASKS, shots, 1, 26, 26))

    def adapt(support: torch.Tensor) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=choose().precision == "bf16"):
            weights = model.context(support).weights
        torch.stack([w.square().sum() for w in weights.values()]).sum().backward()

    def one_by_one() -> None:
        for one in support:
            adapt(one)

    def as_products() -> None:
        with Unfolded():
            adapt(support)

    return [lambda: adapt(support), one_by_one, as_products]


def megabytes(size: tuple[int, ...]) -> float:
    """What all tasks at once add to the memory of the import, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.inner_loop", "--memory", *map(str, size)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measures, prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of every comparison")
    parser.add_argument("--memory", type=int, nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        before = peak_megabytes()
        works(*arguments.memory)[0]()
        print(peak_megabytes() - before)
        return
    rows = []
    print(f"{TASKS} tasks of 26x26 images, second order, {choose().precision}")
    print(
        "width depth layer shots     at once, s   one by one / at once   as products / at once"
        "   memory, MB"
    )
    for size in SIZES:
        once, alone, products = in_turn(works(*size), arguments.repeats)
        ratio = Spread.of([b / a for a, b in zip(once, alone, strict=True)])
        other = Spread.of([b / a for a, b in zip(once, products, strict=True)])
        held = megabytes(size)
        print(
            f"{size[0]:5}{size[1]:6}{size[2]:6}{size[3]:6} {Spread.of(once)} {ratio} {other}"
            f" {held:8.0f}"
        )
        rows.append(
            {"size": size, "seconds": asdict(Spread.of(once)), "ratio": asdict(ratio)}
            | {"products": asdict(other), "megabytes": held}
        )
    if arguments.json:
        print(json.dumps({"tasks": TASKS, "threads": torch.get_num_threads(), "rows": rows}))


if __name__ == "__main__":
    main()
