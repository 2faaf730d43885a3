"""`ilk complete` keeps what is known and says what its draws cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import ilk
from ilk.cli import main
from ilk.distributions import complete_around


@pytest.mark.parametrize(("mask", "exact"), [("bottom", True), ("right", False), ("file", False)])
def test_it_is_what_complete_around_draws(
    mask: str, exact: bool, tiny: str, kinds: Path, tmp_path: Path, capsys
) -> None:
    unknown = torch.zeros(8, 8, dtype=torch.bool)
    where = {"bottom": (slice(4, 8),), "right": (slice(0, 8), slice(4, 8)), "file": (1, slice(3))}
    unknown[where[mask]] = True
    if mask == "file":
        mask = str(tmp_path / "mask.png")
        Image.fromarray(unknown.numpy().astype(np.uint8) * 255).save(mask)
    image, out = kinds / "dot" / "0.png", tmp_path / "new" / "c.png"
    words = ["complete", tiny, str(image), "--mask", mask, "--support", str(kinds / "bar")]
    words += ["-n", "3", "--particles", "4", "--passes", "1", "--seed", "2", "--out", str(out)]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["exact"] is exact and report["unknown"] == int(unknown.sum())
    model = ilk.load(tiny)
    support = torch.stack(
        [ilk.data.read_image(f, model.shape, 2) for f in sorted((kinds / "bar").iterdir())]
    )
    x = ilk.data.read_image(image, model.shape, 2)
    random = torch.Generator().manual_seed(2)
    done = complete_around(model(support), x, ~unknown, 3, 4, 1, generator=random)
    assert report["nats"] == pytest.approx(sorted((-done.nats).tolist()), rel=1e-5)
    with Image.open(out) as picture:
        assert picture.width > picture.height
    assert main(words) == 0
    told = capsys.readouterr().out
    assert ("exact draws" in told) is exact and "3 completions" in told


def test_a_torn_drawing_and_its_mask_stay_together(tmp_path: Path, capsys) -> None:
    """What is left of a stroke on a large page is where it was, and is not drawn anew."""
    model = ilk.models.AttentionPixelCNN(
        (1, 26, 26), width=8, depth=2, read_at=(1,), patches=8, shots=4
    )
    model.save(tmp_path / "model")
    page, mask = Image.new("L", (300, 200), 255), Image.new("1", (300, 200))
    ImageDraw.Draw(page).line((70, 60, 70, 140), fill=0, width=8)
    ImageDraw.Draw(mask).rectangle((100, 0, 299, 199), fill=1)
    page.save(tmp_path / "page.png")
    mask.save(tmp_path / "mask.png")
    places = {name: str(tmp_path / name) for name in ("model", "page.png", "mask.png", "c.png")}
    words = ["complete", places["model"], places["page.png"], "--mask", places["mask.png"]]
    words += ["-n", "2", "--particles", "1", "--passes", "0", "--out", places["c.png"]]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    unknown = torch.zeros(26, 26, dtype=torch.bool)
    unknown[4:22, 9:] = True
    assert report["unknown"] == int(unknown.sum())
    x = torch.zeros(1, 26, 26, dtype=torch.uint8)
    x[:, 9:17, 5:7] = 1
    random = torch.Generator().manual_seed(0)
    done = complete_around(ilk.load(tmp_path / "model")(), x, ~unknown, 2, 1, 0, generator=random)
    assert report["nats"] == pytest.approx(sorted((-done.nats).tolist()), rel=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{one}", "--mask", "upper"], "--mask: wanted a picture or one of top, bottom"),
        (["{one}", "--mask", "{black}"], "is bright, there is nothing to draw"),
        (["{one}", "--mask", "top", "-n", "0"], "-n must be at least 1, got 0"),
        (["{one}", "--mask", "top", "--out", "/proc/c.png"], "--out: can't write"),
        (["nowhere.png", "--mask", "top"], "IMAGE: no such file: nowhere.png"),
        (["{kind}", "--mask", "top"], "is a folder, wanted one picture"),
        (["{one}", "--mask", "{wide}"], "wanted the proportions of the image, 8 x 8, got 8 x 6"),
    ],
)
def test_mistakes_are_named(
    words: list[str], message: str, tiny: str, kinds: Path, tmp_path: Path, capsys
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    Image.new("L", (8, 6), 255).save(tmp_path / "wide.png")
    places = {name: tmp_path / f"{name}.png" for name in ("black", "wide")}
    places |= {"kind": kinds / "dot", "one": kinds / "dot" / "0.png"}
    assert main(["complete", tiny, *[w.format(**places) for w in words]]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
