"""Samples beside people's drawings: `python -m benchmarks.samples [MODEL] [--guidance 0 0.5]`.

Of each test character 4 drawings are shown, and 8 samples are judged among 20 characters by a
network that was trained on other alphabets (`ilk.evaluation.samples`). A row for each weight of
guidance, and with `--of 32` one for the 8 that are picked of so many draws at each weight. With
`--every 2` every second character is drawn for. The judge is trained first, some minutes; with
`--judge FILE` it is kept there, and found again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from safetensors.torch import load_file, save_file

import ilk
from ilk.cli.evaluate import samples_table
from ilk.data import Kinds
from ilk.evaluation import Drawing, Judge, sample_quality, train_judge
from ilk.evaluation.judge import STEPS


def judge_of(kinds: Kinds, path: Path | None) -> Judge:
    """The judge kept in a file, else a new one."""
    judge = Judge(kinds.shape[0], kinds.levels)
    if path is not None and path.exists():
        judge.load_state_dict(load_file(path))
        return judge.eval().requires_grad_(False)
    with Progress(disable=None) as progress:
        task = progress.add_task("training the judge", total=STEPS)
        judge = train_judge(
            kinds.rotated(), on_step=lambda step, right: progress.update(task, completed=step)
        )
    if path is not None:
        save_file({name: t.contiguous() for name, t in judge.state_dict().items()}, path)
    return judge


def main() -> None:
    """Prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", nargs="?", default="omniglot")
    parser.add_argument("--data", default="omniglot-26")
    parser.add_argument("--guidance", nargs="+", type=float, default=[0.0, 0.5, 1.0, 2.0])
    parser.add_argument("--of", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    judge = judge_of(ilk.data.load(options.data, part="train"), options.judge)
    test = ilk.data.load(options.data, part="test")
    drawings = [Drawing(guidance, options.of) for guidance in options.guidance]
    with Progress(disable=None) as progress:
        task = progress.add_task("drawing")

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        rows = sample_quality(
            ilk.load(options.model), test, judge, drawings, every=options.every, on_progress=tell
        )
    table = {"kinds": test.name, "rows": [row.to_json() for row in rows]}
    Console(width=120).print(samples_table(table))
    if options.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
