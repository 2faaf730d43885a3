"""Adapting to one kind, on real drawings: `python -m benchmarks.adapt [MODEL] [--json FILE]`.

For each of some test kinds: the model is adapted on 10 of its 20 images, and the other 10 are
scored given 8 of those, before and after. So are images of 40 other test kinds, given 8 of their
own: what was lost. Changes are in nats a dimension, below 0 is better; errors are over kinds.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import ilk
from ilk.data import Batch, Kinds
from ilk.data.kinds import first_by_hash
from ilk.evaluation import nats_by_shots
from ilk.models import Model
from ilk.training import adapt, own_episodes
from ilk.training.objective import score

SHOWN, SCORED, SHOTS = 10, 10, 8


def main() -> None:
    """Prints a line a kind and the means, and with `--json` writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--data", default="omniglot-26", help="a named set or a folder")
    parser.add_argument("--split", default="30-20", help="of Omniglot")
    parser.add_argument("--kinds", type=int, default=10, help="to adapt to, one model each")
    parser.add_argument("--others", type=int, default=40, help="other kinds, scored each time")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--rehearsal", type=float, default=4.0)
    parser.add_argument("--tune", choices=("all", "biases"), default="all")
    parser.add_argument("--own", type=int, default=32, help="episodes to rehearse with")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    test = ilk.data.load(arguments.data, arguments.split, "test")
    order = first_by_hash(test.names, arguments.kinds + arguments.others)
    chosen = first_by_hash(test.names, arguments.kinds)
    model = ilk.load(arguments.model)
    options = {name: getattr(arguments, name) for name in ("steps", "lr", "rehearsal", "tune")}
    rows = measure(
        model, test.subset(chosen), test.subset([k for k in order if k not in chosen]), arguments
    )
    report = {
        "model": arguments.model,
        "data": test.name,
        "options": options | {"own": arguments.own},
        "means": {name: mean([row[name] for row in rows]) for name in ("kind", "others")},
        "each": rows,
        "ilk": ilk.__version__,
        "torch": torch.__version__,
        "machine": platform.processor() or platform.machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for name, m in report["means"].items():
        print(f"{name:6} {m['before']:.4f} {m['change']:+.5f} +- {m['stderr']:.5f} nats/dim")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def measure(model: Model, kinds: Kinds, others: Kinds, options: Any) -> list[dict[str, Any]]:
    """Nats a dimension before and after, a row for each kind that is adapted to."""
    shown = ilk.data.test_episodes(kinds, SHOWN, SCORED)
    rest = ilk.data.test_episodes(others, SHOTS, 2)
    before = nats_by_shots(model, rest, (SHOTS,))[0].nats_per_dim
    own = own_episodes(model, options.own, 1, torch.Generator().manual_seed(0))
    rows = []
    for k in range(len(kinds)):
        images, queries = kinds.images[shown.support[k]], kinds.images[shown.queries[k]]
        done = adapt(
            model,
            images,
            steps=options.steps,
            lr=options.lr,
            rehearsal=options.rehearsal,
            tune=options.tune,
            own=own,
            look_every=8,
        )
        mine = [nats(m, images[:SHOTS], queries) for m in (model, done.model)]
        lost = nats_by_shots(done.model, rest, (SHOTS,))[0].nats_per_dim
        row = {
            "name": kinds.names[k],
            "step": done.after.step,
            "held": [done.before.held_nats, done.after.held_nats],
            "kind": mine,
            "others": [before, lost],
        }
        rows.append(row)
        print(
            f"{row['name']:44} step {row['step']:3}  {mine[0]:.4f} {mine[1] - mine[0]:+.4f}"
            f"  others {before:.4f} {lost - before:+.5f}",
            flush=True,
        )
    return rows


def nats(model: Model, support: torch.Tensor, queries: torch.Tensor) -> float:
    """Of images given others, a dimension."""
    mask, kind = torch.ones(1, len(support), dtype=torch.bool), torch.zeros(1, dtype=torch.int64)
    return score(model, Batch(support[None], mask, queries[:, None], kind), 1)


def mean(pairs: list[list[float]]) -> dict[str, float]:
    """Mean before, mean change and its standard error."""
    change = [after - before for before, after in pairs]
    error = statistics.stdev(change) / len(change) ** 0.5 if len(change) > 1 else float("nan")
    before = statistics.fmean(b for b, _ in pairs)
    return {"before": before, "change": statistics.fmean(change), "stderr": error}


if __name__ == "__main__":
    main()
