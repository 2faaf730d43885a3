"""What stands before every request: whose it is, how large, and what a browser may do with it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import Limits

__all__ = ["Guard", "client_of"]

# The page may load, and talk to, this server alone.
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class Guard:
    """Refuses other sites, foreign host names, large or slow bodies, and too much at once.

    A page of another site can send requests to a server on this machine, by its address or by a
    name that it makes point here. The browser says in `Origin` and `Host` where they come from.

    Arguments:
        app: What is guarded.
        hosts: Names under which the server is known; any if it holds `*`.
        limits: Of bodies, and of what a client may ask for at once.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], limits: Limits) -> None:
        self.app, self.hosts, self.limits = app, frozenset(hosts), limits
        self.open = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        # Only what is sent takes room and work: pages are in memory.
        client = "" if scope["method"] in ("GET", "HEAD") else client_of(scope)
        self.open[client] += 1
        try:
            self._check(scope)
            if client and self.open[client] > self.limits.client:
                raise _Refusal(429, f"{self.limits.client} requests of yours are open already")
            body = await asyncio.wait_for(self._body(scope, receive), self.limits.upload_seconds)
        except TimeoutError:
            await _refuse(send, 408, f"no whole request in {self.limits.upload_seconds:g} s")
        except _Refusal as refusal:
            await _refuse(send, refusal.status, str(refusal))
        else:
            await self.app(scope, _replay(body, receive), _with_headers(send))
        finally:
            self.open[client] -= 1
            if not self.open[client]:
                del self.open[client]

    def _check(self, scope: Scope) -> None:
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        host = headers.get("host", "")
        if "*" not in self.hosts and _parts(f"//{host}")[0] not in self.hosts:
            raise _Refusal(403, "Host: this server is not known by that name")
        origin = headers.get("origin")
        if origin is not None and _parts(origin)[1] != host:
            raise _Refusal(403, "Origin: another site can't use this server")
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.limits.body:
            raise _Refusal(413, self._large)

    @property
    def _large(self) -> str:
        return f"this is too much at once: a request may have {self.limits.body / 2**20:.3g} MiB"

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        parts: list[bytes] = []
        size, more = 0, scope["method"] not in ("GET", "HEAD")
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refusal(400, "the request was cut short")
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > self.limits.body:
                raise _Refusal(413, self._large)
        return b"".join(parts)


def client_of(scope: Scope) -> str:
    """Where a request comes from: an address without its port."""
    host, _ = scope.get("client") or ("somewhere", 0)
    return host


class _Refusal(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _parts(url: str) -> tuple[str, str]:
    """The name of a host, and it with its port; empty if it can't be told."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.netloc
    except ValueError:
        return "", ""


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body as one message, and then what comes after it: that the client has gone."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        while (message := await receive())["type"] == "http.request":
            pass
        return message

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    headers.append((b"content-length", str(len(body)).encode()))
    sending = _with_headers(send)
    await sending({"type": "http.response.start", "status": status, "headers": headers})
    await sending({"type": "http.response.body", "body": body})
