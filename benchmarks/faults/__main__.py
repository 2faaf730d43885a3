"""What may go wrong, tried many times over, and what was lost: `python -m benchmarks.faults`.

Prints a table: fault, on what, tries, how they ended, what was lost. Ends with 1 if anything was.
`--tries` counts for every fault and every thing that it is tried on; `--only` picks rows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import torch

from . import files, processes

Attempt = Callable[[Path, Random], str]


def rows(scratch: Path) -> Iterator[tuple[str, str, Attempt]]:
    """Every fault, what it is tried on, and how to try it once in an empty folder."""
    for name, kind in files.kinds(scratch / "files").items():
        yield (
            "damaged files",
            name,
            lambda folder, chance, kind=kind: files.attempt(kind, folder, chance),
        )
    yield "SIGKILL while a model is saved", "Model.save", processes.saving_killed
    yield "two processes save, one reads", "Model.save", processes.models_read_while_saved
    (scratch / "verbs").mkdir(parents=True)
    shop = processes.Workshop(scratch / "verbs")
    for fault, attempt in processes.FAULTS.items():
        for verb in processes.VERBS:
            yield (
                fault,
                f"ilk {verb}",
                lambda folder, chance, a=attempt, v=verb: a(shop, v, folder, chance),
            )


def tried(
    attempt: Attempt, tries: int, name: str, scratch: Path
) -> tuple[Counter[str], list[str]]:
    """How the tries ended, and what was lost."""
    ended: Counter[str] = Counter()
    lost = []
    for i in range(tries):
        folder = scratch / "try"
        folder.mkdir()
        try:
            ended[attempt(folder, Random(f"{name} {i}"))] += 1
        except Exception as error:
            lost.append(f"try {i}: {error!r}")
        shutil.rmtree(folder, ignore_errors=True)
    return ended, lost


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=[], help="parts of `fault: on`")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| fault | on | tries | ended | lost |\n| --- | --- | --- | --- | --- |", flush=True)
    everything = 0
    with tempfile.TemporaryDirectory(prefix="ilk-faults-") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        for fault, what, attempt in rows(scratch):
            if arguments.only and not any(part in f"{fault}: {what}" for part in arguments.only):
                continue
            ended, lost = tried(attempt, arguments.tries, f"{fault} {what}", scratch)
            counts = ", ".join(f"{count} {how}" for how, count in ended.most_common())
            row = (fault, what, str(arguments.tries), counts, str(len(lost) or "nothing"))
            print(f"| {' | '.join(row)} |", flush=True)
            for reason in lost[:3]:
                print(f"  {reason}", file=sys.stderr, flush=True)
            everything += len(lost)
    return int(everything > 0)


if __name__ == "__main__":
    sys.exit(main())
