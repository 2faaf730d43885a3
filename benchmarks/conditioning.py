"""What a support set is worth by each way in: `python -m benchmarks.conditioning [MODEL]`.

An Attention PixelCNN is told a summary f(s) in every gate and reads patches. Here either is taken
away (as for an empty set) or replaced by that of another kind, and the queries are scored again.
Needs the data: `ILK_DATA`, or `ilk data omniglot-26`.
"""

from __future__ import annotations

import argparse
import hashlib

import torch

import ilk
from ilk.nn import Context


def main() -> None:
    """Prints nats/dim of test queries at 8 shots, under each change of the context."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--data", default="omniglot-26", help="a named set")
    parser.add_argument("--split", default="30-20", help="of Omniglot")
    parser.add_argument("--kinds", type=int, default=60, help="test kinds")
    parser.add_argument("--queries", type=int, default=4, help="queries of each")
    arguments = parser.parse_args()
    model = ilk.load(arguments.model)
    kinds = ilk.data.load(arguments.data, arguments.split, "test")
    order = sorted(
        range(len(kinds)), key=lambda k: hashlib.sha256(kinds.names[k].encode()).digest()
    )
    chosen = kinds.subset(sorted(order[: arguments.kinds]))
    episodes = ilk.data.test_episodes(chosen, queries=arguments.queries)
    batch = episodes.batch(8, 0, len(chosen))
    other = torch.arange(len(chosen)).roll(7)
    with torch.inference_mode():
        told = model.context(batch.support, batch.mask)
        none = model.context(batch.support[:, :0], batch.mask[:, :0])
        contexts = {
            "summary and patches": told,
            "patches alone": Context(none.summary, told.key, told.value, told.mask),
            "summary alone": Context(told.summary, none.key, none.value, none.mask),
            "neither": none,
            "summary of another kind": Context(
                None if told.summary is None else told.summary[other],
                told.key,
                told.value,
                told.mask,
            ),
            "patches of another kind": Context(
                told.summary,
                *(None if t is None else t[other] for t in (told.key, told.value, told.mask)),
            ),
        }
        for name, context in contexts.items():
            nats = -model(context=context).log_prob(batch.queries).mean() / model.dims
            print(f"{name:26} {nats:.4f} nats/dim")


if __name__ == "__main__":
    main()
