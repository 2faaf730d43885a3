"""`ilk complete` keeps what is known and says what its draws cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{one}", "--mask", "upper"], "--mask: wanted a picture or one of top, bottom"),
        (["{one}", "--mask", "{black}"], "is bright, there is nothing to draw"),
        (["{one}", "--mask", "top", "-n", "0"], "count must be at least 1, got 0"),
        (["{one}", "--mask", "top", "--out", "/proc/c.png"], "--out: can't write"),
        (["nowhere.png", "--mask", "top"], "IMAGE: no such file or folder"),
    ],
)
def test_mistakes_are_named(
    words: list[str], message: str, tiny: str, kinds: Path, tmp_path: Path, capsys
) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    places = {"one": kinds / "dot" / "0.png", "black": tmp_path / "black.png"}
    assert main(["complete", tiny, *[w.format(**places) for w in words]]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
