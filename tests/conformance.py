"""The contract: what every model of the package must pass, on tiny images in float64."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

import ilk
from ilk.distributions import Autoregressive
from ilk.models import (
    AttentionPixelCNN,
    ConditionalPixelCNN,
    ContextModel,
    GatedPixelCNN,
    Model,
    PixelSNAIL,
)

TINY = (1, 2, 3)
SMALL = (1, 5, 5)


@dataclass(frozen=True)
class Case:
    """A model of the package: how to build it for images of a shape, and how many levels."""

    name: str
    build: Callable[[tuple[int, int, int]], Model]
    channels: int = 1
    levels: int = 2

    def model(self, height: int, width: int, seed: int = 0) -> Model:
        """The model with random weights, large enough for what it computes to show."""
        torch.manual_seed(seed)
        model = self.build((self.channels, height, width)).double().eval().requires_grad_(False)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(1.5)
        if isinstance(model, ContextModel):
            model.net.logit.copy_(torch.randn_like(model.net.logit))
        return model


def _small(depth: int = 4, **kwargs: object) -> dict[str, object]:
    return {"width": 8, "depth": depth, **kwargs}


def _few_shot(cls: type[Model], **kwargs: object) -> Callable[[tuple[int, int, int]], Model]:
    return lambda shape: cls(shape, **_small(**kwargs))  # type: ignore[arg-type]


_ATTENTION = {"patches": 8, "heads": 2, "summary": 8}
CASES = [
    Case("gated", _few_shot(GatedPixelCNN)),
    Case("gated by label", _few_shot(GatedPixelCNN, labels=3)),
    Case("gated, 3 levels", _few_shot(GatedPixelCNN, levels=3, likelihood="categorical"), 1, 3),
    Case("gated, logistics", _few_shot(GatedPixelCNN, levels=3, likelihood="logistics"), 2, 3),
    Case("snail", _few_shot(PixelSNAIL)),
    Case("snail by label", _few_shot(PixelSNAIL, labels=3)),
    Case("conditional", _few_shot(ConditionalPixelCNN, summary=8)),
    Case("conditional, snail", _few_shot(ConditionalPixelCNN, summary=8, backbone="snail")),
    Case("attention", _few_shot(AttentionPixelCNN, read_at=(2,), **_ATTENTION)),
    Case("attention, two reads", _few_shot(AttentionPixelCNN, read_at=(1, 3), **_ATTENTION)),
    Case(
        "attention, additive",
        _few_shot(AttentionPixelCNN, read_at=(2,), attention="additive", **_ATTENTION),
    ),
    Case(
        "attention, snail",
        _few_shot(AttentionPixelCNN, read_at=(2,), backbone="snail", **_ATTENTION),
    ),
    Case(
        "attention, colour",
        _few_shot(AttentionPixelCNN, read_at=(2,), levels=3, likelihood="logistics", **_ATTENTION),
        3,
        3,
    ),
    Case("context model", lambda shape: ContextModel(shape)),
]
FEW_SHOT = [case for case in CASES if case.model(4, 4).conditioning == "support"]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
few_shot = pytest.mark.parametrize("case", FEW_SHOT, ids=lambda case: case.name)
pytestmark = pytest.mark.usefixtures("float64")


def support_set(
    case: Case, height: int, width: int, k: int = 3, batch: int | None = None
) -> Tensor:
    """Random support images."""
    generator = torch.Generator().manual_seed(7)
    shape = (
        (k, case.channels, height, width)
        if batch is None
        else (batch, k, case.channels, height, width)
    )
    return torch.randint(case.levels, shape, generator=generator)


def conditioned(case: Case, model: Model, height: int, width: int) -> Autoregressive:
    """A distribution of the model, conditioned if it can be."""
    if model.conditioning == "support":
        return model(support_set(case, height, width))
    return model(label=1) if model.conditioning == "label" else model()


def all_images(channels: int, height: int, width: int, levels: int) -> Tensor:
    """Every image there is."""
    values = itertools.product(range(levels), repeat=channels * height * width)
    return torch.tensor(list(values)).view(-1, channels, height, width)


def tiny(case: Case) -> tuple[int, int]:
    """A size at which all images can be listed."""
    return (2, 3) if case.levels**case.channels == 2 else (1, 2)


@every
def test_causal_both_ways(case: Case) -> None:
    size = (5, 5) if not isinstance(case.model(3, 3), ContextModel) else (3, 3)
    seen = None
    for seed in range(3):
        model = case.model(*size, seed=seed)
        report = ilk.check_causality(conditioned(case, model, *size), trials=3, seed=seed)
        assert not report.leaks and not report.crosstalk, str(report)
        seen = report.dependence if seen is None else seen | report.dependence
    count = size[0] * size[1]
    steps = torch.arange(count)
    assert torch.equal(seen, steps[:, None] < steps[None]), "an earlier pixel is never seen"


@every
def test_sums_to_one(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width)
    images = all_images(case.channels, height, width, case.levels)
    assert p.log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-9)


@every
def test_log_prob_is_the_sum_of_its_map(case: Case) -> None:
    p = conditioned(case, case.model(4, 4), 4, 4)
    x = p.sample((2, 3))
    each = p.log_prob_per_dim(x)
    assert each.shape == x.shape and (each <= 0).all()
    assert torch.allclose(each.sum((-1, -2, -3)), p.log_prob(x))


def chi_square(observed: Tensor, expected: Tensor) -> float:
    """Pearson's statistic in standard deviations above its mean, rare cells pooled."""
    rare = expected < 5
    cells = [(observed[~rare], expected[~rare])]
    if rare.any():
        cells.append((observed[rare].sum()[None], expected[rare].sum()[None]))
    o, e = (torch.cat(parts) for parts in zip(*cells, strict=True))
    freedom = len(o) - 1
    return float(((o - e) ** 2 / e).sum() - freedom) / math.sqrt(2 * freedom)


def frequencies(p: Autoregressive, images: Tensor, draws: Tensor) -> Tensor:
    """How often each image was drawn."""
    powers = p.levels ** torch.arange(images[0].numel())
    codes, drawn = (t.flatten(1).long() @ powers for t in (images, draws))
    return torch.stack([(drawn == code).sum() for code in codes]).double()


@every
def test_samples_agree_with_scores(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width)
    images = all_images(case.channels, height, width, case.levels)
    count = 6000
    draws = p.sample((count,), torch.Generator().manual_seed(1))
    expected = count * p.log_prob(images).exp()
    assert chi_square(frequencies(p, images, draws), expected) < 6
    # The same test must notice a sampler that is a little off.
    off = p.sample((count,), torch.Generator().manual_seed(1), temperature=0.7)
    assert chi_square(frequencies(p, images, off), expected) > 6


@every
def test_faces_agree(case: Case) -> None:
    model = case.model(4, 4)
    p = conditioned(case, model, 4, 4)
    x = torch.randint(case.levels, (3, case.channels, 4, 4))
    whole, pixel = p.parameters(x), None
    state = model.net.start(3, (4, 4), p.context)
    for t in range(16):
        parameters, state = model.net.step(pixel, state)
        assert torch.allclose(parameters, whole[..., t // 4, t % 4], atol=1e-10)
        pixel = x[..., t // 4, t % 4]


@every
def test_cached_sampler_equals_the_naive_one(case: Case) -> None:
    p = conditioned(case, case.model(4, 5), 4, 5)
    cached = p.sample((4,), torch.Generator().manual_seed(3))
    assert torch.equal(cached, ilk.naive_sample(p, 4, torch.Generator().manual_seed(3)))
    assert not torch.equal(cached, p.sample((4,), torch.Generator().manual_seed(4)))


@every
def test_state_is_a_value(case: Case) -> None:
    model = case.model(3, 4)
    p = conditioned(case, model, 3, 4)
    state = model.net.start(2, (3, 4), p.context)
    _, state = model.net.step(None, state)
    for _ in range(5):
        _, state = model.net.step(torch.zeros(2, case.channels, dtype=torch.long), state)
    other = torch.ones(2, case.channels, dtype=torch.long)
    first, branch = model.net.step(other, state)
    model.net.step(other, branch)
    again, _ = model.net.step(other, state)
    assert torch.equal(first, again)


@every
def test_completion_is_exact_for_a_suffix(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width)
    images = all_images(case.channels, height, width, case.levels)
    known = torch.zeros(height, width, dtype=torch.bool)
    known.view(-1)[: height * width // 2] = True
    given = images[-1]
    count = 6000
    drawn = p.complete(
        given.expand(count, -1, -1, -1), known, torch.Generator().manual_seed(2)
    ).long()
    assert torch.equal(drawn[..., known], given[..., known].expand(count, -1, -1))
    fits = (images == given).where(known, torch.tensor(True)).all((-1, -2, -3))
    posterior = p.log_prob(images[fits]).softmax(0)
    assert chi_square(frequencies(p, images[fits], drawn), count * posterior) < 6


@every
def test_saved_and_loaded_to_the_last_bit(case: Case, tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float32)
    model = case.build((case.channels, 4, 4)).eval()
    loaded = ilk.load(model.save(tmp_path / "model"))
    assert type(loaded) is type(model) and loaded.config == model.config
    x = torch.randint(case.levels, (2, case.channels, 4, 4))
    p, q = (conditioned(case, m, 4, 4) for m in (model, loaded))
    assert torch.equal(p.log_prob(x), q.log_prob(x))


@few_shot
def test_every_support_item_counts_and_their_order_does_not(case: Case) -> None:
    model, support = case.model(5, 5), support_set(case, 5, 5)
    x = torch.randint(case.levels, (4, case.channels, 5, 5))
    nats = model(support).log_prob(x)
    assert torch.allclose(model(support[[2, 0, 1]]).log_prob(x), nats, atol=1e-10)
    for k in range(len(support)):
        other = support.clone()
        other[k] = (other[k] + 1) % case.levels
        assert (model(other).log_prob(x) - nats).abs().max() > 1e-6
        assert (model(support[torch.arange(3) != k]).log_prob(x) - nats).abs().max() > 1e-6


@few_shot
def test_padding_under_the_mask_does_not_count_and_batched_is_one_by_one(case: Case) -> None:
    model, support = case.model(5, 5), support_set(case, 5, 5, k=4, batch=5)
    shots = torch.arange(5)
    mask = torch.arange(4) < shots[:, None]
    x = torch.randint(case.levels, (3, 5, case.channels, 5, 5))
    nats = model(support, mask).log_prob(x)
    noise = torch.randint(case.levels, support.shape)
    hidden = torch.where(mask[..., None, None, None], support, noise)
    assert torch.allclose(model(hidden, mask).log_prob(x), nats, atol=1e-10)
    for b, k in enumerate(shots.tolist()):
        alone = model(support[b, :k]).log_prob(x[:, b])
        assert torch.allclose(alone, nats[:, b], atol=1e-10)
    nothing = model().log_prob(x[:, 0])
    assert torch.allclose(nothing, nats[:, 0], atol=1e-10)


@few_shot
def test_batched_samples_are_those_of_their_own_condition(case: Case) -> None:
    model, support = case.model(3, 3), support_set(case, 3, 3, k=2, batch=3)
    p = model(support)
    draws = p.sample((5,), torch.Generator().manual_seed(0))
    naive = ilk.naive_sample(p, 5, torch.Generator().manual_seed(0))
    assert draws.shape == (5, 3, case.channels, 3, 3) and torch.equal(draws, naive)
    singly = torch.stack([model(support[b]).log_prob(draws[:, b]) for b in range(3)], dim=1)
    assert torch.allclose(p.log_prob(draws), singly, atol=1e-10)


@few_shot
def test_context_is_made_once_and_kept(case: Case, tmp_path: Path) -> None:
    model, support = case.model(4, 4), support_set(case, 4, 4)
    context = model.context(support)
    context.save(tmp_path / "context.safetensors")
    x = torch.randint(case.levels, (2, case.channels, 4, 4))
    kept = type(context).load(tmp_path / "context.safetensors")
    assert torch.equal(model(context=kept).log_prob(x), model(support).log_prob(x))


def test_the_list_is_complete() -> None:
    tested = {type(case.model(4, 4)).__name__ for case in CASES}
    ours = {name for name, cls in Model.classes.items() if cls.__module__.startswith("ilk.")}
    assert tested == ours
