"""Stopping at the end of a step when a signal asks for it."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Self

__all__ = ["Stop"]

GRACE = 2.0


class Stop:
    """While it is entered, Ctrl-C and SIGTERM leave a note instead of ending the process.

    A second signal acts at once, as without this, unless it comes within `GRACE` seconds: one
    Ctrl-C reaches a process under `torchrun` from the terminal and from `torchrun`. Outside the
    main thread, where Python allows no handlers, it does nothing.

    Example:
        >>> with Stop() as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stop.signal
        'SIGTERM'
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._since = 0.0
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._since = signal.Signals(number).name, time.monotonic()
        elif time.monotonic() - self._since > GRACE:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
