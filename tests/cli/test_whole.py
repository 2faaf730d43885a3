"""Judged pictures are seen whole, and what they lose on the way is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilk.cli import main


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Pictures twice as wide as high: a good folder, and one of which one end is painted."""
    for folder, count in (("good", 4), ("new", 1)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            grain = np.random.default_rng([count, i]).integers(150, 256, (32, 64))
            grain[8 * i : 8 * i + 8, 30:46] = 0  # no two alike
            Image.fromarray(grain.astype(np.uint8)).save(tmp_path / folder / f"{i}.png")
    picture = Image.open(tmp_path / "new" / "0.png")
    picture.paste(0, (0, 0, 10, 32))
    picture.save(tmp_path / "new" / "1.png")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["score", "{model}", "{wide}/new", "--support", "{wide}/good"],
        ["anomalies", "{model}", "{wide}/new", "--normal", "{wide}/good", "--correction", "none"],
    ],
)
def test_a_defect_at_an_end_counts(words, wide, tiny, capsys):
    assert main([*(w.format(model=tiny, wide=wide) for w in words), "--json"]) == 0
    out, said = capsys.readouterr()
    found = json.loads(out)
    rows = found if isinstance(found, list) else found["pictures"]
    fine, painted = sorted(rows, key=lambda row: row["file"])
    assert painted["nats"] != pytest.approx(fine["nats"], abs=0.1)
    assert "FILES: 2 of 2 pictures, up to 64 x 32, are seen at 8 x 8" in said
    assert said.count("2 of another aspect ratio are stretched, nothing is cut off") == 1


def test_pictures_of_the_models_size_lose_nothing_and_nothing_is_said(kinds, tiny, capsys):
    assert main(["score", tiny, str(kinds / "bar"), "--support", str(kinds / "dot")]) == 0
    assert "are seen at" not in capsys.readouterr().err
