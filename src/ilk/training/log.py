"""The log of a run: JSON lines always, TensorBoard on request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ilk.files import write_file

__all__ = ["Log", "truncate"]


def truncate(path: Path, step: int) -> None:
    """Drop the lines of a log that come after a step, and any that was cut off."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError):
            continue
    write_file(path, "".join(kept).encode())


class Log:
    """Appends figures to `log.jsonl`, and to TensorBoard if asked to.

    A line that can't be written is reported and lost: it never ends a run.

    Arguments:
        out: The folder of the run.
        start: The step that the run goes on from; later lines are dropped.
        tensorboard: Whether to write for TensorBoard too.
        warn: Called with a message when a line could not be written.

    Raises:
        ImportError: If TensorBoard is asked for and not installed.
    """

    def __init__(
        self, out: Path, start: int, tensorboard: bool, warn: Callable[[str], None]
    ) -> None:
        self.path, self.warn = out / "log.jsonl", warn
        truncate(self.path, start)
        self.board = _board(out / "tensorboard", start) if tensorboard else None

    def write(self, step: int, **values: Any) -> None:
        """Append one line."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
            if self.board is not None:
                for key, value in values.items():
                    self.board.add_scalar(key, value, step)
        except OSError as error:
            self.warn(f"could not write the log: {error}")

    def close(self) -> None:
        """Flush what TensorBoard holds back."""
        if self.board is not None:
            self.board.close()


def _board(directory: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "tensorboard: not installed; pip install 'ilk[train]', or leave tensorboard off"
        ) from error
    return SummaryWriter(str(directory), purge_step=start + 1)
