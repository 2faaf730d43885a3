"""Which support pixels attention reads: `python -m benchmarks.reads MODEL --data DATA`.

For every head, over all pixels of test queries: the weight of the slot that holds nothing; how
many patches it looks at (the exponential of the entropy); how far its centre of attention lies
from the pixel that is written, and from that pixel's mirror image, in pixels; and, for drawings,
how much more than their share patches with ink get, when paper is written and when ink is.
"""

from __future__ import annotations

import argparse
import json

import torch
import torch.nn.functional as F
from torch import Tensor

import ilk
from ilk.reads import Looks, looks


def centre(seen: Looks, size: tuple[int, int]) -> Tensor:
    """The mean place that is looked at, in pixels, `(heads, H, W, 2)`."""
    share = seen.patches.sum(dim=3)
    share = share / share.sum(dim=(-2, -1), keepdim=True).clamp(min=1e-30)
    rows, columns = (
        torch.linspace(0, n - 1, m) for n, m in zip(size, share.shape[-2:], strict=True)
    )
    y = (share.sum(dim=-1) * rows).sum(dim=-1)
    x = (share.sum(dim=-2) * columns).sum(dim=-1)
    return torch.stack([y, x], dim=-1)


def measure(x: Tensor, support: Tensor, seen: Looks) -> dict[str, Tensor]:
    """Figures of each head for one image, means over its pixels, `(heads,)`."""
    size = (x.shape[-2], x.shape[-1])
    share = seen.patches.flatten(3)
    share = share / share.sum(dim=-1, keepdim=True).clamp(min=1e-30)
    entropy = -(share * share.clamp(min=1e-12).log()).sum(dim=-1)
    place = torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij"), dim=-1).float()
    mirror = torch.stack([place[..., 0], size[1] - 1 - place[..., 1]], dim=-1)
    looked = centre(seen, size)
    figures = {
        "nothing": seen.nothing.mean(dim=(1, 2)),
        "patches": entropy.exp().mean(dim=(1, 2)),
        "distance": (looked - place).norm(dim=-1).mean(dim=(1, 2)),
        "distance to mirror": (looked - mirror).norm(dim=-1).mean(dim=(1, 2)),
    }
    if len(x) > 1 or int(support.max()) > 1 or not 0 < int(x.sum()) < x.numel():
        return figures
    patch = -(-size[0] // seen.patches.shape[-2])
    ink = F.max_pool2d(support.float(), patch, ceil_mode=True)[:, 0].flatten() > 0
    gain = share[..., ink].sum(dim=-1) / ink.float().mean()
    return figures | {
        "on ink, writing paper": gain[:, x[0] == 0].mean(dim=1),
        "on ink, writing ink": gain[:, x[0] == 1].mean(dim=1),
    }


def main() -> None:
    """Prints the table, and JSON as the last line if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--data", default="omniglot-26")
    parser.add_argument("--split", default="30-20")
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--kinds", type=int, default=60, help="test kinds, one query of each")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    model = ilk.load(arguments.model)
    kinds = ilk.data.load(arguments.data, arguments.split, "test")
    chosen = ilk.evaluation.training_kinds(kinds, arguments.kinds)
    episodes = ilk.data.test_episodes(chosen, arguments.shots, 1)
    batch = episodes.batch(arguments.shots)
    found: dict[str, list[Tensor]] = {}
    for support, x in zip(batch.support, batch.queries[0], strict=True):
        for name, value in measure(x, support, looks(model, x, support)).items():
            found.setdefault(name, []).append(value)
    table = {name: torch.stack(values).mean(dim=0).tolist() for name, values in found.items()}
    print(
        f"{episodes.kinds.name}, {arguments.shots} shots; a column for each head, then their mean"
    )
    for name, values in table.items():
        cells = "".join(f"{v:10.2f}" for v in [*values, sum(values) / len(values)])
        print(f"{name:24}{cells}")
    if arguments.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
