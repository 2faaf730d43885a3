"""The studio's server, alone and under load: `python -m benchmarks.studio [--json]`.

- alone: when the first pixel of 16 samples comes after they are asked for, and when all have come;
  what the server's processor worked for it, which is what it takes where nothing else runs;
- page: the same in a browser (Chromium, with Playwright), and when the page is ready;
- load: pages that sample without pause; how many answers the luckiest and the unluckiest got;
- malformed: requests damaged at random; answers that are not 4xx;
- requests: whole ones of every sort.

The last three tell how the server's memory grew, and each has its bar beside it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import itertools
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.speed import Spread
from ilk.cli.demo import DRAWINGS

JSON = {"content-type": "application/json"}
WRONG = (
    None,
    True,
    -1,
    10**40,
    1e308,
    "",
    "é",
    "../../etc/passwd",
    [],
    [[]],
    {},
    [{"file": "AA"}],
)
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def running(model: str) -> Iterator[tuple[int, psutil.Process]]:
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


@dataclass(frozen=True)
class Figure:
    """Something measured.

    Attributes:
        name: What, with its unit.
        value: The best of several where it is a time: other programs only make it longer.
        bar: The most that it may be, if there is a bar.
    """

    name: str
    value: float
    bar: float | None = None

    def __str__(self) -> str:
        """A row of the table."""
        if self.bar is None:
            return f"{self.name:44} {self.value:10.4g}"
        verdict = "met" if self.value <= self.bar else "NOT met"
        return f"{self.name:44} {self.value:10.4g}   bar {self.bar:g}: {verdict}"


@dataclass(frozen=True)
class Server:
    """A server that is measured."""

    port: int
    process: psutil.Process
    model: str

    @property
    def memory(self) -> float:
        """Megabytes that it holds."""
        return self.process.memory_info().rss / 1e6

    @property
    def worked(self) -> float:
        """Seconds that its processor worked."""
        times = self.process.cpu_times()
        return times.user + times.system


def alone(server: Server, options: argparse.Namespace) -> list[Figure]:
    """Latency when nobody else asks."""
    stream(server.port, request(server.model))
    firsts, lasts, works = [], [], []
    for _ in range(options.repeats):
        before = server.worked
        first, last, _ = stream(server.port, request(server.model))
        firsts.append(1000 * first)
        lasts.append(last)
        works.append(server.worked - before)
    return [
        Figure("first pixel, ms", min(firsts), 100),
        Figure("first pixel, median, ms", Spread.of(firsts).median),
        Figure("16 samples, s", min(lasts), 1),
        Figure("16 samples, median, s", Spread.of(lasts).median),
        Figure("16 samples, of a processor, s", min(works)),
    ]


def page(server: Server, options: argparse.Namespace) -> list[Figure]:
    """What a person waits for, in a browser."""
    from playwright import sync_api as playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    marks: dict[str, list[float]] = {"ready": [], "first pixel": [], "drawn": []}
    completed: list[tuple[float, float]] = []
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=path, args=BROWSER, timeout=0)
        for _ in range(options.repeats):
            window = browser.new_page(viewport={"width": 1440, "height": 900})
            window.set_default_timeout(0)
            window.goto(f"http://127.0.0.1:{server.port}/")
            seen = playwright.expect(window.locator("#status"))
            seen.to_contain_text("drawn in", timeout=600_000)
            seen.to_have_attribute("data-drawings", "1", timeout=600_000)
            window.click("#draw")
            seen.to_have_attribute("data-drawings", "2", timeout=600_000)
            at = window.evaluate(
                "Object.fromEntries(performance.getEntriesByType('mark')"
                ".map(({ name, startTime }) => [name, startTime]))"
            )
            marks["ready"].append(at["ready"] / 1000)
            marks["first pixel"].append(at["first pixel"] - at["drawing"])
            marks["drawn"].append((at["drawn"] - at["drawing"]) / 1000)
            window.click("#hide-right")
            window.wait_for_load_state("networkidle")
            begin, before = time.perf_counter(), server.worked
            window.click("#complete")
            told = playwright.expect(window.locator("#complete-status"))
            told.to_contain_text("completed", timeout=600_000)
            completed.append((time.perf_counter() - begin, server.worked - before))
            window.close()
        browser.close()
    return [
        Figure("page ready, s", min(marks["ready"]), 1),
        Figure("page, first pixel after Draw, ms", min(marks["first pixel"]), 100),
        Figure("page, 16 samples after Draw, s", min(marks["drawn"]), 1),
        Figure("page, right half completed, s", min(seconds for seconds, _ in completed), 5),
        Figure("right half completed, of a processor, s", min(worked for _, worked in completed)),
    ]


def load(server: Server, options: argparse.Namespace) -> list[Figure]:
    """Pages that sample without pause."""
    end = time.monotonic() + 60 * options.minutes
    held: list[float] = []

    def visit(number: int) -> list[tuple[float, str]]:
        found = []
        while time.monotonic() < end:
            first, _, event = stream(server.port, request(server.model))
            found.append((first, event))
            if number == 0:
                held.append(server.memory)
        return found

    with ThreadPoolExecutor(options.pages) as pool:
        each = list(pool.map(visit, range(options.pages)))
    counts = [len(found) for found in each]
    errors = sum(event != "done" for found in each for _, event in found)
    first = Spread.of([first for found in each for first, _ in found])
    return [
        Figure("minutes under load", options.minutes),
        Figure("pages that sample at once", options.pages),
        Figure("answers", sum(counts)),
        Figure("answers to the unluckiest page", min(counts)),
        Figure("more to the luckiest", max(counts) - min(counts), 1),
        Figure("errors under load", errors, 0),
        Figure("first pixel under load, median, s", first.median),
        Figure("memory under load after a third of the time, MB", held[len(held) // 3]),
        Figure("memory grown since, MB", held[-1] - held[len(held) // 3], 10),
    ]


def malformed(server: Server, options: argparse.Namespace) -> list[Figure]:
    """Requests damaged at random, by the byte and in what they say."""
    whole = {**request(server.model), "count": 1, "temperature": "warm"}
    verbs = ("sample", "complete", "score", "classify", "encode", "decode", "attention", "pack")
    choice, names = random.Random(0), [*whole, "blob", "images"]
    names.remove("temperature")  # It stays wrong.

    def damaged(_: int) -> bool:
        said = {**whole, choice.choice(names): choice.choice(WRONG)}
        body = bytearray(json.dumps(said if choice.random() < 0.5 else whole).encode())
        for _ in range(choice.randrange(6)):
            body[choice.randrange(len(body))] = choice.randrange(256)
        path = f"/api/{choice.choice([*verbs, 'read', 'nothing'])}"
        cut = choice.randrange(len(body)) if choice.random() < 0.5 else len(body)
        return 400 <= ask(server.port, "POST", path, bytes(body[:cut]))[0] < 500

    return _many("malformed", options.malformed, server, damaged, "malformed, not answered by 4xx")


def requests(server: Server, options: argparse.Namespace) -> list[Figure]:
    """Whole requests: mostly scores, every twentieth one a drawing."""
    kind = request(server.model)["support"]
    given = {"model": server.model, "support": kind}
    ink = {"images": kind[:1]}
    coded = json.loads(_posted(server, "encode", {**given, **ink})[1])["blob"]
    short = [
        ("score", {"model": server.model, **ink}),
        ("score", {"model": server.model, **ink, "surprise": True}),
        ("pack", {"model": server.model, "images": kind}),
        ("classify", {"model": server.model, "kinds": [kind[:1], kind[1:2]], **ink}),
    ]
    long = [
        ("sample", {**given, "count": 1}),
        ("sample", {**given, "count": 1, "stream": True}),
        ("encode", {**given, **ink}),
        ("decode", {**given, "blob": coded}),
        ("attention", {**given, "image": kind[0]}),
    ]
    shorts, longs = itertools.cycle(short), itertools.cycle(long)

    def whole(i: int) -> bool:
        verb, body = next(longs) if i % 20 == 0 else next(shorts)
        return _posted(server, verb, body)[0] == 200

    return _many("requests", options.requests, server, whole, "requests, not answered by 200")


def _posted(server: Server, verb: str, body: dict[str, Any]) -> tuple[int, bytes]:
    return ask(server.port, "POST", f"/api/{verb}", json.dumps(body).encode())


def _many(
    name: str, count: int, server: Server, send: Callable[[int], bool], wrong: str
) -> list[Figure]:
    """Sends many; the first tenth of them warms the server up."""
    failed, before = 0, server.memory
    for i in range(count):
        if i == count // 10:
            before = server.memory
        failed += not send(i)
    return [
        Figure(name, count),
        Figure(wrong, failed, 0),
        Figure(f"memory grown by the last 90 % of {name}, MB", server.memory - before, 10),
    ]


PARTS = {part.__name__: part for part in (alone, page, load, malformed, requests)}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="omniglot")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--pages", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="last line is a JSON object")
    options = parser.parse_args()
    found: list[Figure] = []
    with running(options.model) as (port, process):
        model = json.loads(get(port, "/api/models"))[0]["name"]
        measured = Server(port, process, model)
        for part in options.parts:
            figures = PARTS[part](measured, options)
            found += figures
            print(*figures, sep="\n", flush=True)
        print(Figure("memory, MB", measured.memory))
    if options.json:
        print(json.dumps({figure.name: figure.value for figure in found}))


if __name__ == "__main__":
    main()
