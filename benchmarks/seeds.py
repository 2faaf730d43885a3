"""Is one model better than another, whatever the seed?

`python -m benchmarks.seeds --of RUNS --than RUNS`: several runs of either model, each of a seed of
its own. The same test queries under all of them: how much more nats/dim the second model has, with
two standard errors of that. One is over runs: that of the difference of two means (Welch). The
other is over characters, of the mean over runs: what the test set leaves open. It also prints the
standard deviation between runs of one model.
"""

from __future__ import annotations

import argparse
import json
import math
from statistics import fmean, stdev
from typing import Any

import torch

import ilk
from ilk.evaluation import clustered_stderr, nats_by_shots, table_episodes


def scores(runs: list[str], episodes: ilk.data.Episodes, shots: list[int]) -> torch.Tensor:
    """Nats/dim of every character under every run, `(runs, shots, characters)`."""
    found = []
    for name in runs:
        rows = nats_by_shots(ilk.load(name), episodes, shots, precision="auto")
        found.append(torch.tensor([row.each for row in rows], dtype=torch.float64))
        print(
            name, *(f"{row.shots}: {row.nats_per_dim:.5f}" for row in rows), sep="  ", flush=True
        )
    return torch.stack(found)


def compare(of: torch.Tensor, than: torch.Tensor) -> dict[str, float | None]:
    """Of scores `(runs, characters)`: how much more the second has, and its two errors."""
    more = than.mean(0) - of.mean(0)
    mean, means = float(more.mean()), [each.mean(1).tolist() for each in (of, than)]
    several = all(len(each) > 1 for each in means)
    deviations = [stdev(each) if several else math.nan for each in means]
    errors = [d / math.sqrt(len(m)) for d, m in zip(deviations, means, strict=True)]
    return {
        "of": fmean(means[0]),
        "than": fmean(means[1]),
        "more": mean,
        "stderr_over_characters": clustered_stderr(more, torch.arange(len(more))),
        "stderr_over_runs": math.hypot(*errors) if several else None,
        "deviation_of_runs": max(deviations) if several else None,
    }


def main() -> None:
    """Prints a row for each number of shots, and JSON as the last line if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--of", nargs="+", required=True, help="runs of a model: directories")
    parser.add_argument("--than", nargs="+", required=True, help="runs of another")
    parser.add_argument("--data", default="omniglot-26")
    parser.add_argument("--split", default="45-5")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    kinds = ilk.data.load(arguments.data, arguments.split, "test")
    episodes = table_episodes(kinds, arguments.shots, arguments.queries)
    both = [scores(runs, episodes, arguments.shots) for runs in (arguments.of, arguments.than)]
    report: dict[str, Any] = {"of": arguments.of, "than": arguments.than, "rows": []}
    print("shots  of       than     more      over characters  over runs  between runs")
    for i, shots in enumerate(arguments.shots):
        row = compare(*(each[:, i] for each in both))
        report["rows"].append({"shots": shots, **row})
        runs, spread = row["stderr_over_runs"], row["deviation_of_runs"]
        print(
            f"{shots:5}  {row['of']:.5f}  {row['than']:.5f}  {row['more']:+.5f}"
            f"  ±{row['stderr_over_characters']:.5f}        "
            + ("  one run of each" if runs is None else f" ±{runs:.5f}   {spread:.5f}")
        )
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
