"""Choosing among draws, and naming what went wrong."""

import pytest
import torch

from ilk.distributions import flaw, pick


def test_the_best_come_first_and_equals_in_order() -> None:
    x = torch.randint(2, (6, 1, 3, 3))
    gain = torch.tensor([1.0, 5.0, -2.0, 5.0, 3.0, 0.0])
    assert pick(x, gain, 4).tolist() == [1, 3, 4, 0]
    for count in (0, 7):
        with pytest.raises(ValueError, match=r"count must be in 1..6"):
            pick(x, gain, count)


def test_a_page_of_one_colour_is_blank_whatever_it_gains() -> None:
    assert flaw(torch.full((3, 4, 4), 7), 3.0) == "blank"
    colours = torch.arange(3)[:, None, None].expand(3, 4, 4)
    assert flaw(colours, -1.0) == "blank"
    assert flaw(torch.eye(4)[None], -0.1) == "unlike the examples"
    assert flaw(torch.eye(4)[None], 0.0) == ""
