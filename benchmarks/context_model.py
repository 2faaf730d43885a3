"""The context model on Omniglot: fits in seconds, and checks data, split and protocol.

    ILK_DATA=/path/to/data python -m benchmarks.context_model [--json]

Counts all training characters, the held-back ones too, and scores every test image.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from ilk.data import load
from ilk.evaluation import nats
from ilk.models.context import ContextModel


def measure(data: str, split: str, root: Path | None) -> dict[str, Any]:
    """Nats of all test images, and how long it took to fit, in seconds."""
    train = load(data, split, "train+valid", root=root)
    test = load(data, split, "test", root=root)
    begin = time.perf_counter()
    model = ContextModel(train.shape).fit(train.images)
    seconds = time.perf_counter() - begin
    return {
        "data": data,
        "split": split,
        "fit_seconds": round(seconds, 3),
        "trained_on": len(train.images),
        **nats(model, test).to_json(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of the data; ILK_DATA by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    rows = [
        measure(data, split, arguments.root)
        for data, split in (
            ("omniglot-26", "45-5"),
            ("omniglot-26", "30-20"),
            ("omniglot-28", "30-20"),
        )
    ]
    if arguments.json:
        print(json.dumps({"context_model": rows}))
        return
    print(f"{'data':12} {'split':6} {'nats/dim':>18} {'nats/image':>10} {'images':>7} {'fit':>6}")
    for row in rows:
        figure = f"{row['nats_per_dim']:.5f} +- {row['stderr']:.5f}"
        image = f"{row['nats_per_image']:.2f}"
        end = f"{row['queries']:7} {row['fit_seconds']:5.1f}s"
        print(f"{row['data']:12} {row['split']:6} {figure:>18} {image:>10} {end}")


if __name__ == "__main__":
    main()
