"""A studio with a tiny model of random weights, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import ilk

pytest.importorskip("fastapi", reason="needs the extra `studio`")

from fastapi import FastAPI
from fastapi.testclient import TestClient

from ilk.studio import Limits, Shelf, create_app

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
