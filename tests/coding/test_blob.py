"""Coded images: as long as the score says, the same to the last bit, refused by name."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ilk.coding import CodingError, Platform, blob
from ilk.distributions import Autoregressive, Bernoulli, Categorical, Likelihood, Logistics
from ilk.distributions.likelihoods import UNIT
from ilk.models import AttentionPixelCNN, ConditionalPixelCNN, GatedPixelCNN
from ilk.models.identity import digest

FAMILIES = [("bernoulli", 2, 1), ("categorical", 5, 2), ("logistics", 256, 3)]


def few_shot(family: str = "bernoulli", levels: int = 2, channels: int = 1) -> ConditionalPixelCNN:
    torch.manual_seed(0)
    shape = (channels, 3, 4)
    return ConditionalPixelCNN(
        shape, levels, width=8, depth=2, summary=8, likelihood=family
    ).eval()


def told(model: ConditionalPixelCNN, seed: int = 1) -> Autoregressive:
    generator = torch.Generator().manual_seed(seed)
    return model(torch.randint(model.levels, (3, *model.shape), generator=generator))


def bits(p: Autoregressive, x: Tensor) -> float:
    return -p.log_prob(x).sum().item() / math.log(2)


@pytest.mark.parametrize(("family", "levels", "channels"), FAMILIES)
def test_the_length_is_that_of_the_score(family: str, levels: int, channels: int) -> None:
    p = told(few_shot(family, levels, channels))
    x = p.sample((400,))
    coded = p.encode(x)
    assert torch.equal(p.decode(coded), x)
    # Some 5,000 to 15,000 values: rounding of masses is far below what is allowed here.
    assert bits(p, x) < 8 * len(coded) < 1.001 * bits(p, x) + 8 * 48


@pytest.mark.parametrize(("family", "levels", "channels"), FAMILIES)
def test_what_is_unlikely_comes_back_too(family: str, levels: int, channels: int) -> None:
    model = few_shot(family, levels, channels)
    with torch.no_grad():
        for name, weight in model.net.named_parameters():
            weight.mul_(30 if "head" in name else 1)
    p = told(model)
    x = torch.randint(levels, (50, *model.shape), dtype=torch.uint8)
    coded = p.encode(x)
    assert torch.equal(p.decode(coded), x)
    # No value costs more than 24 bits, however sure the model was of another.
    assert 8 * len(coded) < min(1.01 * bits(p, x), 24 * x.numel()) + 8 * 64


@pytest.mark.parametrize("sample_shape", [(), (1,), (2, 3), (0,), (2, 0)])
@pytest.mark.parametrize("batch", [None, 1, 3])
def test_shapes_and_types_come_back(sample_shape: tuple[int, ...], batch: int | None) -> None:
    model = few_shot()
    generator = torch.Generator().manual_seed(0)
    sets = torch.randint(2, (batch or 1, 2, *model.shape), generator=generator)
    p = model(sets if batch else sets[0])
    x = p.sample(sample_shape)
    back = p.decode(p.encode(x))
    assert torch.equal(back, x) and back.dtype == x.dtype and not back.is_inference()
    assert torch.equal(p.decode(p.encode(x.long())), x)


def test_wide_values_come_back() -> None:
    model = GatedPixelCNN((1, 2, 3), 300, width=8, depth=2, likelihood="categorical").eval()
    x = torch.randint(300, (20, 1, 2, 3))
    assert torch.equal(model().decode(model().encode(x)), x)


LIKELIHOODS = [Bernoulli(2), Categorical(2, 7), Logistics(3, 256), Logistics(3, 2)]


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_masses_are_the_probabilities(likelihood: Likelihood) -> None:
    for scale in (0.1, 3.0, 100.0):
        parameters = scale * torch.randn(50, likelihood.parameters)
        for c in range(likelihood.channels):
            before = torch.randint(likelihood.levels, (50, c))
            masses = likelihood.masses(parameters, before)
            assert (masses >= 1).all() and (masses.sum(-1) == UNIT).all()
            p = likelihood.log_pmf(parameters, before).double().exp()
            # The floor, the 1, the share of the levels; at the mode, the rest of all of these.
            off = (masses - p * UNIT).abs()
            mode = p.argmax(-1, keepdim=True)
            rounding = 1e-5 * UNIT
            assert (off.gather(-1, mode) <= likelihood.levels + rounding).all()
            assert (off.scatter(-1, mode, 0) <= 1 + likelihood.levels * p).all()


def test_masses_of_no_number_are_refused() -> None:
    with pytest.raises(FloatingPointError, match="no numbers"):
        Bernoulli(1).masses(torch.tensor([[torch.nan]]), torch.zeros(1, 0))


def test_the_coder_uses_the_masses_as_they_are() -> None:
    """A value of mass 1 costs 24 bits; were its mass off by one, it would cost 23."""
    import constriction

    for levels in (2, 256):
        masses = np.ones(levels, dtype=np.int64)
        masses[levels // 2] = UNIT - levels + 1
        table = np.tile((masses - 1).astype(np.float32), (1000, 1))
        encoder = constriction.stream.queue.RangeEncoder()
        family = constriction.stream.model.Categorical(perfect=False)
        encoder.encode(np.zeros(1000, dtype=np.int32), family, table)
        assert 24_000 <= encoder.num_bits() <= 24_000 + 96


def test_many_threads_and_few_are_the_same_code() -> None:
    p = told(few_shot())
    x = p.sample((20,))
    before = torch.get_num_threads()
    coded = p.encode(x)
    try:
        torch.set_num_threads(before + 1)
        assert torch.equal(p.decode(coded), x)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_autocast_around_it_changes_nothing() -> None:
    p = told(few_shot())
    x = p.sample((20,))
    coded = p.encode(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert p.encode(x) == coded and torch.equal(p.decode(coded), x)


def test_every_changed_byte_is_refused() -> None:
    p = told(few_shot())
    coded = p.encode(p.sample((3,)))
    for i in range(len(coded)):
        for bit in (1, 128):
            changed = bytearray(coded)
            changed[i] ^= bit
            reason = "not coded by ilk" if i < 4 else r"damaged|this ilk reads format"
            with pytest.raises(CodingError, match=reason):
                p.decode(bytes(changed))


def test_every_cut_is_refused() -> None:
    p = told(few_shot())
    coded = p.encode(p.sample((3,)))
    for length in range(len(coded)):
        with pytest.raises(CodingError, match=r"cut short|not coded by ilk"):
            p.decode(coded[:length])
    with pytest.raises(CodingError, match="damaged"):
        p.decode(coded + b"\0")


def test_other_models_conditions_and_batches_are_refused() -> None:
    model = few_shot()
    p = told(model)
    x = p.sample((3,))
    coded = p.encode(x)
    assert torch.equal(told(model).decode(coded), x)
    with pytest.raises(CodingError, match="another condition"):
        told(model, seed=2).decode(coded)
    with pytest.raises(CodingError, match="another condition"):
        model().decode(coded)
    sets = torch.zeros(1, 2, *model.shape, dtype=torch.uint8)
    with pytest.raises(CodingError, match="another model"):
        model(sets).decode(coded)
    with torch.no_grad():
        next(model.net.parameters()).view(-1)[0] += 1e-3
    with pytest.raises(CodingError, match="another model"):
        told(model).decode(coded)


def elsewhere(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    """Makes this another platform."""
    here = Platform.here(torch.device("cpu"))
    other = replace(here, **changes)
    monkeypatch.setattr(blob.Platform, "here", staticmethod(lambda device: other))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"machine": "an abacus"}, r"another machine than this \(an abacus\)"),
        ({"libraries": "torch 99"}, r"other libraries than here \(torch 99\)"),
    ],
)
def test_another_platform_is_refused_unless_told_otherwise(
    changes: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = told(few_shot())
    x = p.sample((3,))
    coded = p.encode(x)
    elsewhere(monkeypatch, **changes)
    with pytest.raises(CodingError, match=reason):
        p.decode(coded)
    assert torch.equal(p.decode(coded, elsewhere=True), x)


def test_images_that_come_out_changed_are_refused() -> None:
    """What another platform's rounding does, done to the condition."""
    model = few_shot()
    p = told(model)
    coded = p.encode(p.sample((50,)))
    with pytest.raises(CodingError, match="other images come out than went in"):
        told(model, seed=2).decode(coded, elsewhere=True)


def rewritten(coded: bytes, change: Callable[[bytearray], None]) -> bytes:
    """A code changed by one who knows the checksum."""
    body = bytearray(coded[:-2])
    change(body)
    return bytes(body) + struct.pack("<H", binascii.crc_hqx(body, 0))


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [(4, 3, "reads format 2"), (17, 0, "no code"), (18, 65, "no code"), (18, 255, "no code")],
)
def test_numbers_out_of_range_are_refused(at: int, value: int, reason: str) -> None:
    p = told(few_shot())

    def change(body: bytearray) -> None:
        body[at] = value

    with pytest.raises(CodingError, match=reason):
        p.decode(rewritten(p.encode(p.sample((3,))), change))


@pytest.mark.parametrize("shape", [(2**33,), (2**50,), (2**62, 2**62), (2**62, 2**62, 0)])
def test_more_images_than_bytes_can_hold_are_refused(shape: tuple[int, ...]) -> None:
    """Before memory is taken for them, by the one check that knows how many there are."""
    p = told(few_shot())
    code = blob.parse(p.encode(p.sample((3,))))
    with pytest.raises(CodingError, match=r"images are claimed|no code"):
        p.decode(code._replace(sample_shape=shape, pixels=0).pack())


def test_the_surest_code_there_is_holds_as_many_images_as_it_says() -> None:
    """Values of which each costs the least: the bound on images must let them pass."""
    model = GatedPixelCNN((1, 8, 8), 256, width=8, depth=1, likelihood="categorical").eval()
    with torch.no_grad():
        model.net.head[-1].weight.zero_()
        model.net.head[-1].bias.copy_(100.0 * (torch.arange(256) == 7))
    x = torch.full((3000, 1, 8, 8), 7, dtype=torch.uint8)
    coded = model().encode(x)
    assert len(coded) < 40 and torch.equal(model().decode(coded), x)
    claimed = blob.parse(coded)._replace(sample_shape=(100_000,))
    with pytest.raises(CodingError, match=r"100,000 images are claimed, more than \d+ bytes"):
        model().decode(claimed.pack())


@pytest.mark.parametrize("number", [0, 127, 128, 300, 2**32, 2**63 - 1])
def test_numbers_of_any_length_come_back(number: int) -> None:
    written = blob._leb128(number)
    assert blob._read_leb128(iter(written)) == number
    assert len(written) == max(1, math.ceil(number.bit_length() / 7))


def test_a_header_is_of_21_bytes() -> None:
    """What a small file costs beyond its score: two digits of threads or images would add one."""
    p = told(few_shot())
    assert len(p.encode(p.sample((0,)))) == 22 and len(p.encode(p.sample())) == 21 + 4


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x must hold integers 0..1, got 2..2"):
        told(few_shot()).encode(torch.full((1, 1, 3, 4), 2))


def test_digests_tell_what_they_must() -> None:
    w = torch.arange(4.0)
    several = [
        digest({"w": w}),
        digest({"v": w}),
        digest({"w": w.double()}),
        digest({"w": w.view(2, 2)}),
        digest({"w": w + 1e-6}),
        digest({"w": w}, "a", "b"),
        digest({"w": w}, "ab", ""),
    ]
    assert len(set(several)) == len(several)
    assert digest({"w": w[:, None].expand(4, 3).t()[0]}) == several[0]


def test_a_code_is_read_with_the_threads_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few images are coded by one thread; a code of two, as older ones are, is read by two."""
    p = told(few_shot())
    x = p.sample((20,))
    code = blob.parse(p.encode(x))
    assert code.threads == 1
    seen, step = set(), p.net.step

    def noted(x: Tensor | None, state: object) -> tuple[Tensor, object]:
        seen.add(torch.get_num_threads())
        return step(x, state)

    monkeypatch.setattr(p.net, "step", noted)
    for number in (1, 2):
        seen.clear()
        assert torch.equal(p.decode(code._replace(threads=number).pack()), x)
        assert seen == {number}


def test_codes_made_before_are_read() -> None:
    """Whoever makes a step quicker keeps the order of its arithmetic."""
    made = base64.b85decode(
        "X>4m^0_E(dmA6NquXR=e>Hz^1Bop9=w(@mQwQphFVsJk&07ah^ZMO|@;o%a|%&1{M4L@8YS@~mkMJ%*XoM5-p"
        "(YeeHcS|Vpdg}s?KGs;r$<EEdyDtZyqwYwcMb@$?LqPM_w+s<LEZtFkuq*"
    )
    here, code = Platform.here(torch.device("cpu")), blob.parse(made)
    if (code.machine, code.libraries) != tuple(
        digest({}, mark, size=2) for mark in (here.machine, here.libraries)
    ):
        pytest.skip("made on another platform, whose rounding may differ")
    model = AttentionPixelCNN(
        (1, 6, 6),
        width=16,
        depth=3,
        read_at=(1,),
        attention="dot",
        heads=2,
        patches=16,
        patch=2,
        local=True,
        carry=True,
        summary=8,
    )
    generator = torch.Generator().manual_seed(1)
    p = model.eval()(torch.randint(2, (3, 1, 6, 6), generator=generator))
    x = torch.randint(2, (20, 1, 6, 6), generator=generator, dtype=torch.uint8)
    assert torch.equal(p.decode(made), x)
