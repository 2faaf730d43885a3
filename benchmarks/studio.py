"""The studio's server, alone and under load: `python -m benchmarks.studio [--json]`.

Alone: when the first pixel of 16 samples comes after they are asked for, and when all have come.
Under load: pages that sample without pause, how many samples the luckiest and the unluckiest got,
errors, the server's memory. Then malformed requests: answers that are not 4xx, memory.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from benchmarks.speed import Spread
from ilk.cli.demo import DRAWINGS

JSON = {"content-type": "application/json"}


@contextlib.contextmanager
def server(model: str) -> Iterator[tuple[int, psutil.Process]]:
    """A studio on a free port of this machine: the port and its process."""
    command = [sys.executable, "-m", "ilk", "studio", model, "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            get(port, "/healthz")
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()


def get(port: int, path: str) -> bytes:
    """What stands at a path."""
    return ask(port, "GET", path)[1]


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and content of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    with contextlib.closing(connection):
        connection.request(method, path, body, JSON)
        answer = connection.getresponse()
        return answer.status, answer.read()


def stream(port: int, request: dict[str, Any]) -> tuple[float, float, str]:
    """Seconds to the first pixel and to the last, and the last event, of a stream of samples."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    begin, first, last, event = time.perf_counter(), 0.0, 0.0, "none"
    with contextlib.closing(connection):
        connection.request("POST", "/api/sample", json.dumps(request).encode(), JSON)
        for line in connection.getresponse():
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])["event"]
            if event == "pixels":
                last = time.perf_counter() - begin
                first = first or last
    return first, last, event


def request(model: str) -> dict[str, Any]:
    """Sixteen samples given four drawings."""
    files = sorted((DRAWINGS / "heron").glob("*.png"))[:4]
    support = [{"file": base64.b64encode(file.read_bytes()).decode()} for file in files]
    return {"model": model, "support": support, "count": 16, "stream": True}


def alone(port: int, model: str, repeats: int) -> dict[str, Any]:
    """Latency when nobody else asks."""
    stream(port, request(model))
    found = [stream(port, request(model)) for _ in range(repeats)]
    return {
        "first_pixel_ms": Spread.of([1000 * first for first, _, _ in found]),
        "samples_16_s": Spread.of([last for _, last, _ in found]),
    }


def load(port: int, model: str, process: psutil.Process, pages: int, seconds: float) -> dict:
    """Pages that sample without pause."""
    end = time.monotonic() + seconds

    def page(_: int) -> list[tuple[float, str]]:
        found = []
        while time.monotonic() < end:
            first, _, event = stream(port, request(model))
            found.append((first, event))
        return found

    before = process.memory_info().rss
    with ThreadPoolExecutor(pages) as pool:
        each = list(pool.map(page, range(pages)))
    counts = [len(found) for found in each]
    return {
        "pages": pages,
        "answers": sum(counts),
        "answers_least_page": min(counts),
        "answers_most_page": max(counts),
        "errors": sum(event != "done" for found in each for _, event in found),
        "first_pixel_s_under_load": Spread.of([first for found in each for first, _ in found]),
        "memory_growth_mb": (process.memory_info().rss - before) / 1e6,
    }


def malformed(port: int, model: str, process: psutil.Process, count: int) -> dict[str, Any]:
    """Requests damaged at random; the first tenth warms the server up."""
    random.seed(0)
    whole = json.dumps({**request(model), "count": 1, "temperature": "warm"}).encode()
    verbs = ("sample", "complete", "score", "classify", "attention", "pack", "read", "nothing")
    wrong, before = 0, 0
    for i in range(count):
        if i == count // 10:
            before = process.memory_info().rss
        body = bytearray(whole)
        for _ in range(random.randrange(1, 6)):
            body[random.randrange(len(body))] = random.randrange(256)
        damaged = bytes(body[: random.randrange(len(body))])
        status, _ = ask(port, "POST", f"/api/{random.choice(verbs)}", damaged)
        wrong += not 400 <= status < 500
    return {
        "malformed": count,
        "malformed_not_4xx": wrong,
        "malformed_memory_growth_mb": (process.memory_info().rss - before) / 1e6,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="omniglot")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--pages", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="last line is a JSON object")
    options = parser.parse_args()
    with server(options.model) as (port, process):
        model = json.loads(get(port, "/api/models"))[0]["name"]
        found = alone(port, model, options.repeats)
        found |= load(port, model, process, options.pages, options.seconds)
        found |= malformed(port, model, process, options.malformed)
        found["memory_mb"] = process.memory_info().rss / 1e6
    for name, value in found.items():
        print(f"{name:32} {value:9.3g}" if isinstance(value, float) else f"{name:32} {value}")
    if options.json:
        plain = {k: vars(v) if isinstance(v, Spread) else v for k, v in found.items()}
        print(json.dumps(plain))


if __name__ == "__main__":
    main()
