"""Two processes end where one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training.toys import striped, tiny

from ilk.training import train

TESTS = Path(__file__).parents[1]


def test_two_processes_give_the_weights_of_one(tmp_path):
    changes = {"dropout": 0.0, "lr": 0.01}
    out = tmp_path / "two"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "-m", "training.toys", str(out), json.dumps(changes)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("finished") == 2

    train(tiny(**changes), tmp_path / "one", kinds=(striped(), striped(seed=1)))
    for part in ("model", "ema"):
        one, two = (
            load_file(tmp_path / n / f"checkpoints/step-00000012/{part}.safetensors")
            for n in ("one", "two")
        )
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-5)
    logs = [
        [json.loads(line) for line in (tmp_path / n / "log.jsonl").read_text().splitlines()]
        for n in ("one", "two")
    ]
    for a, b in zip(*logs, strict=True):
        assert a.get("nats_per_dim") == pytest.approx(b.get("nats_per_dim"), abs=1e-5)
