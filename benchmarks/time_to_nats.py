"""Time to quality: `python -m benchmarks.time_to_nats [--images N ...] [--peer CHECKOUT]`.

A Gated PixelCNN of 10 layers x 64 is trained on static binarised MNIST for so many images, and its
nats are measured on every tenth test image; beside it those of pytorch-generative's GatedPixelCNN
of the same size, by the number of images that it was trained on. Nats by images depend on no
machine. Minutes are of two cores: half of the processor time, which other work on the machine
hardly moves. The peer's rate is stated beside that of a float32 convolution, and scaled by what
the convolution takes here, before and after ours.

The figures of the peer were got with `--peer CHECKOUT`, its source of commit d1f0a5c: its
training script's Adam, 0.001 times 0.9999 a step, in float32, with batches of 32. They end where
that run was ended: `--peer CHECKOUT --images 63000` is its half hour.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import tempfile
import time
import types
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import ilk
from ilk.data import Kinds
from ilk.evaluation import nats
from ilk.precision import choose
from ilk.training import RECIPES, Recipe, train

from .speed import CONVOLUTION_FLOP, DEPTH, WIDTH, Spread, convolution

# Nats an image of the peer on every tenth test image, by images trained on.
PEER = {8_000: 97.08}
# Images a second of the peer on 2 cores, beside so many operations a second of the convolution.
PEER_RATE, BESIDE = 35.0, 342e9
BATCH = 32


def recipe(images: int) -> Recipe:
    """Ours: the recipe `mnist-binary` at that size, with Muon and in small steps."""
    own = replace(RECIPES["mnist-binary"], width=WIDTH, depth=DEPTH, images=images)
    own = replace(own, optimizer="muon", lr=4e-3, batch=8, warmup=50, ema=0.99)
    return replace(own, sample_every=0, checkpoint_every=10**9)


def tenth(kinds: Kinds) -> Kinds:
    """Every tenth image."""
    return Kinds(kinds.images[::10], kinds.kind[::10], kinds.names, kinds.levels, kinds.name)


def ours(images: int, test: Kinds) -> tuple[float, float]:
    """Nats an image after so many images, and the seconds of two cores that they took."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        result = train(recipe(images), folder)
        took = (time.process_time() - began) / 2
        assert result.model is not None
        return nats(ilk.load(result.model), test).nats_per_image, took


def peer_rate() -> float:
    """Images a second of the peer on two cores of this machine, as far as a convolution tells."""
    work = convolution(torch.float32)
    work()
    began = time.process_time()
    work()
    return PEER_RATE * CONVOLUTION_FLOP / ((time.process_time() - began) / 2) / BESIDE


def peer_net(checkout: Path) -> torch.nn.Module:
    """The peer's network, without what its package imports besides."""
    for name in ("", ".models", ".models.autoregressive"):
        package = types.ModuleType(f"pytorch_generative{name}")
        package.__path__ = [str(checkout / package.__name__.replace(".", "/"))]
        sys.modules[package.__name__] = package
    root, models = sys.modules["pytorch_generative"], sys.modules["pytorch_generative.models"]
    vars(root)["nn"] = importlib.import_module("pytorch_generative.nn")
    vars(models)["base"] = importlib.import_module("pytorch_generative.models.base")
    name = "pytorch_generative.models.autoregressive.gated_pixel_cnn"
    module = importlib.import_module(name)
    return module.GatedPixelCNN(n_gated=DEPTH, gated_channels=WIDTH)


def peer(checkout: Path, images: list[int], test: Kinds) -> None:
    """Trains the peer and prints its nats on the way."""
    torch.manual_seed(0)
    net, data = peer_net(checkout), ilk.data.load("mnist-binary").images
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    slower = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9999)

    def loss(x: Tensor) -> Tensor:
        each = F.binary_cross_entropy_with_logits(net(x), x, reduction="none")
        return each.flatten(1).sum(dim=1).mean()

    seen = 0
    for wanted in sorted(images):
        while seen < wanted:
            order = torch.randperm(len(data))
            for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
                optimizer.zero_grad()
                loss(data[chosen].float()).backward()
                optimizer.step()
                slower.step()
                seen += BATCH
                if seen >= wanted:
                    break
        with torch.no_grad():
            found = [float(loss(x.float())) * len(x) for x in test.images.split(100)]
        print(f"peer, {seen:,} images: {sum(found) / len(test.images):.2f} nats", flush=True)


def main() -> None:
    """Prints the table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", help="to train on", default=[1_600])
    parser.add_argument("--peer", type=Path, help="train the peer instead, from this checkout")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    test = tenth(ilk.data.load("mnist-binary", part="test"))
    if options.peer:
        peer(options.peer, options.images, test)
        return
    rates, found = [peer_rate()], {}
    for images in options.images:
        found[images] = ours(images, test)
        rates.append(peer_rate())
    rate = statistics.median(rates)
    print(f"the peer's images/s here: {Spread.of(rates)}; ours in {choose().precision}")
    for images, value in PEER.items():
        print(f"peer, {images:,} images, {images / rate / 60:.2f} minutes: {value:.2f} nats")
        for count, (reached, took) in found.items():
            share = took / (images / rate)
            print(
                f"ours, {count:,} images, {took / 60:.2f} minutes: {reached:.2f} nats,"
                f" {share:.3f} of that time"
            )
    if options.json:
        print(json.dumps({"ours": found, "peer": PEER, "peer_images_per_s": rates}))


if __name__ == "__main__":
    main()
