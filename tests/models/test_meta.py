"""Gradient steps on a learned loss: against a loop of plain autograd, and finite differences."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

import ilk
from ilk.models import AttentionPixelCNN, GatedPixelCNN, MetaPixelCNN, Model
from ilk.models import meta_pixelcnn as module

pytestmark = pytest.mark.usefixtures("float64")


def base(**kwargs: object) -> GatedPixelCNN:
    torch.manual_seed(0)
    return GatedPixelCNN((1, 5, 5), width=8, depth=3, **kwargs)  # type: ignore[arg-type]


def attentive() -> AttentionPixelCNN:
    torch.manual_seed(0)
    return AttentionPixelCNN(
        (1, 5, 5), width=8, depth=3, read_at=(2,), patches=8, heads=2, summary=8
    )


def episode() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.tensor([[True, False, False], [True, True, False], [False] * 3])
    return torch.randint(2, (3, 3, 1, 5, 5)), mask, torch.randint(2, (2, 3, 1, 5, 5))


def one_by_one(model: MetaPixelCNN, support: Tensor, mask: Tensor, x: Tensor) -> Tensor:
    """The definition, a task after the other, by plain autograd and with copied weights."""
    net, nats = model.base.net, []
    for b in range(len(support)):
        shots = support[b][mask[b]]
        context = (
            model.base.context(shots) if model.base.conditioning == "support" else ilk.nn.Context()
        )
        weights = dict(net.named_parameters())
        rates = dict(zip(model.names, model.log_rates.exp(), strict=True))
        for _ in range(model.steps if len(shots) else 0):

            class Begin(torch.nn.Module):
                def __init__(self) -> None:
                    super().__init__()
                    self.net = net

                def forward(self, images: Tensor, context: object = context) -> Tensor:
                    return self.net.begin(images, context, model.layer).horizontal

            q = functional_call(Begin(), {f"net.{k}": w for k, w in weights.items()}, (shots,))
            norms = (model.inner(q).flatten(1).square().sum(1) + 1e-6).sqrt()
            used = [weights[name] for name in model.names]
            slopes = torch.autograd.grad(norms.mean(), used, create_graph=True)
            moved = zip(model.names, used, slopes, strict=True)
            weights |= {name: w - rates[name] * slope for name, w, slope in moved}
        theta = functional_call(net, weights, (x[:, b], context))
        nats.append(model.likelihood.log_prob(theta, x[:, b]).sum((-1, -2, -3)))
    return torch.stack(nats, dim=1)


@pytest.mark.parametrize("make", [base, attentive], ids=["unconditional", "attention"])
@pytest.mark.parametrize("steps", [1, 3])
def test_vectorised_over_tasks_is_one_task_after_the_other(make, steps) -> None:
    model = MetaPixelCNN(make(), layer=2, steps=steps, step_size=0.5, learn_step_size=True)
    support, mask, x = episode()
    mine, plain = model(support, mask).log_prob(x), one_by_one(model, support, mask, x)
    assert torch.allclose(mine, plain, atol=1e-9)
    # Second derivatives too: the gradients of all that is trained.
    wanted = torch.autograd.grad(plain.mean(), list(model.parameters()))
    for got, want in zip(
        torch.autograd.grad(mine.mean(), list(model.parameters())), wanted, strict=True
    ):
        assert torch.allclose(got, want, atol=1e-9)


@pytest.mark.parametrize("first_order", [False, True])
def test_the_gradient_is_that_of_finite_differences_unless_of_first_order(first_order) -> None:
    model = MetaPixelCNN(base(), layer=2, step_size=1.0, first_order=first_order)
    support, mask, x = episode()
    model(support, mask).log_prob(x).sum().backward()
    weight = model.inner[0].weight
    if first_order:
        assert weight.grad is None
        return
    direction = torch.randn_like(weight)
    sides = []
    for epsilon in (1e-5, -1e-5):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            moved.inner[0].weight += epsilon * direction
            sides.append(moved(support, mask).log_prob(x).sum())
    slope = float(sides[0] - sides[1]) / 2e-5
    assert slope == pytest.approx(float((weight.grad * direction).sum()), rel=1e-5)


def test_without_support_images_nothing_moves() -> None:
    net, (support, _, x) = base(), episode()
    model = MetaPixelCNN(net, layer=2)
    wanted = net().log_prob(x[:, 0])
    assert torch.allclose(model().log_prob(x[:, 0]), wanted)
    assert torch.allclose(model(support[:, :0]).log_prob(x)[:, 0], wanted)
    nobody = torch.zeros(3, 3, dtype=torch.bool)
    assert torch.allclose(model(support, nobody).log_prob(x)[:, 0], wanted)


@pytest.mark.parametrize("make", [base, attentive])
def test_the_steps_are_taken_in_inference_mode_too(make) -> None:
    """Where older PyTorch makes every gradient of torch.func zero without a word."""
    model, (support, mask, x) = MetaPixelCNN(make(), layer=2), episode()
    with torch.inference_mode():
        told = model.context(support.clone(), mask.clone())
        nats = model(support, mask).log_prob(x)
    assert not any(t.is_inference() for t in told.weights.values())
    with torch.no_grad():
        torch.testing.assert_close(nats, model(support, mask).log_prob(x))
        assert not torch.allclose(nats[:, :2], model(support[:2, :0]).log_prob(x[:, :2]))


def test_a_smaller_step_goes_a_shorter_way() -> None:
    support, mask, _ = episode()
    far, near = (
        MetaPixelCNN(base(), layer=2, step_size=size).context(support, mask) for size in (0.2, 0.1)
    )
    start = dict(base().net.named_parameters())
    for name, weight in far.weights.items():
        assert torch.allclose(weight - start[name], 2 * (near.weights[name] - start[name]))


def test_step_sizes_of_every_parameter_are_learned() -> None:
    model = MetaPixelCNN(base(), layer=2, step_size=0.1, learn_step_size=True)
    support, mask, x = episode()
    model(support, mask).log_prob(x).sum().backward()
    assert model.log_rates.shape == (len(model.names),) and model.log_rates.grad is not None
    assert "log_rates" in model.state_dict() and (model.log_rates.grad != 0).sum() > 10
    assert "log_rates" not in MetaPixelCNN(base(), layer=2).state_dict()


@pytest.mark.parametrize("first_order", [True, False])
def test_a_thousand_samples_cost_no_second_look_at_the_support_set(monkeypatch, first_order):
    model = MetaPixelCNN(base(), layer=2, first_order=first_order)
    support, _, _ = episode()
    looks = []
    inner = MetaPixelCNN.inner_loss
    monkeypatch.setattr(
        MetaPixelCNN, "inner_loss", lambda self, *a: looks.append(1) or inner(self, *a)
    )
    p = model(support[0])
    assert p.sample((1000,)).shape == (1000, 1, 5, 5)
    p.log_prob(p.sample((10,)))
    assert len(looks) == 1


def test_a_saved_model_is_built_from_the_config_of_its_base(tmp_path) -> None:
    model = MetaPixelCNN(attentive(), layer=1, steps=2)
    assert model.config["base"] == attentive().config
    assert Model.of(model.config).config == model.config
    loaded = ilk.load(model.save(tmp_path / "meta"))
    support, mask, x = episode()
    assert torch.allclose(
        loaded(support, mask).log_prob(x), model(support, mask).log_prob(x), atol=1e-4
    )


def test_a_step_that_diverges_is_named() -> None:
    model = MetaPixelCNN(base(), layer=2, steps=3, step_size=1e200)
    support, mask, _ = episode()
    with pytest.raises(FloatingPointError, match=r"inner step 2 of 3 met a loss of (nan|inf)"):
        model(support, mask)


def test_a_support_set_too_large_for_second_derivatives(monkeypatch) -> None:
    model = MetaPixelCNN(base(), layer=2)
    one = 25 * 8 * 2 * 200
    monkeypatch.setattr(module, "_free_memory", lambda device: 5 * one + 7)
    with pytest.raises(MemoryError, match=r"9 images need .* 5 images fit, more with first_"):
        model(episode()[0])
    model(episode()[0][:1])
    with torch.no_grad():
        model(episode()[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 0}, r"layer must be in 1\.\.3, got 0"),
        ({"layer": 4}, r"layer must be in 1\.\.3, got 4"),
        ({"layer": 1, "steps": 0}, "steps must be at least 1, got 0"),
        ({"layer": 1, "step_size": 0.0}, "step_size must be above 0 and finite, got 0.0"),
        ({"layer": 1, "step_size": float("nan")}, "step_size must be above 0"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        MetaPixelCNN(base(), **arguments)


def test_a_base_that_is_not_fit() -> None:
    with pytest.raises(ValueError, match="base must take a support set or nothing"):
        MetaPixelCNN(base(labels=3), layer=1)
    with pytest.raises(ValueError, match="unknown model 'NoSuch'"):
        MetaPixelCNN({"model": "NoSuch"})
