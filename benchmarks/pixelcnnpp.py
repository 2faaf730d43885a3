"""How fast PixelCNN++ samples: `python -m benchmarks.pixelcnnpp [--json]`.

The net of the paper's code, 5 residuals x 160 channels down and up at three resolutions and 10
logistics, on 32x32 colour: 16 images through `step`, beside forward passes of the same batch. The
naive loop makes one forward pass a pixel, 1,024 of them; it is not run.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import torch

from ilk.models import PixelCNNpp

from .speed import Spread, in_turn

IMAGES, SHAPE = 16, (3, 32, 32)


def main() -> None:
    """Measures, prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--repeats", type=int, default=3, help="rounds of every comparison")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = PixelCNNpp(SHAPE, width=160, depth=5).eval()
    p, batch = model(), torch.randint(256, (IMAGES, *SHAPE))
    forward = torch.inference_mode()(lambda: p.parameters(batch))
    sample_s, forward_s = in_turn([lambda: p.sample((IMAGES,)), forward], arguments.repeats)
    ratios = [s / f for s, f in zip(sample_s, forward_s, strict=True)]
    figures = {
        "sample_16_s": Spread.of(sample_s),
        "forward_16_s": Spread.of(forward_s),
        "sample_16_forward_ratio": Spread.of(ratios),
        "sample_16_naive_ratio": Spread.of([SHAPE[1] * SHAPE[2] / r for r in ratios]),
    }
    for name, spread in figures.items():
        print(f"{name:28} {spread}")
    if arguments.json:
        facts = {
            "parameters": sum(w.numel() for w in model.parameters()),
            "threads": torch.get_num_threads(),
        }
        print(json.dumps(facts | {name: asdict(spread) for name, spread in figures.items()}))


if __name__ == "__main__":
    main()
