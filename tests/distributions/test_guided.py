"""Guidance: what it refuses, and how it stands with the rest."""

import pytest
import torch

from ilk.coding import CodingError
from ilk.distributions import Turned, complete_around
from ilk.models import ConditionalPixelCNN, GatedPixelCNN
from ilk.nn import Context


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = ConditionalPixelCNN((1, 4, 4), width=8, depth=2).requires_grad_(False)
    for weight in model.parameters():
        weight.add_(0.2 * torch.randn_like(weight))
    return model


def test_there_must_be_something_to_weigh(model) -> None:
    support = torch.ones(2, 1, 4, 4, dtype=torch.uint8)
    for weight in (float("nan"), float("inf"), -1.5):
        with pytest.raises(ValueError, match=r"weight must be finite and at least -1"):
            model(support).guided(weight)
    with pytest.raises(ValueError, match="no support set"):
        GatedPixelCNN((1, 4, 4), width=8, depth=2)().guided(1)
    with pytest.raises(ValueError, match="no support set"):
        GatedPixelCNN((1, 4, 4), width=8, depth=2, labels=3)(label=1).guided(1)
    with pytest.raises(ValueError, match="no support set"):
        model(support).guided(1).guided(1)


def test_without_examples_there_is_nothing_to_be_near_to(model) -> None:
    x = torch.randint(2, (5, 1, 4, 4))
    assert torch.allclose(model().guided(2).log_prob(x), model().log_prob(x), atol=1e-5)


def test_a_saved_context_is_guided_too(model, tmp_path) -> None:
    support, x = torch.randint(2, (3, 1, 4, 4)), torch.randint(2, (5, 1, 4, 4))
    context = model.context(support)
    context.save(tmp_path / "context")
    again = model(context=Context.load(tmp_path / "context"))
    wanted = model(support).guided(0.7).log_prob(x)
    assert torch.allclose(again.guided(0.7).log_prob(x), wanted)


def test_a_blob_of_one_weight_is_not_read_with_another(model) -> None:
    p, x = model(torch.randint(2, (3, 1, 4, 4))), torch.randint(2, (5, 1, 4, 4))
    data = p.guided(0.5).encode(x)
    for other in (p, p.guided(0.6)):
        with pytest.raises(CodingError, match="another model"):
            other.decode(data)


def test_completions_and_sides_are_guided(model) -> None:
    support = torch.ones(2, 1, 4, 4, dtype=torch.uint8)
    known = torch.zeros(4, 4, dtype=torch.bool)
    known[2:] = True
    x = torch.ones(1, 4, 4, dtype=torch.uint8)
    done = complete_around(model(support).guided(1), x, known, count=3)
    assert (done.images[:, :, 2:] == 1).all() and done.nats.shape == (3,)
    sides = Turned.of(model, support).guided(1)
    x = torch.randint(2, (2, 1, 4, 4))
    assert not torch.allclose(sides.log_prob(x), Turned.of(model, support).log_prob(x))


def test_gradients_flow_and_memory_is_shared_out(model, monkeypatch) -> None:
    p = model(torch.ones(2, 1, 4, 4, dtype=torch.uint8)).guided(1)
    x = torch.randint(2, (5, 1, 4, 4))
    wanted = p.log_prob(x)
    monkeypatch.setattr("ilk.distributions.guided._AT_ONCE", 40)
    assert torch.allclose(p.log_prob(x), wanted)
    model.requires_grad_()
    model(torch.ones(2, 1, 4, 4, dtype=torch.uint8)).guided(1).log_prob(x).sum().backward()
    assert all(w.grad is not None for w in model.net.parameters())
