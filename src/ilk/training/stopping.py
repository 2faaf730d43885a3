"""Stopping at the end of a step when a signal asks for it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self

__all__ = ["Stop"]


class Stop:
    """While it is entered, Ctrl-C and SIGTERM leave a note instead of ending the process.

    A second signal acts at once, as without this. Outside the main thread, where Python allows
    no handlers, it does nothing.

    Example:
        >>> with Stop() as stop:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     stop.signal
        'SIGTERM'
    """

    def __init__(self) -> None:
        self.signal: str | None = None
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
