"""What must be the same at both ends: the model, its condition, and the arithmetic.

A decoder recomputes the probabilities that the encoder used, to the last bit. Another processor,
another library or another number of threads may round them otherwise; so a code names all of
these, and is refused where they differ.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..models import Model

__all__ = ["MOST_THREADS", "Platform", "arithmetic", "digest", "fingerprint"]

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
        parts = [platform.system(), platform.machine(), _processor()]
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
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


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
def arithmetic(threads: int, device: torch.device) -> Iterator[None]:
    """A fixed number of threads and no autocast, while probabilities are computed."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_num_threads(before)


def digest(tensors: Mapping[str, Tensor], *texts: str, size: int = 4) -> bytes:
    """BLAKE2b of texts, and of names, types, shapes and bytes of tensors.

    Example:
        >>> digest({"w": torch.zeros(2)}, "a text").hex()
        '...'
        >>> digest({"w": torch.zeros(2)}) == digest({"w": torch.zeros(1, 2)})
        False
    """
    import hashlib

    total = hashlib.blake2b(digest_size=size)
    for text in texts:
        total.update(f"{len(text)}:{text}".encode())
    for name in sorted(tensors):
        t = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {t.dtype} {tuple(t.shape)}".encode())
        total.update(t.flatten().view(torch.uint8).numpy().data)
    return total.digest()


def fingerprint(model: Model) -> str:
    """Digest of a model's config and weights, 16 hexadecimal digits.

    Example:
        >>> import ilk
        >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> fingerprint(model) == fingerprint(model.eval())
        True
    """
    return digest(model.state_dict(), json.dumps(model.config, sort_keys=True), size=8).hex()
