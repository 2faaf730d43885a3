"""Several processes share the pictures out, and say what one says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(words: list[str], processes: int) -> tuple[str, str]:
    """What `ilk` writes, started by torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(processes), "-m", "ilk", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def many(kinds: Path, tmp_path: Path) -> Path:
    """More pictures than one process takes at once."""
    files = sorted(path for kind in sorted(kinds.iterdir()) for path in kind.iterdir())
    many = tmp_path / "many"
    many.mkdir()
    for i in range(80):
        (many / f"{i:02}.png").write_bytes(files[i % len(files)].read_bytes())
    (many / "notes.txt").write_text("x")
    return many


@pytest.mark.parametrize(
    "words",
    [
        ["score", "omniglot", "{many}", "--support", "{kinds}/bar"],
        ["anomalies", "omniglot", "{many}", "--normal", "{kinds}/bar", "--out", "{list}"],
        pytest.param(
            ["classify", "omniglot", "{many}", "--kinds", "{kinds}"], marks=pytest.mark.slow
        ),
    ],
)
def test_two_processes_say_what_one_says(words, many, kinds, tmp_path) -> None:
    said, lists = [], []
    for processes in (1, 2):
        path = tmp_path / f"{processes}.csv"
        places = {"many": many, "kinds": kinds, "list": path}
        out, err = run([*(word.format(**places) for word in words), "--json"], processes)
        said.append(json.loads(out))
        assert err.count("81 files seen, 80 used, 1 left out") == 1
        lists.append(path.read_bytes() if path.exists() else b"")
    assert said[0] == said[1] and lists[0] == lists[1]
    assert len(said[0]["pictures"]) == 80


def test_what_was_kept_is_not_done_again(many, kinds, tmp_path) -> None:
    words = ["score", "omniglot", str(many), "--support", str(kinds / "bar"), "--json"]
    words += ["--keep", str(tmp_path / "kept")]
    first, _ = run(words, 2)
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == 3
    kept[1].unlink()
    times = [path.stat().st_mtime_ns for path in kept if path.exists()]
    again, _ = run(words, 1)
    assert json.loads(again) == json.loads(first)
    assert [path.stat().st_mtime_ns for path in (kept[0], kept[2])] == times
    assert kept[1].exists()
