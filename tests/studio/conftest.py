"""A studio with a tiny model of random weights, and a client of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

import ilk

pytest.importorskip("fastapi", reason="needs the extra `studio`")

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from ilk.studio import Limits, Shelf, create_app
from ilk.studio.server import listen

if TYPE_CHECKING:
    from studio.browser import Visit

SIZE = 26


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = ilk.models.AttentionPixelCNN(
        (1, SIZE, SIZE), width=8, depth=2, read_at=(1,), patches=8, patch=4, shots=4
    )
    return model.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def shelf(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    alone = ilk.models.GatedPixelCNN(
        (1, 4, 4), levels=4, width=8, depth=2, likelihood="categorical"
    )
    other = alone.save(tmp_path_factory.mktemp("models") / "alone")
    return Shelf([str(tiny), str(other)])


@pytest.fixture(scope="session")
def limits() -> Limits:
    return Limits(body=400_000, images=20, support=6, kinds=3, pixels=1_000_000)


@pytest.fixture(scope="session")
def app(shelf: Shelf, limits: Limits) -> FastAPI:
    return create_app(shelf, limits, hosts=["testserver"])


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = ilk.models.ConditionalPixelCNN((1, 48, 48), width=8, depth=2)
    return model.save(tmp_path_factory.mktemp("models") / "large")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes one example."""
    model = ilk.models.ConditionalPixelCNN((1, SIZE, SIZE), width=8, depth=2, shots=1)
    return model.save(tmp_path_factory.mktemp("models") / "single")


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes eight examples."""
    model = ilk.models.ConditionalPixelCNN((1, SIZE, SIZE), width=8, depth=2, shots=8)
    return model.save(tmp_path_factory.mktemp("models") / "eight")


@pytest.fixture(scope="module")
def address(tiny: Path, large: Path, single: Path, eight: Path) -> Iterator[str]:
    """Where a studio of small models answers."""
    listening, hosts, url = listen("127.0.0.1", 0)
    app = create_app(Shelf([str(m) for m in (tiny, large, single, eight)]), hosts=hosts)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield url
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright import sync_api as playwright
    from studio.browser import CHROMIUM, FLAGS, WAIT

    if CHROMIUM is None:
        pytest.skip("no chromium here")
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=WAIT)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address: str) -> Iterator[Visit]:
    from studio.browser import Visit

    visit = Visit(browser, address)
    yield visit
    assert not visit.errors
    assert all(url.startswith((address, "blob:", "data:")) for url in visit.asked)
    visit.page.context.close()


@pytest.fixture
def roomy(visit: Visit) -> Visit:
    """With a model of eight examples: four slots are free."""
    visit.page.select_option("#model", "eight")
    visit.sees("#status", "16 drawn in")
    return visit
