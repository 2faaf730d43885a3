"""Images in turn: a joint distribution by the chain rule, coded in as many bits as it says."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from ilk.coding import Turns, blob
from ilk.coding.turns import sizes
from ilk.models import ConditionalPixelCNN, GatedPixelCNN, RecallPixelCNN


def few_shot(shape: tuple[int, int, int] = (1, 3, 4), **more: int) -> ConditionalPixelCNN:
    torch.manual_seed(0)
    model = ConditionalPixelCNN(shape, width=8, depth=2, summary=8, **more).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(2)  # so that examples tell
    return model


@pytest.mark.parametrize("most", [0, 1, 3, 8])
@pytest.mark.parametrize("given", [0, 1, 5, 9])
def test_turns_take_in_all_and_no_more_than_there_is_to_learn(given: int, most: int) -> None:
    for count in range(40):
        found = sizes(count, given, most)
        assert sum(found) == count and all(size > 0 for size in found)
        seen = given
        for size in found[:-1]:
            assert seen < most and size <= max(seen, 1) and seen + size <= most
            seen += size


def test_it_is_a_distribution_of_several_images() -> None:
    """Over all 4^3 threesomes of images of two pixels, told or not, the probabilities sum to 1."""
    model = few_shot((1, 1, 2))
    every = torch.tensor(list(itertools.product((0, 1), repeat=2)), dtype=torch.uint8)
    every = every.view(4, 1, 1, 2)
    for support in (None, every[1:3]):
        sums = [
            Turns.of(model, support, 3).log_prob(every[list(chosen)]).sum().exp()
            for chosen in itertools.product(range(4), repeat=3)
        ]
        assert torch.stack(sums).sum().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("batch", [0, 3])
def test_every_turn_is_told_of_those_before_it(batch: int) -> None:
    model = few_shot()
    each = (batch, *model.shape) if batch else model.shape
    x = torch.randint(2, (7, *each), dtype=torch.uint8)
    support = torch.randint(2, ((batch, 1) if batch else (1,)) + model.shape, dtype=torch.uint8)
    turns = Turns.of(model, support, 7)
    assert turns.sizes == (1, 2, 4)
    nats = turns.log_prob(x)

    def told(k: int) -> Tensor:
        seen = x[:k].transpose(0, 1) if batch else x[:k]
        return torch.cat([support, seen], dim=-4)

    wanted = [model(told(k)).log_prob(x[a:b]) for k, a, b in ((0, 0, 1), (1, 1, 3), (3, 3, 7))]
    torch.testing.assert_close(nats, torch.cat(wanted))


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("given", [None, 0, 2])
def test_they_come_back_in_as_many_bits_as_the_score_says(given: int | None, batch: int) -> None:
    model = few_shot()
    each = (batch, *model.shape) if batch else model.shape
    x = torch.randint(2, (60, *each), dtype=torch.uint8)
    shape = ((batch,) if batch else ()) + (given or 0, *model.shape)
    support = None if given is None and not batch else torch.ones(shape, dtype=torch.uint8)
    with torch.inference_mode():
        turns = Turns.of(model, support, 60)
        coded = blob.encode(turns, x, (60,))
        again = Turns.of(model, support, 60)
        assert torch.equal(blob.decode(again, blob.parse(coded), torch.device("cpu")), x)
        bits = -float(turns.log_prob(x).sum()) / math.log(2)
    assert bits < 8 * len(coded) < 1.001 * bits + 8 * 48


def test_states_of_a_network_may_be_what_is_told() -> None:
    model = RecallPixelCNN((1, 4, 4), width=8, depth=2, read_at=(1,), patches=24).eval()
    x = torch.randint(2, (12, *model.shape), dtype=torch.uint8)
    with torch.inference_mode():
        coded = blob.encode(Turns.of(model, None, 12), x, (12,))
        back = blob.decode(Turns.of(model, None, 12), blob.parse(coded), torch.device("cpu"))
    assert torch.equal(back, x)


def test_a_model_that_takes_no_support_set_has_one_turn() -> None:
    model = GatedPixelCNN((1, 3, 3), width=8, depth=1).eval()
    x = torch.randint(2, (5, *model.shape), dtype=torch.uint8)
    turns = Turns.of(model, None, 5)
    assert turns.sizes == (5,)
    assert blob.encode(turns, x, (5,)) == model().encode(x)
