"""What goes wrong on a machine, and what is left afterwards."""

from __future__ import annotations

import builtins
import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training.toys import striped, tiny, weights

from ilk import files as files_module
from ilk.files import lock, write_directory, write_file
from ilk.training import Recipe, SaveError, train
from ilk.training.batches import step_batch
from ilk.training.checkpoint import Checkpoints

KINDS = (striped(), striped(seed=1))
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


class Disk:
    """A disk that is full while `full`: the call to an operation in a folder's writing fails."""

    def __init__(self, patch: pytest.MonkeyPatch, operation: str, call: int) -> None:
        self.full, self.call, self.calls = False, call, 0
        if operation == "write":
            patch.setattr(files_module, "open", self._open, raising=False)
        else:
            self.real = getattr(os, operation)
            patch.setattr(os, operation, self._fail_or_do)

    def _now(self) -> bool:
        self.calls += self.full
        return self.full and self.calls > self.call

    def _fail_or_do(self, *arguments, **named):
        if self._now():
            raise NO_ROOM
        return self.real(*arguments, **named)

    def _open(self, path, mode="r", **named):
        file = builtins.open(path, mode, **named)  # noqa: SIM115
        if mode == "wb" and self._now():
            real = file.write

            class Half:
                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

                def write(self, data):
                    real(data[: len(data) // 2])
                    raise NO_ROOM

            return Half()
        return file


STAGES = [("write", 0), ("write", 1), ("write", 2), ("write", 3)]
STAGES += [("fsync", 0), ("fsync", 3), ("fsync", 4), ("rename", 0), ("mkdir", 0)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    train(tiny(), out, kinds=KINDS)
    torch.set_num_threads(threads)
    return weights(out)


@pytest.mark.parametrize(("operation", "call"), STAGES)
def test_a_disk_full_for_a_while(tmp_path, monkeypatch, whole, operation, call):
    disk = Disk(monkeypatch, operation, call)
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    left = []

    def report(progress):
        disk.full = 4 <= progress.step < 8
        if progress.message and "could not save" in progress.message:
            assert "checkpoint of step 3 is intact" in progress.message
            left.extend(p.name for p in (tmp_path / "checkpoints").iterdir())
            assert checkpoints.read(3).step == 3

    result = train(tiny(), tmp_path, report, kinds=KINDS)
    assert result.finished
    assert left == ["step-00000003"]
    assert weights(tmp_path) == whole


@pytest.mark.parametrize(("operation", "call"), STAGES)
def test_a_disk_full_to_the_end(tmp_path, monkeypatch, whole, operation, call):
    with monkeypatch.context() as patch:
        disk = Disk(patch, operation, call)

        def report(progress):
            disk.full = progress.step > 8

        with pytest.raises(SaveError, match=r"step 12: .*checkpoint of step 8 is intact") as e:
            train(tiny(checkpoint_every=8), tmp_path, report, kinds=KINDS)
        assert e.value.errno == errno.ENOSPC
    found, messages = Checkpoints(tmp_path / "checkpoints").newest()
    assert found.step == 8 and not messages
    assert not list(tmp_path.rglob(".tmp-*"))
    assert train(tiny(checkpoint_every=8), tmp_path, kinds=KINDS).resumed_from == 8
    assert weights(tmp_path) == whole


def test_a_limit_of_the_system_on_files(tmp_path, whole):
    """Not simulated: the system refuses the bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def report(progress):
        limit = 6000 if 4 <= progress.step < 8 else soft
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    try:
        result = train(tiny(), tmp_path, report, kinds=KINDS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert any("could not save" in message for message in result.messages)
    assert weights(tmp_path) == whole


@pytest.mark.parametrize("log_every", [1, 5])
def test_not_a_number(tmp_path, monkeypatch, log_every):
    """Step 6 makes the weights infinite; step 7 is the first to see it, at the next look."""
    from ilk.training import loop

    real = loop.learning_rate
    monkeypatch.setattr(
        loop, "learning_rate", lambda step, *a: float("inf") if step == 6 else real(step, *a)
    )
    with pytest.raises(FloatingPointError, match=r"step 7: .*nan-step-7\.safetensors"):
        train(tiny(log_every=log_every), tmp_path, kinds=KINDS)
    saved = load_file(tmp_path / "nan-step-7.safetensors")
    wanted = step_batch(tiny(), KINDS[0], 7)._asdict()
    assert saved.keys() == wanted.keys()
    assert all(torch.equal(saved[k], v) for k, v in wanted.items())
    found, _ = Checkpoints(tmp_path / "checkpoints").newest()
    assert found.step == 6
    assert all(t.isfinite().all() for part in found.tensors.values() for t in part.values())


def test_one_process_a_folder(tmp_path):
    with lock(tmp_path):
        code = (
            "import pathlib, sys\nfrom ilk.files import lock\n"
            "with lock(pathlib.Path(sys.argv[1])): pass"
        )
        run = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
        )
        assert run.returncode == 1
        assert f"another process (id {os.getpid()}) is training" in run.stderr
        with pytest.raises(RuntimeError, match="is training in"):
            train(tiny(), tmp_path, kinds=KINDS)
    assert train(tiny(steps=1), tmp_path, kinds=KINDS).finished


def test_an_output_that_is_a_file(tmp_path):
    path = tmp_path / "taken"
    path.write_text("mine")
    with pytest.raises(SaveError, match="out: can't write to"):
        train(tiny(), path, kinds=KINDS)
    assert path.read_text() == "mine"


def test_too_few_images_are_found_before_the_first_step(tmp_path):
    reports = []
    with pytest.raises(ValueError, match="queries=9"):
        train(tiny(queries=9), tmp_path, reports.append, kinds=KINDS)
    assert reports == []


def test_files_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_file(path, b"old")
    disk = Disk(monkeypatch, "fsync", 0)
    disk.full = True
    with pytest.raises(OSError, match="No space"):
        write_file(path, b"new")
    with pytest.raises(OSError, match="No space"):
        write_directory(tmp_path / "folder", lambda f: files_module.write_bytes(f / "a", b"a"))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_log_that_can_not_be_written_does_not_end_the_run(tmp_path, whole):
    def spoil(progress):
        log = tmp_path / "log.jsonl"
        if progress.step == 4 and log.is_file():
            log.unlink()
            log.mkdir()

    result = train(tiny(), tmp_path, spoil, kinds=KINDS)
    assert result.finished and any("could not write the log" in m for m in result.messages)
    assert weights(tmp_path) == whole


def test_importing_is_light():
    code = (
        "import sys, ilk.training; bad = {'accelerate', 'tensorboard', 'PIL', 'rich', 'tyro'};"
        "print(sorted(bad & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() in ("[]", "['PIL']")


def test_a_recipe_is_immutable():
    with pytest.raises(AttributeError):
        Recipe().width = 3  # pyright: ignore


def test_an_unwritable_folder(tmp_path):
    if os.geteuid() == 0:
        folder = Path("/proc/ilk")
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    with pytest.raises(SaveError, match="out: can't write to"):
        train(tiny(), folder, kinds=KINDS)
