"""Work in turns: one thread that gives every job a slice at a time, so that none waits for long.

Clients have turns one after the other, and so have the jobs of each: one that asks for much makes
itself wait, not the others.

A job is an iterator. What it yields is a part of the answer, or `None` where it only lets the
others have their turn; each step should take some 20 ms. It ends when its client goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

import torch

__all__ = ["Busy", "Job", "Jobs"]


class Busy(RuntimeError):
    """There are as many jobs as there may be."""


class _End:
    """What comes after the last part."""


class Job:
    """A job, and what came of it so far: iterate over it, in a `with` block that cancels it."""

    def __init__(self, jobs: Jobs, slices: Iterator[Any], client: str = "") -> None:
        self.client, self.cancelled, self.worked = client, False, 0.0
        self._jobs, self._slices = jobs, slices
        self._loop, self._parts = asyncio.get_running_loop(), asyncio.Queue[Any]()

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Stops before the next slice. Harmless when it is done."""
        self.cancelled = True
        self._jobs.leave(self)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while not isinstance(part := await self._parts.get(), _End):
            if isinstance(part, Exception):
                raise part
            yield part

    def work(self, most: float) -> bool:
        """A slice of the work, in the thread of the jobs; false after the last."""
        if self.cancelled:
            return self._close()
        begin = time.thread_time()
        try:
            with torch.inference_mode():
                part = next(self._slices)
        except StopIteration:
            return self._give(_End())
        except Exception as error:
            return self._give(error)
        self.worked += time.thread_time() - begin
        if self.worked > most:
            self._close()
            return self._give(TimeoutError(f"this takes more than {most:g} s of work"))
        if part is not None:
            self._give(part)
        return True

    def _close(self) -> bool:
        close = getattr(self._slices, "close", None)
        # The thread outlives whatever a job does when it ends.
        with contextlib.suppress(Exception):
            if close is not None:
                close()
        return False

    def _give(self, part: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        except RuntimeError:  # The server has stopped: nobody waits for this.
            self.cancelled = True
        return False


class Jobs:
    """The thread, and the jobs that are open.

    Arguments:
        most: How many jobs may be open.
        seconds: Processor time that one may take.

    Example:
        >>> jobs = Jobs(most=4, seconds=1.0)
        >>> async def parts():
        ...     with jobs.open(iter("ilk")) as job:
        ...         return [part async for part in job]
        >>> asyncio.run(parts())
        ['i', 'l', 'k']
        >>> jobs.stop()
    """

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self.active: set[Job] = set()
        self._turns = _Turns()
        self._thread = threading.Thread(target=self._work, name="ilk-studio", daemon=True)
        self._thread.start()

    def open(self, slices: Iterator[Any], client: str = "") -> Job:
        """Takes in a job of a client, from the event loop that waits for it.

        Raises:
            Busy: If there are as many as there may be.
        """
        if len(self.active) >= self.most:
            raise Busy(f"{self.most} jobs are open already; try again in a moment")
        job = Job(self, slices, client)
        self.active.add(job)
        self._turns.put(job)
        return job

    def leave(self, job: Job) -> None:
        """Makes room for another job."""
        self.active.discard(job)

    def stop(self) -> None:
        """Cancels what is open and ends the thread."""
        for job in list(self.active):
            job.cancel()
        self._turns.end()
        self._thread.join()

    def _work(self) -> None:
        # A slice is too little to share: a second thread would take the server's core for nothing.
        torch.set_num_threads(1)
        while (job := self._turns.take()) is not None:
            if job.work(self.seconds):
                self._turns.put(job)


class _Turns:
    """Whose turn it is. Waiting clients stand in a row, those who had one at its end."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._change, self._ended = threading.Condition(), False

    def put(self, job: Job) -> None:
        with self._change:
            self._waiting.setdefault(job.client, deque()).append(job)
            self._change.notify()

    def take(self) -> Job | None:
        """The next job, none when all are done and no other comes."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                return None
            client = next(iter(self._waiting))
            jobs = self._waiting.pop(client)
            job = jobs.popleft()
            if jobs:
                self._waiting[client] = jobs
            return job

    def end(self) -> None:
        with self._change:
            self._ended = True
            self._change.notify()
