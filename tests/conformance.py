"""The contract: what every model of the package must pass, on tiny images in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from helpers import FALSE_ALARM, all_images, chance, frequencies
from torch import Tensor

import ilk
from ilk.distributions import Autoregressive
from ilk.models import (
    AttentionPixelCNN,
    ConditionalPixelCNN,
    ContextModel,
    GatedPixelCNN,
    MetaPixelCNN,
    Model,
    PixelCNNpp,
    PixelSNAIL,
    RecallPixelCNN,
)
from ilk.models.backbones import BACKBONES


@dataclass(frozen=True)
class Case:
    """A model of the package: how to build it for images of a shape, and how many levels."""

    name: str
    build: Callable[[tuple[int, int, int]], Model]
    channels: int = 1
    levels: int = 2

    def __str__(self) -> str:
        return self.name

    def model(self, height: int, width: int, seed: int = 0) -> Model:
        """The model with random weights, large enough for what it computes to show."""
        torch.manual_seed(seed)
        model = self.build((self.channels, height, width)).double().eval().requires_grad_(False)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.mul_(2.5 if "head" in name else 1.5)
                weight.add_(0.1 * torch.randn_like(weight))  # what begins at zero shows too
        if isinstance(model, ContextModel):
            model.net.logit.copy_(torch.randn_like(model.net.logit))
        return model


def _few_shot(cls: type[Model], **kwargs: object) -> Callable[[tuple[int, int, int]], Model]:
    # A depth of 1 is six residuals there.
    many = cls is PixelCNNpp or kwargs.get("backbone") == "pixelcnnpp"
    kwargs = {"width": 8, "depth": 1 if many else 4, **kwargs}
    return lambda shape: cls(shape, **kwargs)  # type: ignore[arg-type]


def _meta(base: type[Model], steps: int = 1, **kwargs: object) -> Callable[..., Model]:
    """Gradient steps large enough for every support image to show."""
    wrapped = _few_shot(base, **kwargs)
    return lambda shape: MetaPixelCNN(wrapped(shape), layer=2, steps=steps, step_size=1.0)


_ATTENTION = {"patches": 12, "heads": 2, "summary": 8}
_BINARY = {"levels": 2, "likelihood": "bernoulli"}
_READ = {"read_at": (2,)}
_SNAIL_READ = {"backbone": "snail", **_ATTENTION}
CASES = [
    Case("gated", _few_shot(GatedPixelCNN)),
    Case("gated by label", _few_shot(GatedPixelCNN, labels=3)),
    Case("gated, 3 levels", _few_shot(GatedPixelCNN, levels=3, likelihood="categorical"), 1, 3),
    Case("gated, logistics", _few_shot(GatedPixelCNN, levels=3, likelihood="logistics"), 2, 3),
    Case("snail", _few_shot(PixelSNAIL)),
    Case("snail by label", _few_shot(PixelSNAIL, labels=3)),
    Case("snail, 3 levels", _few_shot(PixelSNAIL, levels=3, likelihood="categorical"), 1, 3),
    Case("snail, logistics", _few_shot(PixelSNAIL, levels=3, likelihood="logistics"), 2, 3),
    Case("pixelcnn++", _few_shot(PixelCNNpp, **_BINARY)),
    Case("pixelcnn++ by label", _few_shot(PixelCNNpp, labels=3, **_BINARY)),
    Case("pixelcnn++, 3 levels", _few_shot(PixelCNNpp, levels=3, likelihood="categorical"), 1, 3),
    Case("pixelcnn++, colour", _few_shot(PixelCNNpp, levels=2), 3, 2),
    Case(
        "conditional, pixelcnn++",
        _few_shot(ConditionalPixelCNN, summary=8, backbone="pixelcnnpp", depth=1),
    ),
    Case("conditional", _few_shot(ConditionalPixelCNN, summary=8)),
    Case("conditional, snail", _few_shot(ConditionalPixelCNN, summary=8, backbone="snail")),
    Case(
        "conditional, 3 levels",
        _few_shot(ConditionalPixelCNN, summary=8, levels=3, likelihood="categorical"),
        1,
        3,
    ),
    Case(
        "conditional, colour",
        _few_shot(ConditionalPixelCNN, summary=8, levels=2, likelihood="logistics"),
        3,
        2,
    ),
    Case("conditional, normed", _few_shot(ConditionalPixelCNN, summary=8, norm=True)),
    Case("attention", _few_shot(AttentionPixelCNN, read_at=(2,), **_ATTENTION)),
    Case(
        "attention, fine, local, normed",
        _few_shot(AttentionPixelCNN, patch=2, local=True, norm=True, **_READ, **_ATTENTION),
    ),
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
        "attention, snail, additive, 3 levels, two reads",
        _few_shot(
            AttentionPixelCNN,
            read_at=(1, 3),
            backbone="snail",
            attention="additive",
            levels=3,
            likelihood="categorical",
            **_ATTENTION,
        ),
        1,
        3,
    ),
    Case(
        "attention, colour",
        _few_shot(AttentionPixelCNN, read_at=(2,), levels=3, likelihood="logistics", **_ATTENTION),
        3,
        3,
    ),
    Case("attention, local", _few_shot(AttentionPixelCNN, local=True, **_READ, **_ATTENTION)),
    Case(
        "attention, pixelcnn++",
        _few_shot(AttentionPixelCNN, read_at=(1, 2), backbone="pixelcnnpp", **_ATTENTION),
    ),
    Case(
        "attention, pixelcnn++, additive",
        _few_shot(
            AttentionPixelCNN,
            read_at=(2,),
            backbone="pixelcnnpp",
            attention="additive",
            **_ATTENTION,
        ),
    ),
    Case("attention, fine patches", _few_shot(AttentionPixelCNN, patch=1, **_READ, **_ATTENTION)),
    Case(
        "attention, local, with a margin",
        _few_shot(AttentionPixelCNN, patch=1, local=True, margin=1, **_READ, **_ATTENTION),
    ),
    Case("gated, nowhere", _few_shot(GatedPixelCNN, place=False)),
    Case("meta", _meta(GatedPixelCNN)),
    Case("meta, two steps, snail", _meta(PixelSNAIL, steps=2)),
    Case(
        "meta, 3 levels",
        _meta(GatedPixelCNN, levels=3, likelihood="categorical"),
        1,
        3,
    ),
    Case("meta, colour", _meta(GatedPixelCNN, levels=2, likelihood="logistics"), 3, 2),
    Case("meta, pixelcnn++", _meta(PixelCNNpp, **_BINARY)),
    Case("conditional meta", _meta(ConditionalPixelCNN, summary=8)),
    Case("attention meta", _meta(AttentionPixelCNN, **_READ, **_ATTENTION)),
    Case("attention meta, normed", _meta(AttentionPixelCNN, norm=True, **_READ, **_ATTENTION)),
    Case("recall, normed", _few_shot(RecallPixelCNN, read_at=(2,), norm=True, **_ATTENTION)),
    Case("recall", _few_shot(RecallPixelCNN, read_at=(2,), **_ATTENTION)),
    Case("recall, carried", _few_shot(RecallPixelCNN, read_at=(2,), carry=True, **_ATTENTION)),
    Case(
        "recall, pixelcnn++, carried",
        _few_shot(RecallPixelCNN, read_at=(1, 2), carry=True, backbone="pixelcnnpp", **_ATTENTION),
    ),
    Case(
        "attention, two reads, carried",
        _few_shot(AttentionPixelCNN, read_at=(1, 3), carry=True, **_ATTENTION),
    ),
    Case("recall, twice", _few_shot(RecallPixelCNN, read_at=(1, 3), **_ATTENTION)),
    Case("recall, snail, coarse", _few_shot(RecallPixelCNN, read_at=(1,), patch=4, **_SNAIL_READ)),
    Case(
        "recall, pixelcnn++",
        _few_shot(RecallPixelCNN, read_at=(2,), backbone="pixelcnnpp", **_ATTENTION),
    ),
    Case(
        "recall, 3 levels",
        _few_shot(RecallPixelCNN, read_at=(2,), levels=3, likelihood="categorical", **_ATTENTION),
        1,
        3,
    ),
    Case(
        "recall, colour",
        _few_shot(RecallPixelCNN, read_at=(2,), levels=3, likelihood="logistics", **_ATTENTION),
        3,
        3,
    ),
    Case("context model", lambda shape: ContextModel(shape)),
]
FEW_SHOT = [c for c in CASES if c.build((c.channels, 4, 4)).conditioning == "support"]

every = pytest.mark.parametrize("case", CASES, ids=str)
few_shot = pytest.mark.parametrize("case", FEW_SHOT, ids=str)
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


def conditions(case: Case, model: Model, height: int, width: int) -> dict[str, Autoregressive]:
    """Distributions of a model under every sort of condition that it takes."""
    if model.conditioning == "none":
        return {"none": model()}
    if model.conditioning == "label":
        return {"a label": model(label=2), "labels": model(label=torch.tensor([0, 2, 0]))}
    batch = support_set(case, height, width, batch=3)
    mask = torch.tensor([[False] * 3, [False, True, False], [True] * 3])
    return {
        "no shots": model(),
        "one shot": model(batch[0, :1]),
        "three shots": model(batch[0]),
        "a masked batch": model(batch, mask),
        "guided": model(batch[0]).guided(0.5),
        "a masked batch, guided": model(batch, mask).guided(1.5),
    }


def tiny(case: Case) -> tuple[int, int]:
    """A size at which all images can be listed."""
    return {2: (2, 3), 3: (2, 2)}.get(case.levels**case.channels, (1, 2))


def before(count: int) -> Tensor:
    """Which pixel `[s, t]` comes before which."""
    return torch.ones(count, count, dtype=torch.bool).triu(1)


@every
def test_causal_both_ways(case: Case) -> None:
    # A table of patterns of the nearest pixels reaches only so far.
    size = (3, 3) if "context" in case.name else (5, 5)
    seen = torch.zeros(1, dtype=torch.bool)
    for seed in range(3):
        model = case.model(*size, seed=seed)
        report = ilk.check_causality(conditioned(case, model, *size), trials=3, seed=seed)
        assert not report.leaks and not report.crosstalk, str(report)
        seen = seen | report.dependence
    assert torch.equal(seen, before(len(seen))), "an earlier pixel is never seen"


@pytest.mark.parametrize("case", [c for c in CASES if "context" not in c.name], ids=str)
def test_gradients_come_from_earlier_pixels_alone_and_from_each_of_them(case: Case) -> None:
    seen = torch.zeros(1, dtype=torch.bool)
    for seed in range(3):
        model = case.model(5, 5, seed=seed)
        p = conditioned(case, model, 5, 5)
        x = torch.randint(case.levels, (case.channels, 5, 5)).double()
        # Image t of the batch, all alike, is asked about pixel t.
        batch = x.expand(25, -1, -1, -1).clone().requires_grad_()
        theta = p.net(batch, p.context).flatten(2)
        asked = theta * torch.randn_like(theta) * torch.eye(25)[:, None]
        (gradient,) = torch.autograd.grad(asked.sum(), batch, retain_graph=True)
        seen = seen | (gradient.flatten(2).permute(1, 2, 0) != 0)
        (gradient,) = torch.autograd.grad(theta[7].sum(), batch)
        assert gradient[7].any() and not gradient[torch.arange(25) != 7].any(), "crosstalk"
    assert torch.equal(seen, before(25).expand(case.channels, -1, -1))


@every
def test_no_value_is_told_of_itself_or_a_later_one(case: Case) -> None:
    size, channels = 3, case.channels
    p = conditioned(case, case.model(size, size), size, size)
    count = size * size * channels
    values = torch.randint(case.levels, (count,))
    others = values.repeat(count + 1, 1)
    others[:count] = torch.where(
        torch.eye(count, dtype=torch.bool), (values + 1) % case.levels, values
    )
    images = others.view(-1, size, size, channels).movedim(-1, 1)
    nats = p.log_prob_per_dim(images).movedim(1, -1).flatten(1)
    moved = (nats[:count] - nats[count]).abs() > 1e-12
    assert not (moved & before(count).t()).any()


@every
def test_sums_to_one(case: Case) -> None:
    height, width = tiny(case)
    images = all_images(case.channels, height, width, case.levels)
    for name, p in conditions(case, case.model(height, width), height, width).items():
        batch = p.batch_shape.numel()
        each = images[:, None].expand(-1, batch, -1, -1, -1) if p.batch_shape else images
        total = p.log_prob(each).exp().sum(0)
        assert total.shape == p.batch_shape
        assert torch.allclose(total, torch.ones_like(total), atol=1e-9), name


@few_shot
def test_guided_is_the_product_of_its_conditionals_normalised(case: Case) -> None:
    height, width = tiny(case)
    model = case.model(height, width)
    p, free = model(support_set(case, height, width)), model()
    images = all_images(case.channels, height, width, case.levels)
    for weight in (-0.5, 0.5, 2.0):
        guided = p.guided(weight)
        wanted = _product(p, free, images, weight)
        assert torch.allclose(guided.log_prob_per_dim(images), wanted, atol=1e-9)
    assert torch.allclose(p.guided(-1).log_prob(images), free.log_prob(images))
    assert p.guided(0) is p


def _product(p: Autoregressive, free: Autoregressive, images: Tensor, weight: float) -> Tensor:
    """By its definition: the other values of each channel are scored one by one."""
    found = torch.zeros(images.shape)
    for place in torch.cartesian_prod(*map(torch.arange, images.shape[1:])).tolist():
        at = (..., *place)
        every = images.repeat(p.levels, 1, 1, 1)
        every[at] = torch.arange(p.levels).repeat_interleave(len(images))
        nats = [q.log_prob_per_dim(every)[at].view(p.levels, -1) for q in (p, free)]
        log_p = (nats[0] + weight * (nats[0] - nats[1])).log_softmax(dim=0)
        found[at] = log_p.gather(0, images[at].long()[None])[0]
    return found


@few_shot
def test_guided_samples_scores_and_codes_agree(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width).guided(1.0)
    images = all_images(case.channels, height, width, case.levels)
    count = 20_000
    draws = p.sample((count,), torch.Generator().manual_seed(1))
    expected = count * p.log_prob(images).exp()
    assert chance(frequencies(p, images, draws), expected) > FALSE_ALARM
    few = draws[:3]
    assert torch.equal(
        p.sample((3,), torch.Generator().manual_seed(2)),
        ilk.naive_sample(p, 3, torch.Generator().manual_seed(2)),
    )
    assert torch.equal(p.decode(p.encode(few)), few)


@every
def test_log_prob_is_the_sum_of_its_map(case: Case) -> None:
    p = conditioned(case, case.model(4, 4), 4, 4)
    x = p.sample((2, 3))
    each = p.log_prob_per_dim(x)
    assert each.shape == x.shape and (each <= 0).all()
    assert torch.allclose(each.sum((-1, -2, -3)), p.log_prob(x))
    assert p.log_prob_per_dim(x[:, :0]).shape == x[:, :0].shape and p.log_prob(x[:0]).numel() == 0


@every
def test_samples_agree_with_scores(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width)
    images = all_images(case.channels, height, width, case.levels)
    count = 20_000
    draws = p.sample((count,), torch.Generator().manual_seed(1))
    expected = count * p.log_prob(images).exp()
    assert chance(frequencies(p, images, draws), expected) > FALSE_ALARM
    # The same test must notice a sampler that is a little off.
    off = p.sample((count,), torch.Generator().manual_seed(1), temperature=0.8)
    assert chance(frequencies(p, images, off), expected) < FALSE_ALARM


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
    x = torch.randint(case.levels, (2, case.channels, 3, 4))
    pixels = [None, *x.flatten(2).unbind(-1)]
    states = [model.net.start(2, (3, 4), p.context)]
    for pixel in pixels[:12]:
        states.append(model.net.step(pixel, states[-1])[1])
    # From every state that was kept, latest first, as if another image had been written.
    for t in range(11, 0, -1):
        branch = x.clone()
        branch[..., (t - 1) // 4, (t - 1) % 4] = 0
        parameters, _ = model.net.step(torch.zeros_like(x[..., 0, 0]), states[t])
        assert torch.allclose(parameters, p.parameters(branch)[..., t // 4, t % 4], atol=1e-10)


@every
def test_completion_is_exact_for_a_suffix(case: Case) -> None:
    height, width = tiny(case)
    p = conditioned(case, case.model(height, width), height, width)
    images = all_images(case.channels, height, width, case.levels)
    known = torch.zeros(height, width, dtype=torch.bool)
    known.view(-1)[: height * width // 2] = True
    given, count = images[-1], 6000
    drawn = p.complete(
        given.expand(count, -1, -1, -1), known, torch.Generator().manual_seed(2)
    ).long()
    assert torch.equal(drawn[..., known], given[..., known].expand(count, -1, -1))
    fits = (images == given).where(known, torch.tensor(True)).all((-1, -2, -3))
    posterior = p.log_prob(images[fits]).softmax(0)
    assert chance(frequencies(p, images[fits], drawn), count * posterior) > FALSE_ALARM


@every
def test_completion_keeps_every_known_pixel_and_draws_the_rest_in_turn(case: Case) -> None:
    for p in conditions(case, case.model(3, 4), 3, 4).values():
        x = torch.randint(case.levels, (2, *p.batch_shape, case.channels, 3, 4))
        known = torch.rand(2, *p.batch_shape, 1, 3, 4) < 0.5
        drawn = p.complete(x, known, torch.Generator().manual_seed(5))
        assert drawn.shape == x.shape and torch.equal(
            drawn[known.expand_as(x)].long(), x[known.expand_as(x)]
        )
        # With nothing known it is a sample, pixel for pixel; and what is not known is not read.
        free = p.complete(x, torch.tensor(False), torch.Generator().manual_seed(5))
        assert torch.equal(free, p.sample((2,), torch.Generator().manual_seed(5)))
        other = torch.where(known, x, (x + 1) % case.levels)
        again = p.complete(other, known, torch.Generator().manual_seed(5))
        assert torch.equal(again, drawn)


@every
def test_decoded_to_the_last_bit_from_as_many_bits_as_the_score_says(case: Case) -> None:
    height, width = tiny(case)
    images = all_images(case.channels, height, width, case.levels)
    for name, p in conditions(case, case.model(height, width), height, width).items():
        batch = p.batch_shape.numel()
        x = images[:, None].expand(-1, batch, -1, -1, -1) if p.batch_shape else images
        coded = p.encode(x)
        assert torch.equal(p.decode(coded), x.to(p.dtype)), name
        bits = -p.log_prob(x).sum().item() / math.log(2)
        assert 0.99 * bits < 8 * len(coded) < 1.01 * bits + 8 * 64, name


@every
def test_saved_and_loaded_to_the_last_bit(case: Case, tmp_path: Path) -> None:
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(torch.float32)
        model = case.build((case.channels, 4, 4)).to(dtype).eval()
        loaded = ilk.load(model.save(tmp_path / str(dtype)))
        assert type(loaded) is type(model) and loaded.config == model.config
        saved, read = model.state_dict(), loaded.state_dict()
        assert saved.keys() == read.keys()
        assert all(saved[k].dtype == read[k].dtype for k in saved)
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
    models = [case.build((case.channels, 4, 4)) for case in CASES]
    configs = [model.config for model in models]
    ours = {name for name, cls in Model.classes.items() if cls.__module__.startswith("ilk.")}
    assert {c["model"] for c in configs} == ours
    assert {model.conditioning for model in models} == {"none", "label", "support"}
    pixelcnns = (
        "GatedPixelCNN",
        "PixelSNAIL",
        "PixelCNNpp",
        "ConditionalPixelCNN",
        "AttentionPixelCNN",
    )
    for model in (*pixelcnns, "RecallPixelCNN"):
        families = {c["likelihood"] for c in configs if c["model"] == model}
        assert families == {"bernoulli", "categorical", "logistics"}, model
    for model in ("ConditionalPixelCNN", "AttentionPixelCNN", "RecallPixelCNN"):
        assert {c["backbone"] for c in configs if c["model"] == model} == set(BACKBONES)
    reads = {(c["backbone"], c["attention"]) for c in configs if "attention" in c}
    wrapped = {c["base"]["model"] for c in configs if c["model"] == "MetaPixelCNN"}
    assert wrapped == set(pixelcnns)
    assert reads == {(b, a) for b in BACKBONES for a in ("dot", "additive")}
