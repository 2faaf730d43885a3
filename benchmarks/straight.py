"""What a straight path is worth: `python -m benchmarks.straight [--data cifar10] [--steps 400]`.

The same Gated PixelCNN, trained twice on the same batches: with a straight path from pixels to
the means of the mixture, and without. Prints nats/dim on held-out images.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from tempfile import TemporaryDirectory
from unittest.mock import patch

from ilk.distributions import Logistics
from ilk.training import RECIPES, Recipe, train


def main() -> None:
    """Prints a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    short = {"steps": arguments.steps, "warmup": arguments.steps // 8, "sample_every": 0}
    recipe = replace(RECIPES["cifar10"], data=arguments.data, **short)
    with_path = held_out(recipe)
    with patch.object(Logistics, "values", None):
        without = held_out(recipe)
    print(f"{recipe.images_per_step * recipe.steps} images of {recipe.data}, nats/dim held out")
    print(f"with a straight path  {with_path:.3f}\nwithout               {without:.3f}")
    print(f"less by {without - with_path:.3f}")


def held_out(recipe: Recipe) -> float:
    """Nats a dimension on validation images after training."""
    with TemporaryDirectory() as out:
        nats = train(recipe, out).valid_nats_per_dim
        if nats is None:
            raise ValueError(f"--data: {recipe.data} holds no images back")
        return nats


if __name__ == "__main__":
    main()
