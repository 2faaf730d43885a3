"""Where in an image the nats are spent: `python -m benchmarks.borders MODEL ... --data flips-24`.

Mean nats/dim of the first and last rows and columns, and of all pixels between them, of test
images given one example each. A model that conditions well everywhere but at a border shows here.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

import ilk
from ilk.data import Kinds
from ilk.evaluation.likelihood import evaluating
from ilk.models import Model


def main() -> None:
    """Prints a row a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="names or directories")
    parser.add_argument("--data", default="flips-24")
    parser.add_argument("--kinds", type=int, default=400)
    arguments = parser.parse_args()
    kinds = ilk.data.load(arguments.data, part="test")
    chosen = ilk.data.kinds.first_by_hash(kinds.names, arguments.kinds)
    kinds = kinds.subset(chosen)
    print(f"{kinds.name}, {len(kinds)} kinds; nats/dim of")
    print(
        f"{'first row':>10} {'last row':>10} {'first col.':>10} {'last col.':>10} {'the rest':>10}"
    )
    for name in arguments.models:
        spent = surprise(ilk.load(name), kinds)
        parts = (spent[0], spent[-1], spent[:, 0], spent[:, -1], spent[1:-1, 1:-1])
        print(" ".join(f"{float(part.mean()):10.3f}" for part in parts), f"  {name}", flush=True)


def surprise(model: Model, kinds: Kinds, batch: int = 32) -> Tensor:
    """Mean nats a dimension by place, `(H, W)`."""
    episodes = ilk.data.test_episodes(kinds, shots=1, queries=1)
    total = torch.zeros(kinds.shape[1:])
    with evaluating(model):
        for start in range(0, len(kinds), batch):
            part = slice(start, start + batch)
            x = kinds.images[episodes.queries[part, 0]]
            p = model(kinds.images[episodes.support[part, :1]])
            total -= p.log_prob_per_dim(x).mean(dim=1).sum(dim=0)
    return total / len(kinds)


if __name__ == "__main__":
    main()
