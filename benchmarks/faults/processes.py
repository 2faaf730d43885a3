"""Faults of a machine, on real processes: killed, no room, no permission, two at once, the clock.

Each verb that writes is run with `out` as its place, once undisturbed for what it should leave
there, and then with a fault. Whatever happens, each file of `out` is the one that was there before
or the one that should be there, whole; and the same command, given again, leaves what it should.
For `ilk train` these are the weights, to the last bit.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import accelerate  # noqa: F401 - what a process that is forked need not load
import numpy as np
import torch
from PIL import Image

import ilk
import ilk.cli.train
import ilk.training
from ilk.cli import main
from ilk.files import TEMPORARY, previous
from ilk.models import GatedPixelCNN

__all__ = ["FAULTS", "VERBS", "Workshop", "models_read_while_saved", "saving_killed"]

OLD = b"what was there before"
NOBODY = 65534
LATE = 1800
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

_READS = ("os.listdir", "os.scandir", "os.walk", "os.fork")

Act = Callable[[str], None]


@dataclass(frozen=True)
class Verb:
    """A verb that writes: its command line, and what of its output is the same in every run."""

    words: tuple[str, ...]
    same: tuple[str, ...] = ("**/*",)


VERBS = {
    "sample": Verb(("sample", "{tiny}", "--support", "{bar}", "-n", "2", "--out", "out/s.png")),
    "score": Verb(("score", "{tiny}", "{dot}", "--surprise", "out")),
    "reads": Verb(("reads", "{tiny}", "{one}", "--support", "{bar}", "--out", "out/r.png")),
    "complete": Verb(
        ("complete", "{tiny}", "{one}", "--mask", "bottom", "-n", "2", "--out", "out/c.png")
    ),
    "anomalies": Verb(("anomalies", "{tiny}", "{dot}", "--normal", "{bar}", "--out", "out/a.csv")),
    "compress": Verb(("compress", "{tiny}", "{bar}", "--support", "{dot}", "-o", "out/a.ilk")),
    "decompress": Verb(("decompress", "{archive}", "-o", "out", "--overwrite")),
    "data": Verb(("data", "{kinds}", "--preview", "out/p.png")),
    "train": Verb(
        (
            *("train", "folder", "--data", "{kinds}", "--out", "out", "--likelihood", "bernoulli"),
            *("--width", "8", "--depth", "2", "--read-at", "1", "--shots", "1", "--batch", "2"),
            *("--steps", "8", "--warmup", "2", "--checkpoint-every", "2", "--log-every", "1"),
            *("--sample-every", "0", "--precision", "float32", "--device", "cpu"),
            *("--model-args", "patches", "20"),
        ),
        ("checkpoints/step-00000008/*.safetensors", "model/model.safetensors"),
    ),
}


class Workshop:
    """A small model, pictures, an archive, and what every verb leaves if nothing disturbs it."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)
        torch.manual_seed(0)
        model = ilk.models.AttentionPixelCNN(
            (1, 8, 8), width=8, depth=2, read_at=(1,), patches=8, shots=4
        )
        kinds = folder / "kinds"
        for k, name in enumerate(("bar", "dot", "ell", "fork", "gate", "hook")):
            (kinds / name).mkdir(parents=True)
            for i in range(3):
                ink = np.random.default_rng([k, i]).random((8, 8)) < 0.1 + 0.1 * k
                Image.fromarray((ink * 255).astype(np.uint8)).save(kinds / name / f"{i}.png")
        self.folder = folder
        self.places = {
            "tiny": model.save(folder / "tiny"),
            "kinds": kinds,
            "bar": kinds / "bar",
            "dot": kinds / "dot",
            "one": kinds / "ell" / "0.png",
            "archive": folder / "a.ilk",
        }
        words = ["compress", "{tiny}", "{bar}", "--support", "{dot}", "-o", "{archive}"]
        code, said = _ended(start(lambda: main(self.fill(words))))
        assert code == 0, said

    def fill(self, words: list[str] | tuple[str, ...]) -> list[str]:
        """A command line with the places of this workshop."""
        return [word.format(**self.places) for word in words]

    def run(self, verb: str, folder: Path, before: Callable[[], Any] = lambda: None) -> Process:
        """Starts a verb in a folder, after a preparation in its process."""

        def work() -> int:
            os.chdir(folder)
            words = self.fill(VERBS[verb].words)
            before()
            return main(words)

        return start(work)

    @cache  # noqa: B019 - there is one workshop
    def wanted(self, verb: str) -> tuple[dict[str, bytes], float]:
        """What a verb leaves, and after how many seconds."""
        folder = self.folder / f"{verb}-undisturbed"
        folder.mkdir()
        if verb != "train":  # in this process: what it imports, others that are forked have
            said = io.StringIO()
            with (
                contextlib.chdir(folder),
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
            ):
                assert main(self.fill(VERBS[verb].words)) == 0
        began = time.monotonic()
        code, said = _ended(self.run(verb, folder))
        assert code == 0, said
        return self.found(verb, folder), time.monotonic() - began

    @cache  # noqa: B019
    def operations(self, verb: str) -> int:
        """How often a verb opens for writing, makes, renames or removes something."""
        folder = self.folder / f"{verb}-counted"
        folder.mkdir()
        log = os.open(folder / "count", os.O_CREAT | os.O_WRONLY)
        code, said = _ended(self.run(verb, folder, lambda: hook(lambda _: os.write(log, b"."))))
        os.close(log)
        assert code == 0, said
        return (folder / "count").stat().st_size

    def found(self, verb: str, folder: Path) -> dict[str, bytes]:
        """The files that are compared."""
        out = folder / "out"
        files = {p for pattern in VERBS[verb].same for p in out.glob(pattern) if p.is_file()}
        visible = [p for p in files if TEMPORARY not in str(p)]
        return {str(p.relative_to(out)): p.read_bytes() for p in visible}

    def prepare(self, verb: str, folder: Path, chance: Random) -> dict[str, bytes]:
        """An output folder that is not there, empty, or full of what was there before."""
        if verb == "train" or chance.random() < 0.3:
            return {}
        (folder / "out").mkdir()
        names = self.wanted(verb)[0] if chance.random() < 0.7 else {}
        for name in names:
            (folder / "out" / name).write_bytes(OLD)
        return dict.fromkeys(names, OLD)

    def check(self, verb: str, folder: Path, before: dict[str, bytes]) -> None:
        """Each file is there as it was or as it should be; the same command then does all."""
        wanted, _ = self.wanted(verb)
        found = self.found(verb, folder)
        if verb != "train":
            assert before.keys() <= found.keys(), f"{verb}: a file that was there is gone"
            for name, content in found.items():
                assert content in (before.get(name), wanted.get(name)), f"{verb}: {name} is torn"
        code, said = _ended(self.run(verb, folder))
        assert code == 0, f"{verb}: {said}"
        assert self.found(verb, folder) == wanted, f"{verb}: the second run left something else"


@dataclass(frozen=True)
class Process:
    """A process that was forked, and where it says something."""

    pid: int
    pipe: int


def start(work: Callable[[], Any]) -> Process:
    """Does some work in a process of its own; what it returns is the exit code."""
    end, pipe = os.pipe()
    pid = os.fork()
    if pid:
        os.close(pipe)
        return Process(pid, end)
    code = 70
    try:
        sys.stdout = sys.stderr = open(pipe, "w", buffering=1)  # noqa: SIM115
        signal.alarm(LATE)
        code = int(work() or 0)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _ended(process: Process) -> tuple[int, str]:
    """The exit code, negative for a signal, and what was said; waits for it."""
    with os.fdopen(process.pipe, errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(process.pid, 0)
    return os.waitstatus_to_exitcode(status), said


def hook(act: Act, events: tuple[str, ...] = ("open", "os.", "shutil.rmtree")) -> None:
    """Calls `act` with every event of this process that changes the file system."""
    busy = []

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if (
            busy
            or not event.startswith(events)
            or event in ("os.listdir", "os.scandir", "os.walk")
        ):
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITES):
            return
        if event == "open" and "/dev/null" in str(arguments[0]):
            return
        busy.append(event)
        try:
            act(event)
        finally:
            busy.pop()

    sys.addaudithook(audit)


def _at(number: int, act: Act, further: bool = False) -> Act:
    """Acts at one of the events, counted from 1, and at all further ones if told so."""
    seen = 0

    def count(event: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number or (further and seen > number):
            act(event)

    return count


def _die(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _no_room(_: str) -> None:
    raise OSError(28, "No space left on device")


def _one_error(verb: str, code: int, said: str) -> None:
    """One line that begins with `ilk: error:`, and the exit code of an error."""
    lines = said.strip().splitlines()
    assert code == 1, f"{verb}: exit code {code}: {said[-300:]}"
    assert "Traceback" not in said and lines[-1].startswith("ilk: error: "), f"{verb}: {said}"


def killed(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """SIGKILL at a random moment."""
    _, seconds = shop.wanted(verb)
    before = shop.prepare(verb, folder, chance)
    for _ in range(chance.randint(1, 3) if verb == "train" else 1):
        process = shop.run(verb, folder)
        time.sleep(chance.uniform(0, seconds))
        os.kill(process.pid, signal.SIGKILL)
        code, _said = _ended(process)
    shop.check(verb, folder, before)
    return "killed" if code == -signal.SIGKILL else "was done before"


def killed_at_an_operation(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """SIGKILL at one of the operations on the file system."""
    number = chance.randint(1, shop.operations(verb))
    before = shop.prepare(verb, folder, chance)
    code, said = _ended(shop.run(verb, folder, lambda: hook(_at(number, _die))))
    assert code in (0, -signal.SIGKILL), f"{verb}: {said}"
    shop.check(verb, folder, before)
    return "killed" if code else "was done before"


def no_room_for_a_file(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """The system refuses bytes of a file beyond a random limit."""
    wanted, _ = shop.wanted(verb)
    limit = chance.randrange(max(map(len, wanted.values())))
    before = shop.prepare(verb, folder, chance)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    code, said = _ended(shop.run(verb, folder, limited))
    _one_error(verb, code, said)
    assert not list(folder.rglob(f"{TEMPORARY}*")), f"{verb}: something half written is left"
    shop.check(verb, folder, before)
    return "refused"


def no_room_at_an_operation(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """No file or folder can be made or renamed from one operation on."""
    number = chance.randint(1, shop.operations(verb))
    before = shop.prepare(verb, folder, chance)
    act = _at(number, _no_room, further=True)
    making = ("open", "os.mkdir", "os.rename")
    code, said = _ended(shop.run(verb, folder, lambda: hook(act, making)))
    if code:
        _one_error(verb, code, said)
    shop.check(verb, folder, before)
    return "refused" if code else "was done before"


def no_permission(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """A folder that can be read alone, and a user who is not the system's."""
    out = folder / "out"
    out.mkdir()
    folder.chmod(0o555)
    out.chmod(0o555)

    def nobody() -> None:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    code, said = _ended(shop.run(verb, folder, nobody))
    _one_error(verb, code, said)
    assert "out" in said.splitlines()[-1] and not list(out.iterdir()), f"{verb}: {said}"
    folder.chmod(0o755)
    out.chmod(0o755)
    shop.check(verb, folder, {})
    return "refused"


def two_at_once(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """Two processes with one place to write to; training refuses the second."""
    before = shop.prepare(verb, folder, chance)
    first = shop.run(verb, folder)
    time.sleep(chance.uniform(0, 0.05))
    second = shop.run(verb, folder)
    ended = [_ended(first), _ended(second)]
    for code, said in ended:
        if code:
            _one_error(verb, code, said)
            assert verb == "train" and "another process" in said, f"{verb}: {said}"
    assert min(code for code, _ in ended) == 0, f"{verb}: neither was done"
    assert shop.found(verb, folder) == shop.wanted(verb)[0], f"{verb}: something else is left"
    shop.check(verb, folder, before)
    return "refused" if any(code for code, _ in ended) else "done"


def the_clock(shop: Workshop, verb: str, folder: Path, chance: Random) -> str:
    """The time of day jumps by up to a month, forwards and backwards, whenever it is asked."""
    jumps = random.Random(chance.random())
    now = time.time()

    def jump() -> None:
        time.time = lambda: now + jumps.uniform(-2.6e6, 2.6e6)
        time.time_ns = lambda: int(time.time() * 1e9)

    code, said = _ended(shop.run(verb, folder, jump))
    assert code == 0, f"{verb}: {said}"
    assert shop.found(verb, folder) == shop.wanted(verb)[0], f"{verb}: something else came out"
    return "done"


FAULTS: dict[str, Callable[[Workshop, str, Path, Random], str]] = {
    "SIGKILL at a random moment": killed,
    "SIGKILL at an operation on files": killed_at_an_operation,
    "full disk, within a file": no_room_for_a_file,
    "full disk, at an operation on files": no_room_at_an_operation,
    "a folder that is read-only": no_permission,
    "two processes, one output": two_at_once,
    "a clock that jumps": the_clock,
}


@cache
def _two() -> tuple[GatedPixelCNN, GatedPixelCNN]:
    torch.manual_seed(0)
    return GatedPixelCNN((1, 8, 8), width=8, depth=1), GatedPixelCNN((1, 8, 8), width=8, depth=2)


def _is_whole(place: Path) -> bool:
    """Whether one of the two models is there, to the last bit."""
    state = ilk.load(place).state_dict()
    return any(
        state.keys() == model.state_dict().keys()
        and all(torch.equal(state[k], v) for k, v in model.state_dict().items())
        for model in _two()
    )


def saving_killed(folder: Path, chance: Random) -> str:
    """SIGKILL while one model takes the place of another: one of both is there."""
    place, (one, other) = folder / "model", _two()
    one.save(place)

    def save() -> None:
        if chance.random() < 0.7:
            hook(_at(chance.randint(1, 30), _die))
        while True:
            other.save(place)
            one.save(place)

    process = start(save)
    time.sleep(chance.uniform(0, 0.2))
    os.kill(process.pid, signal.SIGKILL)
    _ended(process)
    assert _is_whole(place), "neither model is there"
    other.save(place)
    assert _is_whole(place) and not previous(place).exists()
    return "killed"


def models_read_while_saved(folder: Path, chance: Random) -> str:
    """Two processes save models in one place, over and over, and a third reads."""
    place = folder / "model"
    _two()[0].save(place)

    def save(first: int) -> None:
        for i in range(10):
            _two()[(first + i) % 2].save(place)

    writers = [start(lambda k=k: save(k)) for k in (0, 1)]
    try:
        for _ in range(20):
            assert _is_whole(place), "a mixture of two models was read"
    finally:
        ended = [_ended(writer) for writer in writers]
    for code, said in ended:
        assert code == 0, said
    assert _is_whole(place) and not list(folder.glob(f"{TEMPORARY}*"))
    return "done"
