"""Images through `encode` and `decode`: `python -m benchmarks.round_trips [--images 20000]`.

Test drawings, and training drawings if there are too few, in batches of 1,000 given 4 others, for
the seconds of a batch, its size beside -log2 p, and the number of drawings decoded wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time

import torch

import ilk

SHOTS, BATCH = 4, 1000


def main() -> None:
    """Prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--images", type=int, default=20_000, help="drawings, in batches of 1,000")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    model = ilk.load(arguments.model)
    parts = [ilk.data.load("omniglot-26", "30-20", part).images for part in ("test", "train")]
    images = torch.cat(parts)
    support, images = images[:SHOTS], images[SHOTS : SHOTS + arguments.images]
    each: dict[str, list[float]] = {"encode_s": [], "decode_s": [], "over_bound_bytes": []}
    wrong = 0
    with torch.inference_mode():
        p = model(support)
        for x in images.split(BATCH):
            begin = time.perf_counter()
            blob = p.encode(x)
            middle = time.perf_counter()
            y = p.decode(blob)
            each["encode_s"].append(middle - begin)
            each["decode_s"].append(time.perf_counter() - middle)
            wrong += int((y != x).flatten(1).any(1).sum())
            bits = -float(p.log_prob(x).double().sum()) / math.log(2)
            each["over_bound_bytes"].append(len(blob) - (1.01 * bits / 8 + 64))
            done = sum(len(part) for part in images.split(BATCH)[: len(each["encode_s"])])
            print(f"{done} of {len(images)}, {wrong} wrong", end="\r", file=sys.stderr, flush=True)
    print(f"{len(images)} drawings in batches of {BATCH}, {torch.get_num_threads()} threads")
    print(f"decoded wrong: {wrong}")
    for name, values in each.items():
        print(
            f"{name:17} median {statistics.median(values):8.2f}"
            f"  ({min(values):.2f} to {max(values):.2f})"
        )
    if arguments.json:
        print(json.dumps({"images": len(images), "wrong": wrong, **each}))


if __name__ == "__main__":
    main()
