"""How fast ilk trains and samples on this machine: `python -m benchmarks.speed [--json]`.

Machines are shared and noisy, so every figure is a ratio of two things timed in turn, with its
spread, or stands beside the rate of a plain convolution measured in the same run. The net is the
one that the bars name: 10 gated layers of 64 channels, 28x28 binary images, batches of 32.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ilk.models import AttentionPixelCNN, GatedPixelCNN, Model

SHAPE, DEPTH, WIDTH, BATCH = (1, 28, 28), 10, 64, 32
PIXELS = SHAPE[1] * SHAPE[2]


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest of repeated measurements."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: list[float]) -> Spread:
        """The spread of some values."""
        return Spread(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:9.3g}   ({self.low:.3g} .. {self.high:.3g})"


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turn(works: list[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Seconds of several works, timed in turn after a warm-up: a list for each."""
    for work in works:
        work()
    rounds = [[seconds(work) for work in works] for _ in range(repeats)]
    return [list(column) for column in zip(*rounds, strict=True)]


def gated() -> Model:
    """The net that the bars name."""
    torch.manual_seed(0)
    return GatedPixelCNN(SHAPE, width=WIDTH, depth=DEPTH)


def attentive() -> Model:
    """The same net, reading a support set."""
    torch.manual_seed(0)
    return AttentionPixelCNN(SHAPE, width=WIDTH, depth=DEPTH, read_at=(DEPTH // 2,))


def training_step(model: Model, queries: Tensor, support: Tensor | None) -> Callable[[], None]:
    """A whole step, optimiser included, under bfloat16 autocast."""
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            p = model() if support is None else model(support)
            loss = -p.log_prob(queries).mean() / model.dims
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def convolution(dtype: torch.dtype = torch.bfloat16) -> Callable[[], None]:
    """Forward and backward of a 3x3 convolution of 64 channels."""
    conv = torch.nn.Conv2d(WIDTH, WIDTH, 3, padding=1).to(dtype)
    conv = conv.to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, WIDTH, *SHAPE[1:]).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()

    def work() -> None:
        for _ in range(10):
            y = conv(x)
            y.backward(y.detach())

    return work


CONVOLUTION_FLOP = 10 * 3 * 2 * WIDTH * WIDTH * 9 * PIXELS * BATCH


def backbone_flop() -> int:
    """Operations of the convolutions of a training step of the gated net."""
    weights = sum(w.numel() for w in gated().net.parameters() if w.ndim == 4)
    return 3 * 2 * weights * PIXELS * BATCH


def images(*shape: int) -> Tensor:
    """Random binary images."""
    return torch.randint(2, (*shape, *SHAPE), dtype=torch.uint8)


def training(repeats: int) -> dict[str, Spread]:
    """Training: images a second, beside a convolution's rate, and what attention costs."""
    plain = training_step(gated(), images(BATCH), None)
    shared = training_step(attentive(), images(4, BATCH // 4), images(BATCH // 4, 4))
    single = training_step(attentive(), images(1, BATCH), images(BATCH, 4))
    conv_s, plain_s, shared_s, single_s = in_turn([convolution(), plain, shared, single], repeats)
    pairs = list(zip(conv_s, plain_s, shared_s, single_s, strict=True))
    share = backbone_flop() / CONVOLUTION_FLOP
    return {
        "convolution_gflop_per_s": Spread.of([CONVOLUTION_FLOP / c / 1e9 for c in conv_s]),
        "train_images_per_s": Spread.of([BATCH / s for s in plain_s]),
        "train_share_of_convolution_rate": Spread.of([share * c / s for c, s, _, _ in pairs]),
        # pytorch-generative's net: 39 images/s beside a convolution rate of 700 GFLOP/s.
        "train_ratio_to_pytorch_generative": Spread.of(
            [BATCH / s / (39 * CONVOLUTION_FLOP / c / 700e9) for c, s, _, _ in pairs]
        ),
        "attention_step_ratio": Spread.of([a / s for _, s, a, _ in pairs]),
        "attention_step_ratio_one_query_a_set": Spread.of([a / s for _, s, _, a in pairs]),
    }


def sampling(repeats: int) -> dict[str, Spread]:
    """Sampling through `step`, beside forward passes of the same batch."""
    p = gated().eval()()

    def forward(count: int) -> Callable[[], object]:
        batch = images(count)
        return torch.inference_mode()(lambda: p.parameters(batch))

    def sample(count: int) -> Callable[[], object]:
        return lambda: p.sample((count,))

    result = {}
    for count in (1, 16, 64):
        sample_s, forward_s = in_turn([sample(count), forward(count)], repeats)
        ratios = [s / f for s, f in zip(sample_s, forward_s, strict=True)]
        result[f"sample_{count}_s"] = Spread.of(sample_s)
        result[f"sample_{count}_forward_ratio"] = Spread.of(ratios)
        # The naive loop makes one forward pass a pixel.
        result[f"sample_{count}_naive_ratio"] = Spread.of([PIXELS / r for r in ratios])
    return result


def peak_megabytes() -> float:
    """Most memory that this process has held since it began (Linux)."""
    # Not ru_maxrss: a child inherits that of the process that it was forked from.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def memory() -> dict[str, Spread]:
    """What sampling 256 images adds to the memory of the import, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed", "--memory"]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return {"sample_256_megabytes_above_import": Spread.of([float(done.stdout)])}


def main() -> None:
    """Measures, prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--out", type=Path, help="also write the JSON to this file")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of every comparison")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        before = peak_megabytes()
        gated().eval()().sample((256,))
        print(peak_megabytes() - before)
        return
    figures = training(arguments.repeats) | sampling(arguments.repeats) | memory()
    for name, spread in figures.items():
        print(f"{name:38} {spread}")
    machine = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    report = {name: spread.median for name, spread in figures.items()}
    line = json.dumps(report | machine | {"spread": {k: asdict(v) for k, v in figures.items()}})
    if arguments.out:
        arguments.out.write_text(line + "\n")
    if arguments.json:
        print(line)


if __name__ == "__main__":
    main()
