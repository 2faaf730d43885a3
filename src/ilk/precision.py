"""Which precision a network runs in: the one asked for, or the one this machine is quicker in.

A processor without instructions for bfloat16 computes in it all the same, several times slower
than in float32.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

__all__ = ["PRECISIONS", "Choice", "Precision", "Probe", "Settled", "choose"]

Precision = Literal["auto", "bf16", "float32"]
Settled = Literal["bf16", "float32"]
PRECISIONS = ("auto", "bf16", "float32")

# What oneDNN, which computes convolutions, is told to leave unused.
LIMITS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
ROUNDS = 5


@dataclass(frozen=True)
class Choice:
    """A precision, why it is the one, and whether the other is known to be quicker."""

    precision: Settled
    why: str
    slow: bool = False

    def __str__(self) -> str:
        return f"precision {self.precision}: {self.why}"


@dataclass(frozen=True)
class Probe:
    """What is asked of a device before a precision is chosen.

    Arguments:
        native: Whether it has instructions for bfloat16 that are known to be quick; None for some
            that may be. The text names them, or says what is missing.
        seconds: Forward and backward of a small convolution in a precision.
    """

    native: Callable[[torch.device], tuple[bool | None, str]]
    seconds: Callable[[torch.device], dict[Settled, float]]


def choose(
    wanted: Precision = "auto",
    device: str | torch.device = "cpu",
    probe: Probe | None = None,
) -> Choice:
    """The precision to run a network in.

    `auto` is bfloat16 where the device has instructions for it that are quick, float32 where it
    has none, and where that is not sure the one in which a convolution takes less time.

    Arguments:
        wanted: `auto`, or the precision itself.
        device: Where the network runs.
        probe: What the device is asked; the device itself by default.

    Raises:
        ValueError: If there is no such precision.

    Example:
        >>> old = Probe(lambda device: (False, "no bfloat16 instructions"), lambda device: {})
        >>> print(choose(probe=old))
        precision float32: no bfloat16 instructions
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision: wanted {' or '.join(PRECISIONS)}, got {wanted!r}")
    probe, where = probe or HERE, torch.device(device)
    if wanted == "float32":
        return Choice("float32", "as asked for")
    native, what = probe.native(where)
    if wanted == "bf16":
        but = f", with {what}: float32 is several times quicker" if native is False else ""
        return Choice("bf16", "as asked for" + but, native is False)
    if native is not None:
        return Choice("bf16" if native else "float32", what)
    took = probe.seconds(where)
    best = min(took, key=took.__getitem__) if took else "float32"
    times = " and ".join(f"{1000 * s:.1f} ms in {name}" for name, s in took.items())
    return Choice(best, f"a small convolution takes {times or 'no time'} here ({what})")


def _native(device: torch.device) -> tuple[bool | None, str]:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return True, "the accelerator has bfloat16"
        return False, "no bfloat16 on this accelerator"
    if device.type != "cpu":
        return None, f"device {device.type}"
    limit = next((name for name in LIMITS if os.environ.get(name)), None)
    if limit is not None:
        return None, f"{limit} is set"
    if _says(torch.cpu, "_is_amx_tile_supported"):
        return True, "the processor has AMX"
    if _says(torch.cpu, "_is_avx512_bf16_supported"):
        return None, "AVX-512 BF16"
    x86 = _says(torch.cpu, "_is_avx2_supported")
    if not x86 and _says(torch.ops.mkldnn, "_is_mkldnn_bf16_supported"):
        return None, "bfloat16 instructions of ARM"
    return False, "no bfloat16 instructions on this processor"


def _says(module: object, question: str) -> bool:
    """The answer to a question that not every build of PyTorch knows."""
    try:
        return bool(getattr(module, question)())
    except (AttributeError, RuntimeError):
        return False


@functools.cache
def _seconds(device: torch.device) -> dict[Settled, float]:
    """The quickest of several turns; a precision that the device can't do is not among them."""
    dtypes: dict[Settled, torch.dtype] = {"float32": torch.float32, "bf16": torch.bfloat16}
    took: dict[Settled, float] = {}
    with torch.inference_mode(False), torch.enable_grad():
        for name, dtype in dtypes.items():
            try:
                work = _convolution(device, dtype)
                took[name] = min([_time(work) for _ in range(ROUNDS)])
            except (RuntimeError, TypeError, NotImplementedError):
                continue
    return took


def _convolution(device: torch.device, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    """Forward and backward of a 3x3 convolution of 64 channels."""

    def ones(*shape: int) -> torch.Tensor:
        x = torch.ones(shape, device=device, dtype=dtype)
        return x.contiguous(memory_format=torch.channels_last).requires_grad_()

    x, weight = ones(8, 64, 26, 26), ones(64, 64, 3, 3)

    def work() -> torch.Tensor:
        y = torch.nn.functional.conv2d(x, weight, padding=1)
        return torch.autograd.grad(y, (x, weight), y.detach())[0]

    return work


def _time(work: Callable[[], torch.Tensor]) -> float:
    began = time.perf_counter()
    float(work()[0, 0, 0, 0])  # waits until it is done
    return time.perf_counter() - began


HERE = Probe(_native, _seconds)
