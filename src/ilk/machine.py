"""The machine that this runs on."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

__all__ = ["processor"]


@functools.cache
def processor() -> str:
    """The name of the processor, as far as the system knows one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
