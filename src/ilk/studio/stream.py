"""Answers of jobs: whole, or as server-sent events, and no longer than their client is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .jobs import Job

__all__ = ["EventStream", "Gone", "first", "last"]

T = TypeVar("T")


class Gone(Exception):
    """The client has gone: nobody waits for the answer."""


async def first(job: Job, request: Request) -> Any:
    """The first part of a job."""
    return await _while_there(anext(aiter(job)), request.receive)


async def last(job: Job, request: Request) -> Any:
    """The last part of a job, when it is done."""

    async def whole() -> Any:
        part = None
        async for part in job:  # noqa: B007
            pass
        return part

    return await _while_there(whole(), request.receive)


class EventStream(Response):
    """Server-sent events of a job. A slow client keeps its own job waiting and no other.

    Arguments:
        job: Cancelled when the client goes, or after `seconds`.
        head: What has been taken from it already.
        seconds: For all of it to leave.
    """

    media_type = "text/event-stream"

    def __init__(self, job: Job, head: Any, seconds: float) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self.job, self.head, self.seconds = job, head, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.job:
            try:
                async with asyncio.timeout(self.seconds):
                    await _while_there(self._feed(send), receive)
            except TimeoutError:
                # A client that is there is told; one that is slow is not waited for.
                with contextlib.suppress(TimeoutError, OSError):
                    async with asyncio.timeout(1.0):
                        await self._end(send, f"no whole answer in {self.seconds:g} s")
            except (Gone, OSError):
                pass

    async def _feed(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send(_message(self.head))
        try:
            async for part in self.job:
                await send(_message(part))
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise
            await self._end(send, str(error))
        else:
            await send({"type": "http.response.body", "body": b""})

    async def _end(self, send: Send, reason: str) -> None:
        await send(_message({"event": "error", "error": reason}))
        await send({"type": "http.response.body", "body": b""})


def _message(part: Any) -> dict[str, Any]:
    body = f"data: {json.dumps(part)}\n\n".encode()
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _while_there(awaitable: Awaitable[T], receive: Receive) -> T:
    work = asyncio.ensure_future(awaitable)
    gone = asyncio.ensure_future(_departure(receive))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Gone
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
