"""A run that was stopped, however it was, ends as if it had not been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training.toys import striped, tiny, weights

import ilk
from ilk.training import train
from ilk.training.checkpoint import Checkpoints

KINDS = (striped(), striped(seed=1))
TESTS = Path(__file__).parents[1]


def start(out: Path, **changes) -> subprocess.Popen:
    """A run in a process of its own, one thread, its reports on stdout."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training.toys", str(out), json.dumps(changes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def at_step(run: subprocess.Popen, step: int) -> None:
    """Wait until a run has reported a step."""
    for line in run.stdout:
        if int(line.split()[0]) >= step:
            return
    raise AssertionError("the run ended too early")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of twelve steps that nothing disturbed, in a process of its own."""
    out = tmp_path_factory.mktemp("whole")
    assert start(out).communicate()[0].endswith("finished\n")
    return out


def test_killed_at_random_steps(whole, tmp_path):
    chance = random.SystemRandom()
    moments = [(chance.randint(1, 9), chance.uniform(0, 0.2)) for _ in range(2)]
    for step, delay in moments:
        run = start(tmp_path, log_every=1, checkpoint_every=2, pause=0.05)
        at_step(run, step)
        time.sleep(delay)  # anywhere in a step, in a checkpoint, or between
        run.kill()
        assert run.wait() == -signal.SIGKILL
        run.stdout.close()
    assert start(tmp_path, log_every=1, checkpoint_every=2).communicate()[0].endswith("finished\n")
    assert weights(tmp_path) == weights(whole), f"killed at {moments}"


def test_same_as_in_this_process(whole, tmp_path):
    train(tiny(), tmp_path, kinds=KINDS)
    assert weights(tmp_path) == weights(whole)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number, precision):
    recipe = tiny(log_every=1, precision=precision, channels_last=True)
    reports = []

    def interrupt(progress):
        reports.append(progress)
        if progress.step == 5 and progress.nats_per_dim is not None:
            signal.raise_signal(number)

    handler = signal.getsignal(number)
    result = train(recipe, tmp_path / "run", interrupt, kinds=KINDS)
    assert signal.getsignal(number) is handler
    assert not result.finished and result.step in (5, 6)
    assert result.stopped_by == signal.Signals(number).name
    assert "start again" in reports[-1].message == result.messages[-1]
    assert Checkpoints(tmp_path / "run/checkpoints").steps()[-1] == result.step
    again = train(recipe, tmp_path / "run", kinds=KINDS)
    assert again.finished and again.resumed_from == result.step
    train(recipe, tmp_path / "whole", kinds=KINDS)
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


def test_a_signal_from_outside(whole, tmp_path):
    run = start(tmp_path, log_every=1, pause=0.1)
    at_step(run, 2)
    run.send_signal(signal.SIGTERM)
    assert run.communicate()[0].endswith("stopped by SIGTERM\n")
    assert run.returncode == 0
    train(tiny(), tmp_path, kinds=KINDS)
    assert weights(tmp_path) == weights(whole)


def test_a_finished_run_stays_as_it_is(whole, tmp_path):
    train(tiny(), tmp_path, kinds=KINDS)
    (tmp_path / "model/model.safetensors").unlink()  # killed between the last two things to do
    result = train(tiny(), tmp_path, kinds=KINDS)
    assert result.finished and result.resumed_from == 12
    assert result.valid_nats_per_dim is not None
    assert weights(tmp_path) == weights(whole)


def test_lines_after_the_checkpoint_are_dropped(tmp_path):
    class Killed(BaseException):
        pass

    def kill(progress):
        if progress.step == 8 and progress.nats_per_dim is not None:
            raise Killed

    with pytest.raises(Killed):
        train(tiny(), tmp_path, kill, kinds=KINDS)
    log = tmp_path / "log.jsonl"
    with log.open("a") as file:
        file.write('{"step": 9, "nats_per')  # cut off in the middle of a line
    train(tiny(), tmp_path, kinds=KINDS)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [line["step"] for line in lines if "lr" in line]
    assert steps == [2, 3, 4, 6, 8, 9, 10, 12]
    train(tiny(), tmp_path / "whole", kinds=KINDS)
    whole = [json.loads(line) for line in (tmp_path / "whole/log.jsonl").read_text().splitlines()]
    timeless = [{k: v for k, v in x.items() if "_s" not in k and k != "seconds"} for x in lines]
    assert timeless == [
        {k: v for k, v in x.items() if "_s" not in k and k != "seconds"} for x in whole
    ]


@pytest.mark.parametrize("file", ["model", "ema", "optimizer", "checkpoint"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, whole, file, damage):
    train(tiny(), tmp_path, kinds=KINDS)
    path = next((tmp_path / "checkpoints/step-00000012").glob(f"{file}.*"))
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        half = len(data) // 2
        flipped = data[:half] + bytes([data[half] ^ 0x80]) + data[half + 1 :]
        path.write_bytes(data[:half] if damage == "cut" else flipped)
    result = train(tiny(), tmp_path, kinds=KINDS)
    assert result.resumed_from == 9
    assert "step-00000012" in result.messages[0]
    assert weights(tmp_path) == weights(whole)


def test_all_damaged_starts_anew(tmp_path, whole):
    train(tiny(), tmp_path, kinds=KINDS)
    for path in tmp_path.glob("checkpoints/*/checkpoint.json"):
        path.write_text("[]")
    result = train(tiny(), tmp_path, kinds=KINDS)
    assert result.resumed_from is None and len(result.messages) == 2
    assert weights(tmp_path) == weights(whole)


def test_another_recipe_is_refused_by_name(tmp_path):
    train(tiny(), tmp_path, kinds=KINDS)
    before = weights(tmp_path)
    with pytest.raises(ValueError, match=r"width: 8 -> 16; lr: 0.002 -> 0.1"):
        train(tiny(width=16, lr=0.1), tmp_path, kinds=KINDS)
    with pytest.raises(ValueError, match="total_steps: 12 -> 24"):
        train(tiny(steps=24), tmp_path, kinds=KINDS)
    with pytest.raises(ValueError, match="data: other images"):
        train(tiny(), tmp_path, kinds=(striped(seed=2), None))
    assert weights(tmp_path) == before
    assert train(tiny(log_every=5, keep=1), tmp_path, kinds=KINDS).finished


def test_a_refused_run_leaves_no_folder_and_takes_none_that_was_there(tmp_path):
    new, there = tmp_path / "new", tmp_path / "there"
    there.mkdir()
    for folder in (new, there):
        with pytest.raises(ValueError, match="model_args"):
            train(tiny(model_args={"nonsense": 1}), folder, kinds=KINDS)
    assert not new.exists() and there.is_dir()
    assert train(tiny(), new, kinds=KINDS).finished


def test_a_checkpoint_of_a_newer_version_is_refused(tmp_path):
    train(tiny(), tmp_path, kinds=KINDS)
    path = tmp_path / "checkpoints/step-00000012/checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(ValueError, match="newer version"):
        train(tiny(), tmp_path, kinds=KINDS)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(tmp_path, keep):
    train(tiny(keep=keep), tmp_path, kinds=KINDS)
    assert Checkpoints(tmp_path / "checkpoints").steps() == [3, 6, 9, 12][-keep:]


def test_the_saved_model_is_the_average_with_a_card(tmp_path):
    result = train(tiny(), tmp_path, kinds=KINDS)
    checkpoint, _ = Checkpoints(tmp_path / "checkpoints").newest()
    state = ilk.load(result.model).state_dict()
    assert all((state[k] == v).all() for k, v in checkpoint.tensors["ema"].items())
    assert any((state[k] != v).any() for k, v in checkpoint.tensors["model"].items())
    card = json.loads((result.model / "card.json").read_text())
    assert card["steps"] == 12 and card["images"] == 96
    assert card["data"]["digest"] == KINDS[0].digest()
    assert card["valid_nats_per_dim"] == result.valid_nats_per_dim


def test_a_run_of_another_version_names_the_way_on(tmp_path, monkeypatch):
    recipe = tiny(model="conditional", likelihood="logistics", steps=3)
    with monkeypatch.context() as before:
        before.setattr(ilk.distributions.Logistics, "values", None)
        train(recipe, tmp_path, kinds=KINDS)
    with pytest.raises(ValueError, match=r"another version of ilk.*--start .*model"):
        train(recipe, tmp_path, kinds=KINDS)
