"""Jobs take turns, end with their clients, and are bounded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra `studio`")

from starlette.types import Message

from ilk.studio.jobs import Busy, Jobs
from ilk.studio.stream import EventStream


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs(most=3, seconds=0.2)
    yield jobs
    jobs.stop()


async def take(jobs: Jobs, slices: Iterator[Any]) -> list[Any]:
    with jobs.open(slices) as job:
        return [part async for part in job]


def test_turns(jobs: Jobs) -> None:
    """Between two slices of a job every other job has one."""
    log: list[str] = []
    ready = threading.Event()

    def slices(name: str) -> Iterator[str | None]:
        ready.wait()
        for i in range(5):
            log.append(name)
            yield name if i % 2 else None

    async def both() -> list[list[str]]:
        found = asyncio.gather(*(take(jobs, slices(name)) for name in "abc"))
        await asyncio.sleep(0.05)
        ready.set()
        return await found

    assert asyncio.run(both()) == [["a"] * 2, ["b"] * 2, ["c"] * 2]
    assert "".join(log) == "abc" * 5


def test_clients_have_turns_before_their_jobs(jobs: Jobs) -> None:
    """One client with two jobs gets as many turns as another with one."""
    log: list[str] = []
    ready = threading.Event()

    def slices(name: str) -> Iterator[None]:
        ready.wait()
        for _ in range(4):
            log.append(name)
            yield

    async def three() -> None:
        with (
            jobs.open(slices("A"), "one") as a,
            jobs.open(slices("a"), "one") as b,
            jobs.open(slices("B"), "two") as c,
        ):
            ready.set()
            for job in (a, b, c):
                async for _ in job:
                    pass

    asyncio.run(three())
    both = "".join(log)[: 2 * 4]
    assert both.upper().count("B") == 4 and sorted(log) == sorted("AaB" * 4)
    # From the second turn on, whoever waits alone has every other one.
    assert all(x != "B" or y != "B" for x, y in pairwise(log))


def test_a_job_ends_when_nobody_waits(jobs: Jobs) -> None:
    steps, closed = [], threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                steps.append(1)
                time.sleep(0.001)
                yield len(steps)
        finally:
            closed.set()

    async def leave() -> None:
        with jobs.open(endless()) as job:
            async for part in job:
                if part == 3:
                    break

    asyncio.run(leave())
    assert closed.wait(1200)
    done = len(steps)
    time.sleep(0.05)
    assert len(steps) == done and not jobs.active


def test_work_is_limited(jobs: Jobs) -> None:
    def busy() -> Iterator[None]:
        while True:
            sum(range(10_000))
            yield

    with pytest.raises(TimeoutError, match=r"more than 0\.2 s of work"):
        asyncio.run(take(jobs, busy()))
    assert not jobs.active


def test_the_queue_is_limited(jobs: Jobs) -> None:
    async def crowd() -> list[str]:
        opened = [jobs.open(iter(())) for _ in range(3)]
        with pytest.raises(Busy, match="3 jobs are open"):
            jobs.open(iter(()))
        opened[0].cancel()
        return await take(jobs, iter(["room"]))

    assert asyncio.run(crowd()) == ["room"]


def test_an_error_is_that_of_its_job_alone(jobs: Jobs) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("that is wrong")

    with pytest.raises(ValueError, match="that is wrong"):
        asyncio.run(take(jobs, failing()))
    assert asyncio.run(take(jobs, iter([2]))) == [2]


def test_a_stream_that_takes_too_long_says_so(jobs: Jobs) -> None:
    """Its job ends, and a client that still reads is told why."""
    sent: list[bytes] = []

    def endless() -> Iterator[None]:
        while True:
            time.sleep(0.001)
            yield

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    async def answer() -> None:
        job = jobs.open(endless())
        await EventStream(job, {"event": "start"}, seconds=0.05)({}, receive, send)
        assert job.cancelled

    asyncio.run(answer())
    assert b"no whole answer in 0.05 s" in sent[-2] and sent[-1] == b"" and not jobs.active
