"""The server as a process meets it: real sockets, slow and vanishing clients, foreign sites."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from studio.toys import examples, picture

pytest.importorskip("fastapi", reason="needs the extra `studio`")

import uvicorn
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from ilk.studio import Limits, Shelf, create_app
from ilk.studio.guard import Guard
from ilk.studio.server import configured, listen

Place = tuple[str, int]


@pytest.fixture(scope="module")
def place(shelf: Shelf) -> Iterator[Place]:
    limits = Limits(body=100_000, upload_seconds=5.0, jobs=40, client=60)
    listening, hosts, _ = listen("127.0.0.1", 0)
    app = create_app(shelf, limits, hosts)
    server = uvicorn.Server(configured(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    address = listening.getsockname()
    while not server.started:
        time.sleep(0.01)
    yield address
    server.should_exit = True
    thread.join()


def ask(place: Place, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*place, timeout=1200)
    names = {k.replace("_", "-"): v for k, v in headers.items()}
    method = "GET" if body is None else "POST"
    connection.request(method, path, body, {"content-type": "application/json", **names})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def jobs(place: Place) -> int:
    return json.loads(ask(place, "/healthz")[1])["jobs"]


def start(place: Place, count: int = 64) -> socket.socket:
    """A client that asks for a stream of samples and does not read it."""
    request = {"model": "tiny", "support": examples(), "count": count, "stream": True}
    body = json.dumps(request).encode()
    client = socket.create_connection(place)
    head = f"POST /api/sample HTTP/1.1\r\nhost: {place[0]}:{place[1]}\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)
    return client


def wait_for(condition: object, seconds: float = 1200.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_jobs_end_when_the_page_goes(place: Place) -> None:
    clients = [start(place) for _ in range(8)]
    for client in clients:
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    assert jobs(place) > 0
    for client in clients:
        client.close()
    assert wait_for(lambda: jobs(place) == 0)


def test_a_slow_client_stops_nobody(place: Place) -> None:
    slow = start(place)
    status, content = ask(place, "/api/sample", b'{"model": "tiny", "count": 2}')
    assert status == 200 and len(json.loads(content)["images"]) == 2
    slow.close()


def test_a_short_job_does_not_wait_for_long_ones(place: Place) -> None:
    """A score among samples ends before any of these."""
    clients = [start(place) for _ in range(6)]
    for client in clients:
        assert client.recv(15) == b"HTTP/1.1 200 OK"
    request = {"model": "tiny", "images": [{"file": picture()}]}
    assert ask(place, "/api/score", json.dumps(request).encode())[0] == 200
    assert jobs(place) == 6
    for client in clients:
        client.close()


def test_the_queue_is_limited(place: Place) -> None:
    assert wait_for(lambda: jobs(place) == 0)
    clients = [start(place) for _ in range(40)]
    assert wait_for(lambda: jobs(place) == 40)
    status, content = ask(place, "/api/sample", b'{"model": "tiny"}')
    assert status == 429 and b"try again" in content
    assert ask(place, "/")[0] == 200
    for client in clients:
        client.close()
    assert wait_for(lambda: jobs(place) == 0)


def test_a_client_cannot_ask_for_everything() -> None:
    """It is refused what is beyond its share before it is read; another client is not."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guard = Guard(app, ["*"], Limits(client=2))

    async def post(host: str, answered: list[int], body: asyncio.Event) -> None:
        async def receive() -> Message:
            await body.wait()
            return {"type": "http.request", "body": b"{", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append(message["status"])

        scope = {"type": "http", "method": "POST", "headers": [], "client": (host, 1)}
        await guard(scope, receive, send)

    async def crowd() -> tuple[list[int], list[int]]:
        arrived, one, two = asyncio.Event(), [], []
        waiting = [asyncio.ensure_future(post("10.0.0.1", one, arrived)) for _ in range(5)]
        waiting += [asyncio.ensure_future(post("10.0.0.2", two, arrived)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert one == [429] * 3 and two == []
        arrived.set()
        await asyncio.gather(*waiting)
        return one, two

    assert asyncio.run(crowd()) == ([429, 429, 429, 200, 200], [200, 200])
    assert not guard.open


def test_large_bodies(place: Place) -> None:
    status, content = ask(place, "/api/sample", b" " * 100_001)
    assert status == 413 and b"a request may have 0.0954 MiB" in content
    client = socket.create_connection(place)
    head = f"POST /api/sample HTTP/1.1\r\nhost: {place[0]}\r\ntransfer-encoding: chunked\r\n\r\n"
    client.sendall(head.encode())
    client.settimeout(1200)
    try:
        for _ in range(30):
            client.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
    except OSError:
        pass  # It was refused before all of it was sent.
    assert b"413" in client.recv(100)
    client.close()


def test_a_stray_websocket_is_answered_in_silence(place: Place, caplog) -> None:
    """It is a page that does not know what it talks to: the terminal gives no advice."""
    names = {"upgrade": "websocket", "connection": "Upgrade", "sec_websocket_version": "13"}
    for path, wanted in (("/", 200), ("/socket", 404)):
        assert ask(place, path, **names, sec_websocket_key="MDEyMzQ1Njc4OWFiY2RlZg==")[0] == wanted
    logging.getLogger("uvicorn.error").warning("something else")
    assert [record.getMessage() for record in caplog.records] == ["something else"]


def test_slow_bodies(place: Place) -> None:
    client = socket.create_connection(place)
    head = f"POST /api/sample HTTP/1.1\r\nhost: {place[0]}\r\ncontent-length: 50\r\n\r\n"
    client.sendall(head.encode() + b"{")
    client.settimeout(1200)
    assert client.recv(100).startswith(b"HTTP/1.1 408")
    client.close()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "[::1"])
def test_foreign_names(place: Place, host: str) -> None:
    """A name of another site may be made to point here."""
    assert ask(place, "/api/models", host=host)[0] == 403


def test_foreign_sites(place: Place) -> None:
    own = f"http://{place[0]}:{place[1]}"
    body = b'{"model": "tiny", "count": 1}'
    assert ask(place, "/api/sample", body, origin=own)[0] == 200
    for origin in ("http://evil.example", "null", f"http://{place[0]}:1", "http://["):
        assert ask(place, "/api/sample", body, origin=origin)[0] == 403


def test_nothing_names_another_host(client: TestClient) -> None:
    names = ["/", "/api", "/api/openapi.json"]
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    from ilk.studio.app import PAGE

    for path in [*names, *(f"/page/{file.name}" for file in PAGE.iterdir())]:
        text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
        assert client.get(path).status_code == 200
        assert "http://" not in text and "https://" not in text


def test_addresses() -> None:
    listening, hosts, url = listen("127.0.0.1", 0)
    assert set(hosts) >= {"localhost", "127.0.0.1"} and url.startswith("http://127.0.0.1:")
    with pytest.raises(OSError, match="--host, --port: can't listen on 127"):
        listen("127.0.0.1", listening.getsockname()[1])
    with pytest.raises(ValueError, match="--port must be 0 to 65535"):
        listen("127.0.0.1", 70_000)
    listening.close()
    everywhere, hosts, url = listen("0.0.0.0", 0)
    assert hosts == ("*",) and url.startswith("http://127.0.0.1:")
    everywhere.close()
