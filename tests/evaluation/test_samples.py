"""Figures of samples, on toys where they are known beforehand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ilk.data.kinds import Kinds
from ilk.evaluation import Drawing, sample_quality, train_judge


def bars(seed: int, kinds: int = 20) -> Kinds:
    """A kind is a bar at a row of its own, or a column, moved and broken at random."""
    random = torch.Generator().manual_seed(seed)
    images = torch.zeros(kinds, 20, 1, 26, 26, dtype=torch.uint8)
    for k in range(kinds):
        for i in range(20):
            at = 2 + 2 * (k // 2) + int(torch.randint(2, (), generator=random))
            image = images[k, i, 0]
            (image if k % 2 else image.T)[at, torch.rand(26, generator=random) > 0.2] = 1
    number = torch.arange(kinds).repeat_interleave(20)
    return Kinds(images.flatten(0, 1), number, tuple(map(str, range(kinds))), 2, f"bars {seed}")


@pytest.fixture(scope="module")
def judge():
    return train_judge(bars(0), steps=60, width=16)


class Drawn(nn.Module):
    """Stands in for a model: its samples are what a function makes of the examples."""

    conditioning, device = "support", torch.device("cpu")

    def __init__(self, draw) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, support):
        def sample(shape, generator):
            return self.draw(support, shape[0]).transpose(0, 1)

        def gain(x):
            return (x == support[:, 0]).flatten(2).double().sum(dim=2)

        p = SimpleNamespace(sample=sample, gain=gain)
        p.guided = lambda weight: p
        return p


def repeated(support, count):
    return support.repeat(1, -(-count // support.shape[1]), 1, 1, 1)[:, :count]


def test_people_are_recognised_and_copies_are_told(judge) -> None:
    kinds = bars(1)
    people, copies, blank = (
        *sample_quality(Drawn(repeated), kinds, judge, [Drawing()]),
        sample_quality(Drawn(lambda s, n: repeated(0 * s, n)), kinds, judge, [Drawing()])[1],
    )
    assert (people.who, people.diversity, people.distance, people.blank) == ("people", 1, 1, 0)
    assert people.recognised > 0.8 and people.kinds == 20 and people.samples == 160
    assert copies.recognised > 0.8 and copies.distance < 1e-3 and 0.4 < copies.diversity < 1
    assert blank.blank == 1 and blank.diversity < 1e-3 and blank.recognised < 0.2
    assert blank.recognised_stderr > 0


def test_picked_samples_are_those_of_the_highest_gain(judge) -> None:
    def some_noise(support, count):
        x = repeated(support, count).clone()
        half = x[:, : count // 2]
        x[:, : count // 2] = torch.randint(2, half.shape, dtype=torch.uint8)
        return x

    drawings = [Drawing(), Drawing(of=24)]
    _, as_they_come, picked = sample_quality(Drawn(some_noise), bars(1), judge, drawings)
    assert as_they_come.recognised < 0.9  # half is noise
    assert picked.recognised > 0.8 and picked.distance < 0.2


def test_a_judge_is_the_same_for_a_seed_and_leaves_chance_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (train_judge(bars(0), 2, width=8, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.rand(3), wanted)
    x = bars(1).images
    assert torch.equal(first.embed(x), again.embed(x))
    assert not torch.equal(first.embed(x), other.embed(x))


def test_what_can_not_be_judged_is_refused(judge) -> None:
    with pytest.raises(ValueError, match="wanted 20 of 13 images at least, got 5 of 20 or more"):
        sample_quality(Drawn(repeated), bars(1, 5), judge)
    alone = Drawn(repeated)
    alone.conditioning = "none"
    with pytest.raises(ValueError, match="takes no support set"):
        sample_quality(alone, bars(1), judge)
    with pytest.raises(ValueError, match="wanted 2 of 10 images"):
        train_judge(bars(1, 1))
