"""Work shared out among processes comes out as that of one, and nothing is done twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ilk.processes import count, first, share

TESTS = Path(__file__).parent


def run(folder: Path, *words: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", "2", "--max_restarts", str(restarts)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    words = ("-m", "sharing", str(folder), *words)
    return subprocess.run(
        [*command, *words],
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1500,
    )


def computed(folder: Path) -> list[int]:
    """How many items each process has computed."""
    return sorted(len(log.read_text().splitlines()) for log in folder.glob("log-*"))


def test_two_processes_find_what_one_does(tmp_path: Path) -> None:
    done = run(tmp_path, "40")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "found").read_text() == repr([n / 3 for n in range(40)])
    shares = computed(tmp_path)
    assert len(shares) == 2 and sum(shares) == 40 and shares[0] > 0
    said = [line for log in tmp_path.glob("log-*") for line in log.read_text().splitlines()]
    assert sorted(int(line.split()[0]) for line in said) == list(range(1, 41))  # of the whole


def test_what_a_killed_process_had_done_is_not_done_again(tmp_path: Path) -> None:
    done = run(tmp_path, "40", "25", restarts=1)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
    assert (tmp_path / "found").read_text() == repr([n / 3 for n in range(40)])
    assert len(list((tmp_path / "kept").iterdir())) == 40
    # At most the item that the other one was at when it was ended was kept but not written down.
    assert 39 <= sum(computed(tmp_path)) <= 40 and len(computed(tmp_path)) == 4


def test_alone_it_keeps_and_finds_and_takes_no_other_work_for_its_own(tmp_path: Path) -> None:
    assert (count(), first()) == (1, True)
    calls, said = [], []

    def root(n: float) -> float:
        calls.append(n)
        if n == 3.0 and len(calls) < 4:
            raise KeyboardInterrupt
        return n**0.5

    def go(name: str = "roots", keys: str = "abc") -> list[float]:
        return share(root, [1.0, 2.0, 3.0], name, [*keys], tmp_path, lambda *at: said.append(at))

    with pytest.raises(KeyboardInterrupt):
        go()
    calls.append(0.0)
    assert go() == [1.0, 2.0**0.5, 3.0**0.5]
    assert calls == [1.0, 2.0, 3.0, 0.0, 3.0] and said == [(1, 3), (2, 3), (3, 3)]
    assert go(keys="abd") == go() and calls[5:] == [3.0]
    assert go(name="others") == go() and calls[6:] == [1.0, 2.0, 3.0]
