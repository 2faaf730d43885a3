"""Choosing among draws, and naming what went wrong."""

import pytest
import torch

from ilk.distributions import flaw, pick


def test_the_best_come_first_and_equals_in_order() -> None:
    x = torch.randint(2, (6, 1, 3, 3))
    gain = torch.tensor([1.0, 5.0, -2.0, 5.0, 3.0, 0.0])
    assert pick(x, gain, 4, spread=0).tolist() == [1, 3, 4, 0]
    assert pick(x, gain, 1).tolist() == [1]
    for count in (0, 7):
        with pytest.raises(ValueError, match=r"count must be in 1..6"):
            pick(x, gain, count)


def test_twins_make_room_for_what_is_a_little_worse() -> None:
    one, other = torch.zeros(1, 6, 6), torch.zeros(1, 6, 6)
    one[0, 1], other[0, :, 4] = 1, 1
    x = torch.stack([one, one, one, other, torch.ones(1, 6, 6)])
    gain = torch.tensor([9.0, 8.9, 8.8, 8.0, -9.0])
    assert pick(x, gain, 3).tolist() == [0, 3, 1]
    assert pick(x, gain, 5).tolist()[-1] == 4
    assert sorted(pick(x[:3], gain[:3], 3).tolist()) == [0, 1, 2]
    assert pick(x[:2].repeat(2, 1, 1, 1), gain[:4], 4).unique().tolist() == [0, 1, 2, 3]


def test_a_page_of_one_colour_is_blank_whatever_it_gains() -> None:
    assert flaw(torch.full((3, 4, 4), 7), 3.0) == "blank"
    colours = torch.arange(3)[:, None, None].expand(3, 4, 4)
    assert flaw(colours, -1.0) == "blank"
    assert flaw(torch.eye(4)[None], -0.1) == "unlike the examples"
    assert flaw(torch.eye(4)[None], 0.0) == ""
