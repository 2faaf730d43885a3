"""Four sides of a page, to tell kinds apart: `python -m benchmarks.sides [MODEL] [--tasks 20]`.

20-way 1-shot tasks of characters held back from training, turned by quarters too. Scores by one
side, by the log of the mean density over four (`Turned`), and by the mean of the four logs, which
`ilk classify --turned` has; given the kind, and both ways. Printed: the share of right answers,
its standard error over tasks, and the mean log-probability of the right kind, in nats.
"""

from __future__ import annotations

import argparse
import json
import math

import torch
from torch import Tensor

import ilk
from ilk.distributions import Turned
from ilk.evaluation import classification_tasks
from ilk.evaluation.likelihood import evaluating


def sides(model: ilk.models.Model, support: Tensor | None, x: Tensor) -> Tensor:
    """Nats of M images from each of four sides, under each of N sets: `(4, M, N)`, or `(4, M)`."""
    p = Turned.of(model, support)
    if support is None:
        return p.each(x)
    rows = [p.each(part[:, None].expand(-1, len(support), -1, -1, -1)) for part in x.split(12)]
    return torch.cat(rows, dim=1)


def gains(model: ilk.models.Model, supports: Tensor, x: Tensor) -> dict[str, Tensor]:
    """What sets gain on images, `log p(x | s) - log p(x)`, `(M, N)`, in three ways."""
    given, alone = sides(model, supports, x), sides(model, None, x)
    mixture = given.logsumexp(dim=0) - alone.logsumexp(dim=0)[:, None]
    each = given - alone[..., None]
    return {"one side": each[0], "log of the mean": mixture, "mean of the logs": each.mean(dim=0)}


def main() -> None:
    """Prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--tasks", type=int, default=20, help="of 20 queries each")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    model = ilk.load(arguments.model)
    kinds = ilk.data.load("omniglot-26", "30-20", "valid").rotated()
    found: dict[str, list[Tensor]] = {}
    with evaluating(model, "bf16"), torch.inference_mode():
        for task in classification_tasks(kinds, tasks=arguments.tasks):
            images = task.supports[:, 0]
            forward = gains(model, task.supports, task.queries)
            backward = gains(model, task.queries[:, None], images)
            for name, there in forward.items():
                found.setdefault(f"{name}, forward", []).append(there)
                found.setdefault(f"{name}, both", []).append((there + backward[name].T) / 2)
    label, rows = torch.arange(20), {}
    for name, scores in found.items():
        each = torch.stack([(s.argmax(dim=1) == label).double().mean() for s in scores])
        nats = torch.stack([s.log_softmax(dim=1).diagonal().double().mean() for s in scores])
        rows[name] = {
            "correct": float(each.mean()),
            "stderr": float(each.std()) / math.sqrt(len(each)),
            "nats": float(nats.mean()),
        }
        row = rows[name]
        print(f"{name:28} {row['correct']:.4f} +- {row['stderr']:.4f}  {row['nats']:.3f} nats")
    if arguments.json:
        print(json.dumps({"model": arguments.model, "tasks": arguments.tasks, "rows": rows}))


if __name__ == "__main__":
    main()
