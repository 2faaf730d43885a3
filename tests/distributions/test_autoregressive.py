"""The distribution: what it refuses, and what the contract does not cover."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
import torch

from ilk.checks import check_causality
from ilk.distributions import Autoregressive, autoregressive
from ilk.machine import threads
from ilk.models import (
    AttentionPixelCNN,
    ConditionalPixelCNN,
    GatedPixelCNN,
    Model,
    PixelCNNpp,
    PixelSNAIL,
)


def model(levels: int = 3) -> GatedPixelCNN:
    return GatedPixelCNN((1, 3, 3), levels, width=8, depth=2, likelihood="categorical").eval()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 3, 3), r"x must hold integers 0..2, got torch.float32"),
        (torch.full((1, 3, 3), torch.nan), r"x must hold integers 0..2, got torch.float32"),
        (torch.zeros(1, 3, 3, dtype=torch.bool), r"x must hold integers 0..2, got torch.bool"),
        (torch.full((1, 3, 3), 3), r"x must hold integers 0..2, got 3..3"),
        (torch.full((1, 3, 3), -1), r"x must hold integers 0..2, got -1..-1"),
        (torch.zeros(3, 3, 3).long(), r"shape \(..., 1, 3, 3\); got \(3, 3, 3\)"),
        (torch.zeros(1, 3, 4).long(), r"shape \(..., 1, 3, 3\); got \(1, 3, 4\)"),
    ],
)
def test_what_is_no_image_is_refused(x: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model()().log_prob(x)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("lead", [(), (0,), (200,), (2, 0), (5, 40)])
def test_many_images_are_scored_some_at_a_time(lead: tuple[int, ...], batch: int | None) -> None:
    net = ConditionalPixelCNN((1, 3, 3), width=8, depth=2, summary=8).eval()
    p = (
        net(torch.randint(2, (batch, 2, 1, 3, 3)))
        if batch
        else net(torch.randint(2, (2, 1, 3, 3)))
    )
    x = torch.randint(2, (*lead, *p.batch_shape, 1, 3, 3))
    sizes: list[int] = []
    net.net.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    with torch.no_grad():
        some = p.log_prob(x)
    assert max(sizes) <= 32 and sum(sizes) == x[..., 0, 0, 0].numel()
    torch.testing.assert_close(some, p.log_prob(x).detach())


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_temperatures_out_of_range(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature must be finite and at least 0"):
        model()().sample((2,), temperature=temperature)


def test_masks_that_make_no_sense() -> None:
    x = torch.zeros(1, 3, 3, dtype=torch.uint8)
    with pytest.raises(ValueError, match="known must be a boolean mask"):
        model()().complete(x, torch.ones(3, 3))
    with pytest.raises(ValueError, match=r"known must broadcast to x, \(1, 3, 3\)"):
        model()().complete(x, torch.ones(4, 4, dtype=torch.bool))
    colour = GatedPixelCNN((2, 2, 2), width=8, depth=2)
    with pytest.raises(ValueError, match="the same for all channels"):
        known = torch.tensor([True, False])[:, None, None]
        colour().complete(torch.zeros(2, 2, 2, dtype=torch.uint8), known)


def test_all_known_is_all_kept() -> None:
    x = torch.randint(3, (4, 1, 3, 3), dtype=torch.uint8)
    assert torch.equal(model()().complete(x, torch.tensor(True)), x)


def test_samples_are_uint8_and_of_the_shape_asked() -> None:
    p = model()()
    assert p.sample().shape == (1, 3, 3) and p.sample().dtype == torch.uint8
    assert p.sample((2, 0)).shape == (2, 0, 1, 3, 3)
    assert p.sample((2, 3)).shape == (2, 3, 1, 3, 3)


@pytest.mark.parametrize("levels", [3, 300])
def test_samples_can_be_changed_and_learned_from(levels: int) -> None:
    p = model(levels)()
    x = p.sample((2,))
    done = p.complete(x, torch.tensor([[[True, False, False]]]))
    for images in (x, done):
        p.log_prob(images).sum().backward()
        images[..., 0, :] = 1
        assert not images.is_inference() and not images.requires_grad
    assert p.sample((0,)).shape == (0, 1, 3, 3) and not p.sample((0,)).is_inference()


def test_a_seed_gives_the_same_images_and_global_randomness_is_its_own() -> None:
    p = model()()
    first, second = (p.sample((4,), torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(p.sample((4,)), first)
    before = torch.get_rng_state()
    p.sample((4,), torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_conditional_mean_is_the_mean_of_the_masses() -> None:
    p, x = model()(), torch.randint(3, (5, 1, 3, 3))
    masses = p.parameters(x).unflatten(1, (1, 3)).softmax(2)
    wanted = (masses * torch.arange(3)[:, None, None]).sum(2)
    assert torch.allclose(p.conditional_mean(x), wanted, atol=1e-6)


def test_a_cooler_sampler_draws_likelier_images() -> None:
    p = model()()
    nats = [p.log_prob(p.sample((200,), temperature=t)).mean().item() for t in (0.3, 1.0, 3.0)]
    assert nats == sorted(nats, reverse=True)


def test_gradients_reach_every_weight() -> None:
    network = model()
    network().log_prob(torch.randint(3, (8, 1, 3, 3))).sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_a_trace_is_the_sample_and_tells_its_parameters(float64: torch.dtype) -> None:
    """Pixels as they come are those of `sample`; their parameters are those of a forward pass."""
    model = AttentionPixelCNN(
        (2, 3, 4), levels=3, width=8, depth=2, read_at=(1,), patches=8, likelihood="categorical"
    ).eval()
    p = model(torch.randint(3, (5, 2, 2, 3, 4)))
    x = torch.zeros(3, 5, 2, 3, 4, dtype=torch.uint8)
    course = list(p.trace(x, generator=torch.Generator().manual_seed(4)))
    drawn = p.sample((3,), torch.Generator().manual_seed(4))
    flat = drawn.transpose(0, 1).flatten(0, 1).flatten(2)
    assert torch.equal(torch.stack([pixel for pixel, _ in course], dim=-1), flat.long())
    parameters = torch.stack([parameters for _, parameters in course], dim=-1)
    wanted = p.parameters(drawn).transpose(0, 1).flatten(0, 1).flatten(2)
    torch.testing.assert_close(parameters, wanted.detach())


def test_what_is_the_same_for_all_conditions_is_repeated() -> None:
    net = ConditionalPixelCNN((1, 3, 3), width=8, depth=2, summary=8).eval()
    p = net(torch.randint(2, (4, 2, 1, 3, 3)))
    x = torch.randint(2, (5, 1, 1, 3, 3))
    each = x.expand(5, 4, 1, 3, 3)
    assert torch.equal(p.log_prob(x), p.log_prob(each))
    assert torch.equal(p.log_prob(x[0, 0]), p.log_prob(each[0]))
    assert torch.equal(p.log_prob_per_dim(x[0, 0]), p.log_prob_per_dim(each[0]))
    assert torch.equal(p.parameters(x), p.parameters(each))
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(4)), p, validate_args=False
    )
    wanted = p.log_prob(each).logsumexp(dim=1) - torch.tensor(4.0).log()
    assert torch.allclose(mixture.log_prob(x[:, 0]), wanted)


def test_rare_pixels_are_drawn_whatever_the_default_dtype() -> None:
    net = model()
    with torch.no_grad():
        list(net.net.head)[-1].weight.zero_()
        list(net.net.head)[-1].bias.copy_(torch.tensor([0.0, -6.5, -100.0]))  # p(1) is 0.0015
    wanted = net().sample((2000,), torch.Generator().manual_seed(0))
    try:
        torch.set_default_dtype(torch.bfloat16)
        found = net().sample((2000,), torch.Generator().manual_seed(0))
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(wanted, found) and 10 < wanted.sum() < 50


def test_a_network_that_gives_no_numbers_draws_nothing() -> None:
    net = model()
    with torch.no_grad():
        list(net.net.head)[-1].bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="the network gave what are no numbers"):
        net().sample((2,))


def test_the_coldest_temperatures_draw_the_mode() -> None:
    p = model()()
    mode = p.sample((3,), temperature=0)
    assert torch.equal(p.sample((3,), temperature=1e-40), mode)


def test_what_unknown_pixels_hold_is_ignored() -> None:
    p, known = model()(), torch.zeros(1, 3, 3, dtype=torch.bool)
    known[..., 0, :] = True
    x = torch.tensor([[[1, 2, 0], [-1, 300, 7], [9, 9, 9]]])
    drawn = p.complete(x, known, torch.Generator().manual_seed(0))
    assert torch.equal(drawn[0, 0], x[0, 0].to(drawn.dtype))
    again = p.complete(x.clamp(0, 2), known, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)
    with pytest.raises(ValueError, match=r"x must hold integers 0..2, got -1..300"):
        p.complete(x, known.roll(1, 1))


@pytest.mark.parametrize("make", [PixelCNNpp, PixelSNAIL, GatedPixelCNN])
def test_drawing_and_coding_drop_nothing(make: type[Model]) -> None:
    net = make((1, 4, 4), 2, width=8, depth=2, likelihood="bernoulli", dropout=0.5)
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(3)  # what is dropped would show
    x = net().sample((20,))
    data = net().encode(x)
    assert torch.equal(net.eval()().decode(data), x)
    assert check_causality(net.double().train()).ok and net.training


@pytest.fixture
def two_threads() -> Iterator[None]:
    with threads(2):
        yield


def recorded(p: Autoregressive, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Threads at every step of a network from now on."""
    seen, step = [], p.net.step

    def noted(x: torch.Tensor | None, state: object) -> tuple[torch.Tensor, object]:
        seen.append(torch.get_num_threads())
        return step(x, state)

    monkeypatch.setattr(p.net, "step", noted)
    return seen


@pytest.mark.usefixtures("two_threads")
def test_a_walk_of_small_steps_takes_one_thread_and_gives_the_others_back(monkeypatch) -> None:
    p = model()()
    seen = recorded(p, monkeypatch)
    p.sample((2,))
    walk = p.trace(torch.zeros(2, 1, 3, 3, dtype=torch.uint8))
    for _ in range(3):
        next(walk)
        assert torch.get_num_threads() == 2
    del walk
    assert torch.get_num_threads() == 2
    assert seen == [1] * (9 + 3)

    def broken(i: int, j: int, parameters: torch.Tensor) -> torch.Tensor:
        assert torch.get_num_threads() == 1
        raise KeyError(i, j)

    with pytest.raises(KeyError):
        next(p.walk(2, broken))
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_walk_in_one_thread_of_python_leaves_the_others_theirs() -> None:
    p, seen = model()(), []
    walk = p.walk(2, lambda i, j, parameters: meanwhile(parameters))

    def meanwhile(parameters: torch.Tensor) -> torch.Tensor:
        asked.set()
        answered.wait(10)
        return torch.zeros(2, 1, dtype=torch.long)

    def other() -> None:
        torch.get_num_threads()
        ready.set()
        asked.wait(10)
        seen.append(torch.get_num_threads())
        answered.set()

    ready, asked, answered = Event(), Event(), Event()
    thread = Thread(target=other)
    thread.start()
    ready.wait(10)
    next(walk)
    thread.join()
    assert seen == [2]


@pytest.mark.usefixtures("two_threads")
def test_work_that_is_worth_it_is_shared(monkeypatch) -> None:
    monkeypatch.setattr(autoregressive, "_SHARED", 1000)
    p = model()()
    weights = sum(w.numel() for w in p.net.parameters())
    few, many = 999 // weights, -(-1000 // weights)
    assert (p.threads_for(few), p.threads_for(many)) == (1, 2)
    seen = recorded(p, monkeypatch)
    p.sample((many,))
    assert set(seen) == {2}
