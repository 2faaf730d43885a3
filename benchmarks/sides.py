"""Sides of a page, to tell kinds apart: `python -m benchmarks.sides [MODEL] [--of valid]`.

20-way 1-shot tasks: of characters held back from training, turned by quarters too (`valid`); the
50 of `ilk evaluate --tasks classification` (`test`); or the 20 official runs (`runs`). Scores from
one side, by the log of the mean density over four or eight (`Turned`), and by the mean of the
logs, which `--sides 4` and `--sides 8` have; given the kind, and both ways. Printed: the share of
right answers, its standard error over tasks, and the mean log-probability of the right kind, in
nats. With `--scores FOLDER` what was scored is kept there and not scored again, so that a run may
be cut off, or shared: `--only 0 1 2 3` scores these sides and leaves the rest to another process.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from safetensors.torch import load_file, save
from torch import Tensor

import ilk
from ilk.data import one_shot_runs
from ilk.distributions.turned import turned
from ilk.evaluation import Task, classification_tasks, classify_by_likelihood, official_tasks
from ilk.evaluation.likelihood import evaluating
from ilk.files import write_file
from ilk.precision import PRECISIONS, Precision

Scores = dict[str, Tensor]


def tasks_of(of: str, count: int) -> list[Task]:
    """The first tasks of a kind."""
    if of == "runs":
        return official_tasks(one_shot_runs())[:count]
    kinds = ilk.data.load("omniglot-26", "30-20", of)
    kinds = kinds.rotated() if of == "valid" else kinds
    return classification_tasks(kinds, tasks=count)


def scored(model: ilk.models.Model, task: Task, side: int, precision: Precision) -> Scores:
    """What sets gain on images from a side, `log p(x | s) - log p(x)`, `(M, N)`, both ways."""
    supports, x = turned(task.supports, side), turned(task.queries, side)
    images = supports[:, 0]
    forward = classify_by_likelihood(model, supports, x, precision=precision)
    backward = classify_by_likelihood(model, x[:, None], images, precision=precision)
    with evaluating(model, precision):
        alone, told = model().log_prob(x), model().log_prob(images)
    return {"forward": forward, "backward": backward, "q": alone, "s": told}


def gains(sides: list[Scores]) -> dict[str, tuple[Tensor, Tensor]]:
    """Gains by several rules, given the kind and the other way, each `(M, N)`."""
    s = {key: torch.stack([side[key] for side in sides]) for key in sides[0]}

    def mean(n: int) -> tuple[Tensor, Tensor]:
        forward, backward = s["forward"] - s["q"][..., None], s["backward"] - s["s"][..., None]
        return forward[:n].mean(dim=0), backward[:n].mean(dim=0).T

    def mixture(n: int) -> tuple[Tensor, Tensor]:
        nats = {key: value[:n].logsumexp(dim=0) for key, value in s.items()}
        forward, backward = nats["forward"] - nats["q"][:, None], nats["backward"].T - nats["s"]
        return forward, backward

    rows = {"one side": mean(1)}
    for n in (4, 8):
        if len(sides) >= n:
            rows |= {f"log of the mean over {n}": mixture(n), f"mean of {n} logs": mean(n)}
    return rows


def main() -> None:
    """Prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--of", choices=("valid", "test", "runs"), default="valid")
    parser.add_argument("--tasks", type=int, default=20, help="at most, of 20 queries each")
    parser.add_argument("--sides", type=int, choices=(1, 4, 8), default=8)
    parser.add_argument("--only", type=int, nargs="+", help="sides to score; no table")
    parser.add_argument("--scores", type=Path, help="a folder to keep scores in")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    model, tasks = ilk.load(arguments.model), tasks_of(arguments.of, arguments.tasks)
    found: dict[tuple[int, int], Scores] = {}
    work = [(r, i) for r in arguments.only or range(arguments.sides) for i in range(len(tasks))]
    for r, i in track(work, "tasks and sides", console=Console(stderr=True)):
        file = arguments.scores and arguments.scores / f"{i}-{r}.safetensors"
        if file and file.exists():
            found[r, i] = load_file(file)
            continue
        found[r, i] = scored(model, tasks[i], r, arguments.precision)
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, save({k: v.contiguous() for k, v in found[r, i].items()}))
    if arguments.only:
        return
    answers: dict[str, list[Tensor]] = {}
    for i in range(len(tasks)):
        sides = [found[side, i] for side in range(arguments.sides)]
        for name, (forward, backward) in gains(sides).items():
            answers.setdefault(name, []).append(forward)
            answers.setdefault(f"{name}, both ways", []).append((forward + backward) / 2)
    rows = {name: measured(scores, tasks) for name, scores in answers.items()}
    for name, row in rows.items():
        correct = f"{row['correct']:.4f} +- {row['stderr']:.4f}"
        print(f"{name:35} {correct}  {row['nats']:.3f} nats")
    if arguments.json:
        what = {"model": arguments.model, "of": arguments.of, "tasks": len(tasks)}
        print(json.dumps(what | {"rows": rows}))


def measured(scores: list[Tensor], tasks: list[Task]) -> dict[str, float]:
    """The share of right answers with its standard error, and nats of the right kind."""
    pairs = list(zip(scores, tasks, strict=True))
    each = torch.stack([(s.argmax(dim=1) == t.label).double().mean() for s, t in pairs])
    nats = [s.log_softmax(dim=1).gather(1, t.label[:, None]).double().mean() for s, t in pairs]
    return {
        "correct": float(each.mean()),
        "stderr": float(each.std()) / math.sqrt(len(each)),
        "nats": float(torch.stack(nats).mean()),
    }


if __name__ == "__main__":
    main()
