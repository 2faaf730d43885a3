"""The machine that this runs on."""

from __future__ import annotations

import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

__all__ = ["processor", "threads"]


@functools.cache
def processor() -> str:
    """The name of the processor, as far as the system knows one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads compute what this one asks torch for; afterwards as many as before.

    Those of other threads stay as they are, unless they first call torch meanwhile.

    Example:
        >>> before = torch.get_num_threads()
        >>> with threads(1):
        ...     print(torch.get_num_threads())
        1
        >>> torch.get_num_threads() == before
        True
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
