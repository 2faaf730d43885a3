"""What must be the same at both ends beside model and condition: the arithmetic.

A decoder recomputes the probabilities that the encoder used, to the last bit. Another processor,
another library or another number of threads may round them otherwise; so a code names all of
these, and is refused where they differ.
"""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import torch

from ..machine import processor, threads

__all__ = ["MOST_THREADS", "Platform", "arithmetic"]

MOST_THREADS = 256


@dataclass(frozen=True)
class Platform:
    """Where probabilities are computed.

    Attributes:
        machine: System, processor, instructions and device.
        libraries: Versions, and the precision of matrix products.
    """

    machine: str
    libraries: str

    @staticmethod
    def here(device: torch.device) -> Platform:
        """The present one.

        Example:
            >>> Platform.here(torch.device("cpu")).libraries
            'ilk ..., torch ..., constriction ..., products in highest'
        """
        parts = [platform.system(), platform.machine(), processor()]
        parts.append(torch.backends.cpu.get_cpu_capability())
        if device.type == "cuda":
            parts.append(torch.cuda.get_device_name(device))
        elif device.type != "cpu":
            parts.append(device.type)
        names = ("ilk", "torch", "constriction")
        versions = [f"{name} {_version(name)}" for name in names]
        versions.append(f"products in {torch.get_float32_matmul_precision()}")
        return Platform(", ".join(parts), ", ".join(versions))


@functools.cache
def _version(name: str) -> str:
    if name == "ilk":
        from .. import __version__

        return __version__
    if name == "torch":
        return torch.__version__
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


@contextmanager
def arithmetic(number: int, device: torch.device) -> Iterator[None]:
    """A fixed number of threads and no autocast, while probabilities are computed."""
    with threads(number), torch.autocast(device.type, enabled=False):
        yield
