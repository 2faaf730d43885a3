"""The loop: draw a batch, step, average, and now and then report, save and look."""

from __future__ import annotations

import copy
import errno
import io
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

import ilk
from ilk.data.kinds import Kinds
from ilk.files import lock, remove_temporaries, write_file

from .batches import dropout_seed, slice_of, step_batch
from .checkpoint import Checkpoints, restore_optimizer, state_tensors
from .folder import read_kinds
from .log import Log
from .machine import accelerated, card
from .objective import Objective, samples
from .optimizer import optimizer
from .recipe import Recipe
from .report import Progress, Result, SaveError
from .schedule import ema_decay, learning_rate
from .stopping import Stop
from .validation import Validation

if TYPE_CHECKING:
    from accelerate import Accelerator

__all__ = ["estimate", "train"]

# Steps between agreements of several processes on whether one of them was told to stop: on an
# accelerator each agreement waits for all work that is queued.
AGREE_EVERY = 10
# Seconds of steps that are enough to tell what one takes.
SLOW = 10.0
# The step after which a run says how long it will take, and the one from which it counts.
SAYS, COUNTS = 4, 1


def train(
    recipe: Recipe,
    out: str | Path,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    kinds: tuple[Kinds, Kinds | None] | None = None,
    on_start: Callable[[], None] | None = None,
) -> Result:
    """Trains a model, or goes on with the training that `out` holds.

    The loss is the mean of `-log p(x | s) / (C H W)`, nats a dimension. The batch of step i is a
    pure function of the seed and i, so a run that was killed at any step ends with the weights
    that it would have had, to the last bit on one device. Under `torchrun` or `accelerate launch`
    every process takes its part of the same global batch; `out` must be one shared folder.

    Ctrl-C and SIGTERM end the run after the step, saved: `finished` is then false.

    Arguments:
        recipe: What to train, on what, for how long.
        out: The folder of the run; see `ilk.training` for what it will hold.
        on_progress: Called with reports, on the main process.
        kinds: Training and validation data, instead of those that the recipe names. By label,
            kinds that are not trained on have none, and are not validated on.
        on_start: Called before the first step, when nothing speaks against the run any more, on
            the main process.

    Raises:
        ValueError: If `out` holds a run with another recipe or other data (named), or the data
            do not fit the recipe.
        RuntimeError: If another process is training in `out`.
        FloatingPointError: If the loss or its gradient stops being finite. The batch is saved.
        SaveError: If `out`, or what must be saved last, can't be written.
        ImportError: If the extra `train` is not installed.
    """
    folder = Path(out)
    report = on_progress or (lambda progress: None)
    saved = Checkpoints(folder / "checkpoints", recipe.keep).recipe()
    with accelerated(recipe, saved) as (accelerator, settled, remark), ExitStack() as stack:
        if accelerator.is_main_process:
            try:
                new = not folder.exists()
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(lock(folder, remove=new))
                remove_temporaries(folder)
            except OSError as error:
                raise SaveError(error.errno, f"out: can't write to {folder}: {error}") from error
        accelerator.wait_for_everyone()
        stack.enter_context(torch.random.fork_rng(devices=[]))
        run = _Run(settled, folder, report, accelerator, *(kinds or _load(recipe)))
        if remark is not None:
            run._tell(remark)
        if run.log is not None:
            stack.callback(run.log.close)
        stop = stack.enter_context(Stop())
        if on_start is not None and run.main:
            on_start()
        return run.fit(stop)


def estimate(
    recipe: Recipe,
    kinds: tuple[Kinds, Kinds | None],
    steps: int = 3,
    on_step: Callable[[int, int], None] = lambda done, of: None,
) -> float:
    """Seconds that a step takes on this machine, from a few that are thrown away.

    The first one, which is slower, is not counted; validation and checkpoints come on top. Slow
    steps are told by fewer of them.

    Arguments:
        recipe: Of the run.
        kinds: Its training and validation data.
        steps: Steps to time.
        on_step: Called with the steps done and to do.

    Raises:
        ValueError: If the data do not fit the recipe.
        ImportError: If the extra `train` is not installed.
    """
    with (
        TemporaryDirectory() as scratch,
        accelerated(recipe) as (accelerator, settled, _),
        torch.random.fork_rng(devices=[]),
    ):
        plain = replace(settled, tensorboard=False)
        run = _Run(plain, Path(scratch), lambda progress: None, accelerator, *kinds)
        run._train_step()
        run._wait()
        began, done = time.perf_counter(), 0
        while done < steps and time.perf_counter() - began < SLOW:
            on_step(done, steps)
            run._train_step()
            run._wait()
            done += 1
        return (time.perf_counter() - began) / done


class _Run:
    """A run in a process: what it has, and what it does at a step."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        report: Callable[[Progress], None],
        accelerator: Accelerator,
        kinds: Kinds,
        valid: Kinds | None,
    ) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.main, self.report = accelerator.is_main_process, report
        self.steps, self.messages = recipe.total_steps, []
        self.kinds = recipe.further(kinds)
        self.card = card(recipe, self.kinds, accelerator.num_processes, accelerator.device)
        self.validation = Validation(recipe, self.kinds, valid)

        torch.manual_seed(recipe.seed)
        self.model = recipe.build(kinds.shape, kinds.levels, len(kinds)).to(accelerator.device)
        if recipe.channels_last:
            self.model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.ema = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.weights: list[Tensor] = list(self.model.parameters())
        self.averages: list[Tensor] = list(self.ema.parameters())
        self.optimizer = optimizer(recipe, self.weights)
        self.step, self.seconds, self.resumed_from = 0, 0.0, None
        self.saved: int | None = None
        self.pending: list[Tensor] = []
        if self.validation.message is not None:
            self._tell(self.validation.message)
        self.checkpoints = Checkpoints(out / "checkpoints", recipe.keep)
        self._resume()
        if recipe.compile:
            self.model.net.compile(dynamic=False)
        self.objective = accelerator.prepare(Objective(self.model).train())
        self.log = Log(out, self.step, recipe.tensorboard, self._tell) if self.main else None

    def fit(self, stop: Stop) -> Result:
        """Steps to the end, or to a signal."""
        self.began = self.mark = time.perf_counter()
        self.first, stopped = self.step, None
        if self.step == self.steps:
            self._save(must=True)
        while self.step < self.steps and stopped is None:
            self._train_step()
            self._say_pace()
            last = self.step == self.steps
            stopped = None if last else self._agree(stop)
            save = last or bool(stopped) or self.step % self.recipe.checkpoint_every == 0
            if save or self.step % self.recipe.log_every == 0:
                self._flush()
            if save:
                self._save(must=last or bool(stopped))
            every = self.recipe.sample_every
            if every and (last or self.step % every == 0):
                self._sheet()
        return self._result(stopped)

    def _train_step(self) -> None:
        recipe, rank = self.recipe, self.accelerator.process_index
        batch = slice_of(
            step_batch(recipe, self.kinds, self.step), rank, self.accelerator.num_processes
        )
        torch.manual_seed(dropout_seed(recipe.seed, self.step, rank))
        lr = learning_rate(self.step, self.steps, recipe.lr, recipe.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        loss = self.objective(*batch)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.weights, recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._average()
        self.pending.append(torch.stack([loss.detach().float(), torch.as_tensor(norm).float()]))
        self.step += 1

    def _wait(self) -> None:
        """Until all that was begun is done: an accelerator works behind."""
        torch.stack(self.pending).cpu()

    def _say_pace(self) -> None:
        """After the first steps, how long all others will take."""
        done = self.step - self.first
        if done in (COUNTS, SAYS):
            self._wait()
        if done == COUNTS:
            self.counted = time.perf_counter()
        elif done == SAYS:
            pace = (time.perf_counter() - self.counted) / (SAYS - COUNTS)
            self._tell(seconds_left=pace * (self.steps - self.step))

    def _average(self) -> None:
        average = get_ema_multi_avg_fn(ema_decay(self.step, self.recipe.ema))
        average(self.averages, self.weights, self.step)

    def _agree(self, stop: Stop) -> str | None:
        """The signal that stops the run, in every process at the same step."""
        if self.accelerator.num_processes == 1:
            return stop.signal
        if self.accelerator.device.type != "cpu" and self.step % AGREE_EVERY:
            return None
        asked = torch.tensor([float(stop.signal is not None)], device=self.accelerator.device)
        asked = self._reduce(asked, "sum")
        return (stop.signal or "a signal to another process") if float(asked) > 0 else None

    def _reduce(self, values: Tensor, how: str) -> Tensor:
        return cast(Tensor, self.accelerator.reduce(values, how))

    def _flush(self) -> None:
        """Look at the losses since the last time; report them, or stop if one is not finite."""
        if not self.pending:
            return
        figures = self._reduce(torch.stack(self.pending), "mean").cpu()
        first = self.step - len(self.pending)
        self.pending = []
        bad = (~figures.isfinite().all(dim=1)).nonzero()
        if len(bad):
            self._not_finite(first + int(bad[0]), figures[int(bad[0])])
        now = time.perf_counter()
        nats, norm = figures.mean(dim=0).tolist()
        rate = (self.step - first) * self.recipe.images_per_step / max(now - self.mark, 1e-9)
        pace = (now - self.began) / max(self.step - self.first, 1)
        self.mark = now
        self._write_log(
            nats_per_dim=nats,
            gradient_norm=norm,
            lr=self.optimizer.param_groups[0]["lr"],
            images=self.step * self.recipe.images_per_step,
            images_per_s=round(rate, 2),
            seconds=round(self._seconds(), 1),
        )
        self._tell(
            nats_per_dim=nats, images_per_s=rate, seconds_left=pace * (self.steps - self.step)
        )

    def _not_finite(self, step: int, figures: Tensor) -> None:
        path = self.out / f"nan-step-{step}.safetensors"
        where = f"the batch is in {path}"
        if self.main:
            batch = step_batch(self.recipe, self.kinds, step)
            tensors = {k: v.contiguous() for k, v in batch._asdict().items()}
            try:
                write_file(path, safetensors.torch.save(tensors, {"step": str(step)}))
            except OSError as error:
                where = f"the batch could not be saved ({error})"
        self.accelerator.wait_for_everyone()
        loss, norm = figures.tolist()
        raise FloatingPointError(
            f"step {step}: the loss is {loss} nats/dim and the norm of its gradient {norm};"
            f" {where}. The last checkpoint is from before. A lower lr or float32 may help"
        )

    def _save(self, must: bool) -> None:
        """A checkpoint, the averaged model, and its validation."""
        self._validate()
        if self.main:
            problem = self._write_checkpoint() or self._write_model()
            if problem and must:
                raise SaveError(
                    problem.errno or errno.EIO,
                    f"step {self.step}: could not save to {self.out}: {problem}. {self._kept()};"
                    " make room and start again to go on from there",
                ) from problem
            if problem:
                self._tell(f"could not save: {problem}. {self._kept()}; the run goes on")
        self.accelerator.wait_for_everyone()
        self.mark = time.perf_counter()

    def _write_checkpoint(self) -> OSError | None:
        if self.saved == self.step:
            return None
        tensors = state_tensors(self.model, self.ema, self.optimizer)
        meta = {
            "recipe": self.recipe.to_json(),
            "data": self.card["data"]["digest"],
            "ilk": ilk.__version__,
            "seconds": self._seconds(),
            **self._machine(),
        }
        try:
            path = self.checkpoints.save(self.step, tensors, meta)
        except OSError as error:
            return error
        self.saved = self.step
        self._tell(checkpoint=path)
        return None

    def _write_model(self) -> OSError | None:
        figures = {
            "steps": self.step,
            "images": self.step * self.recipe.images_per_step,
            "seconds": round(self._seconds(), 1),
            "train_nats_per_dim": self.validation.train_nats,
            "valid_nats_per_dim": self.validation.valid_nats,
        }
        try:
            self.ema.save(self.out / "model", self.card | figures)
        except OSError as error:
            return error
        except SafetensorError as error:
            return OSError(errno.EIO, str(error))
        return None

    def _kept(self) -> str:
        steps = self.checkpoints.steps()
        return f"The checkpoint of step {steps[-1]} is intact" if steps else "There is none yet"

    def _validate(self) -> None:
        """Loss of the average on fixed training and validation episodes, in the main process."""
        if not self.main:
            return
        self.validation.measure(self.ema)
        train, valid = self.validation.train_nats, self.validation.valid_nats
        if valid is not None:
            self._tell(valid_nats_per_dim=valid)
        figures = {"average_nats_per_dim": train, "valid_nats_per_dim": valid}
        self._write_log(**{k: v for k, v in figures.items() if v is not None})

    def _sheet(self) -> None:
        if not self.main:
            return
        from ilk.render import sheet

        images, columns = samples(self.ema, self.validation.shown, self.recipe.seed + self.step)
        buffer = io.BytesIO()
        sheet(images, self.ema.levels, columns).save(buffer, format="PNG")
        path = self.out / "samples" / f"step-{self.step:08d}.png"
        try:
            path.parent.mkdir(exist_ok=True)
            write_file(path, buffer.getvalue())
        except OSError as error:
            self._tell(f"could not write {path}: {error}")
        else:
            self._tell(sheet=path)
        self.mark = time.perf_counter()

    def _resume(self) -> None:
        """Go on from the newest good checkpoint, the same in every process."""
        found, messages = self.checkpoints.newest()
        if found is not None:
            self._check_same(found.meta)
        if self.main:
            self.checkpoints.clean()
            for message in messages:
                self._tell(message)
            if messages:
                self.checkpoints.set_aside(found.step if found else -1)
        self.accelerator.wait_for_everyone()
        if found is None:
            return
        try:
            self.model.load_state_dict(found.tensors["model"])
        except RuntimeError:
            raise ValueError(
                f"out: {self.out} holds a run of another version of ilk, whose model had other"
                f" weights. Begin another with its model: --start {self.out / 'model'}"
            ) from None
        self.ema.load_state_dict(found.tensors["ema"])
        restore_optimizer(self.model, self.optimizer, found.tensors["optimizer"])
        self.step = self.saved = self.resumed_from = found.step
        self.seconds = found.meta["seconds"]
        self._tell(f"going on from step {self.step}")

    def _check_same(self, meta: dict[str, Any]) -> None:
        different = self.recipe.differences(meta["recipe"])
        if meta["data"] != self.card["data"]["digest"]:
            different.append(f"data: other images than before (digest {meta['data'][:12]}...)")
        if different:
            raise ValueError(
                f"recipe: {self.out} holds a run that differs in {'; '.join(different)}."
                " Go on with the recipe that it was started with, or choose another folder"
            )
        for key, value in self._machine().items():
            if meta[key] != value:
                self._tell(
                    f"{key} was {meta[key]} and is {value}: the result may differ in its last bits"
                )

    def _machine(self) -> dict[str, Any]:
        """What may change the last bits of a sum."""
        return {
            "torch": str(torch.__version__),
            "device": self.accelerator.device.type,
            "threads": torch.get_num_threads(),
            "processes": self.accelerator.num_processes,
        }

    def _tell(self, message: str | None = None, **values: Any) -> None:
        if message is not None:
            self.messages.append(message)
        if self.main:
            self.report(Progress(self.step, self.steps, message=message, **values))

    def _write_log(self, **values: Any) -> None:
        if self.log is not None:
            self.log.write(self.step, **values)

    def _seconds(self) -> float:
        return self.seconds + time.perf_counter() - self.began

    def _result(self, stopped: str | None) -> Result:
        if stopped:
            self._tell(f"stopped by {stopped} after step {self.step}; start again to go on")
        model = self.out / "model"
        return Result(
            out=self.out,
            step=self.step,
            steps=self.steps,
            finished=self.step == self.steps,
            model=model if model.exists() else None,
            resumed_from=self.resumed_from,
            train_nats_per_dim=self.validation.train_nats,
            valid_nats_per_dim=self.validation.valid_nats,
            seconds=self._seconds(),
            stopped_by=stopped,
            messages=tuple(self.messages),
        )


def _load(recipe: Recipe) -> tuple[Kinds, Kinds | None]:
    from ilk.data import NAMES, load

    if recipe.data not in NAMES and Path(recipe.data).is_dir():
        return read_kinds(recipe)
    train, valid = (
        load(recipe.data, recipe.split, part, recipe.data_root) for part in ("train", "valid")
    )
    return train, valid if len(valid) else None
