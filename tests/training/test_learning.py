"""A run comes near entropies that are known exactly."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from training.toys import tiny

import ilk
from ilk.data.kinds import Kinds
from ilk.training import train
from ilk.training.batches import validation_batch
from ilk.training.objective import score

FLIP = 0.1


def entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


def chains(count: int, seed: int) -> Kinds:
    """A fair first pixel, every other like the one before it in raster order, or flipped."""
    generator = torch.Generator().manual_seed(seed)
    flips = torch.rand(count, 16, generator=generator) < FLIP
    flips[:, 0] = torch.rand(count, generator=generator) < 0.5
    pixels = (flips.cumsum(dim=1) % 2).to(torch.uint8).reshape(count, 1, 4, 4)
    return Kinds(pixels, torch.arange(count) // 100, _names(count // 100), 2, "chains")


def papers(count: int, seed: int) -> Kinds:
    """2 x 2 images; a kind is dark or light, by a fair coin, up to flips of single pixels."""
    generator = torch.Generator().manual_seed(seed)
    dark = torch.rand(count, 1, 1, 1, 1, generator=generator) < 0.5
    flips = torch.rand(count, 20, 1, 2, 2, generator=generator) < FLIP
    pixels = (dark ^ flips).to(torch.uint8).flatten(0, 1)
    kind = torch.arange(count).repeat_interleave(20)
    return Kinds(pixels, kind, _names(count), 2, "papers")


def papers_entropy(shots: int) -> float:
    """Exact nats a pixel of a new image given `shots` others, by enumeration of ink counts."""

    def log_p(n: int, ink: int) -> float:  # of n given pixels of which `ink` are dark
        dark = (1 - FLIP) ** ink * FLIP ** (n - ink)
        return math.log((dark + FLIP**ink * (1 - FLIP) ** (n - ink)) / 2)

    total, seen = 0.0, 4 * shots
    for s, x in itertools.product(range(seen + 1), range(5)):
        weight = math.comb(seen, s) * math.comb(4, x) * math.exp(log_p(seen + 4, s + x))
        total -= weight * (log_p(seen + 4, s + x) - log_p(seen, s))
    return total / 4


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"kind {k}" for k in range(count))


def test_a_chain_is_learned_to_its_entropy(tmp_path):
    train_set, valid = chains(20_000, seed=0), chains(5_000, seed=1)
    known = (math.log(2) + 15 * entropy(FLIP)) / 16
    recipe = tiny(
        model="gated", width=16, dropout=0.0, batch=64, steps=300, lr=0.01, warmup=20,
        checkpoint_every=300, log_every=50, queries=1, ema=0.98,
    )  # fmt: skip
    losses = []

    def note(progress):
        if progress.nats_per_dim is not None:
            losses.append(progress.nats_per_dim)

    result = train(recipe, tmp_path, note, kinds=(train_set, valid))
    assert losses[0] > losses[-1]
    model = ilk.load(result.model)
    with torch.no_grad():
        nats = -model().log_prob(valid.images).mean().item() / 16
    assert known - 0.005 < nats < known + 0.015


def test_a_support_set_is_used_to_the_entropy_it_leaves(tmp_path):
    train_set, valid = papers(400, seed=0), papers(400, seed=1)
    known = sum(papers_entropy(k) for k in range(3)) / 3
    assert papers_entropy(2) < papers_entropy(0) - 0.1
    recipe = tiny(
        model="conditional", width=16, dropout=0.0, batch=64, queries=4, steps=300, lr=0.01,
        warmup=20, checkpoint_every=300, log_every=50, ema=0.98,
    )  # fmt: skip
    result = train(recipe, tmp_path, kinds=(train_set, valid))
    nats = score(ilk.load(result.model), validation_batch(recipe, valid, 1000), 1000)
    assert known - 0.012 < nats < known + 0.025


def test_bfloat16_learns_too(tmp_path):
    recipe = tiny(
        model="gated", width=16, dropout=0.0, batch=64, steps=150, lr=0.01, warmup=10,
        precision="bf16", checkpoint_every=150, log_every=50, queries=1, ema=0.9,
    )  # fmt: skip
    result = train(recipe, tmp_path, kinds=(chains(10_000, seed=0), chains(2_000, seed=1)))
    known = (math.log(2) + 15 * entropy(FLIP)) / 16
    assert result.valid_nats_per_dim == pytest.approx(known, abs=0.06)


def test_labels_are_learned(tmp_path):
    generator = torch.Generator().manual_seed(0)
    kind = torch.arange(3).repeat_interleave(100)
    rate = torch.tensor([0.1, 0.5, 0.9])[kind][:, None, None, None]
    pixels = (torch.rand(300, 1, 2, 2, generator=generator) < rate).to(torch.uint8)
    kinds = Kinds(pixels, kind, _names(3), 2, "inks")
    recipe = tiny(
        model="gated", by_label=True, dropout=0.0, batch=64, queries=1, steps=150, lr=0.02,
        checkpoint_every=150, log_every=50, ema=0.9,
    )  # fmt: skip
    model = ilk.load(train(recipe, tmp_path, kinds=(kinds, None)).model)
    ink = model(label=torch.arange(3)).sample((500,)).float().mean(dim=(0, 2, 3, 4))
    assert torch.allclose(ink, torch.tensor([0.1, 0.5, 0.9]), atol=0.08)
