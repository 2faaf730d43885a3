"""Fixtures for every test: seeds, float64, no network, and real data where there is some."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

Address = tuple | str | bytes


def _is_local(address: Address) -> bool:
    """True for a Unix socket and for a loopback host."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _local_only(connect: Callable) -> Callable:
    def guarded(self: socket.socket, address: Address) -> object:
        if not _is_local(address):
            raise PermissionError(f"a test tried to reach {address!r}; tests only use loopback")
        return connect(self, address)

    return guarded


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    patch = pytest.MonkeyPatch()
    for name in ("connect", "connect_ex"):
        patch.setattr(socket.socket, name, _local_only(getattr(socket.socket, name)))
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Seed all generators before a test, and leave the global state as it was found."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    dtype = torch.get_default_dtype()
    yield
    torch.set_default_dtype(dtype)


@pytest.fixture
def float64() -> Iterator[torch.dtype]:
    """Make float64 the default dtype of one test."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch.float64
    torch.set_default_dtype(before)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded generator."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data, ``ILK_DATA``."""
    root = os.environ.get("ILK_DATA")
    if not root:
        pytest.skip("ILK_DATA is not set")
    return Path(root)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests that need real data where ``ILK_DATA`` names none."""
    if os.environ.get("ILK_DATA"):
        return
    skip = pytest.mark.skip(reason="needs real data: set ILK_DATA")
    for item in items:
        if item.get_closest_marker("data"):
            item.add_marker(skip)
