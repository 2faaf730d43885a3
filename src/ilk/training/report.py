"""What a run tells while it goes on, and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Progress", "Result", "SaveError"]


class SaveError(OSError):
    """What must be on disk could not be written; the last good checkpoint is as it was."""


@dataclass(frozen=True)
class Progress:
    """One report of a run. Reports come every `log_every` steps, and for every event.

    Arguments:
        step: Steps done.
        steps: Steps in all.
        nats_per_dim: Mean training loss since the report before (nats a dimension), if there is
            something new.
        images_per_s: Query images a second since the report before, all processes together.
        seconds_left: Estimate of the time to the last step, in seconds; the first report is that
            of a few steps, before there is a loss to report.
        valid_nats_per_dim: Validation loss of the averaged weights, when it was measured.
        checkpoint: The checkpoint just written.
        sheet: The sheet of samples just written.
        message: Something that a person should know: what was resumed, what could not be written.
    """

    step: int
    steps: int
    nats_per_dim: float | None = None
    images_per_s: float | None = None
    seconds_left: float | None = None
    valid_nats_per_dim: float | None = None
    checkpoint: Path | None = None
    sheet: Path | None = None
    message: str | None = None


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Arguments:
        out: The folder of the run.
        step: Steps done.
        steps: Steps in all.
        finished: Whether all steps are done. If not, a signal stopped the run, which was saved:
            the same call goes on from there.
        model: The folder of the averaged model, for `ilk.load`; none before the first checkpoint.
        resumed_from: The step that this call went on from, if it did.
        train_nats_per_dim: Loss of the averaged weights on fixed training episodes.
        valid_nats_per_dim: The same on held-back kinds, if there are any.
        seconds: Time spent on training, all calls together.
        stopped_by: The name of the signal that stopped the run.
        messages: What a person should know, in order.
    """

    out: Path
    step: int
    steps: int
    finished: bool
    model: Path | None
    resumed_from: int | None
    train_nats_per_dim: float | None
    valid_nats_per_dim: float | None
    seconds: float
    stopped_by: str | None
    messages: tuple[str, ...]
