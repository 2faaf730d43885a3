"""Faults on real processes, a few tries; `python -m benchmarks.faults` tries them often."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = (
    "while a model is saved",
    "one reads",
    "random moment: ilk train",
    "random moment: ilk compress",
    "operation on files: ilk decompress",
    "within a file: ilk sample",
    "read-only: ilk anomalies",
    "one output: ilk train",
    "one output: ilk compress",
    "jumps: ilk train",
)


def faults(*words: str) -> list[str]:
    """The rows of the table."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.faults", *words]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.splitlines()[2:]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_lost() -> None:
    rows = faults("--tries", "1", "--only", *QUICK)
    # Two of the parts are of two rows: on a full disk, and when killed.
    assert len(rows) == len(QUICK) + 1 and all(row.endswith("| nothing |") for row in rows), rows


@pytest.mark.slow
@pytest.mark.timeout(24 * 3600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_lost_in_many_tries() -> None:
    rows = faults("--tries", os.environ.get("ILK_TRIES", "10"), "--only", "SIGKILL", "ilk")
    assert all(row.endswith("| nothing |") for row in rows), rows
