"""Pictures that are judged: blank pages count, what can't be read is left out; outputs refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from ilk.cli import main


@pytest.fixture
def pile(kinds: Path, tmp_path: Path) -> Path:
    """Two good drawings, a blank page, and a file that is no picture."""
    pile = tmp_path / "pile"
    pile.mkdir()
    for i, file in enumerate(sorted((kinds / "bar").iterdir())[:2]):
        (pile / f"{i}{file.suffix}").write_bytes(file.read_bytes())
    Image.new("L", (200, 300), 255).save(pile / "blank.png")
    (pile / "text.png").write_text("hello")
    return pile


@pytest.mark.parametrize(
    "words",
    [
        ["score", "omniglot", "{pile}", "--support", "{kinds}/bar"],
        ["anomalies", "omniglot", "{pile}", "--normal", "{kinds}/bar"],
        ["classify", "omniglot", "{pile}", "--kinds", "{kinds}"],
    ],
)
def test_one_bad_file_does_not_end_it(words, pile, kinds, capsys):
    assert main([*(w.format(pile=pile, kinds=kinds) for w in words), "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    rows = found if isinstance(found, list) else found["pictures"]
    assert {Path(row["file"]).name for row in rows} == {"0.png", "1.png", "blank.png"}
    assert "left out" in err and "text.png: not a picture" in err


def test_none_that_can_be_read(pile, kinds, capsys):
    words = ["score", "omniglot", str(pile / "text.png"), "--support", str(kinds / "bar")]
    assert main(words) == 1
    assert "text.png: not a picture" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["complete", "{a}", "--mask", "right", "--out", "c.gif"], "--out must end in .png"),
        (["sample", "--out", "s.bmp"], "--out must end in .png, .jpg or .webp, got 's.bmp'"),
        (["reads", "{a}", "--support", "{a}", "--out", "r.bmp"], ".jpg, .gif or .webp"),
        (["reads", "{kinds}", "--support", "{a}"], "PICTURE: {kinds} is a folder, wanted one"),
        (["classify", "{a}", "--kinds", "nix"], "--kinds: wanted a folder of folders, got nix"),
        (["classify", "{a}", "--kinds", "{kinds}", "--other", "-1"], "--other must be 0 or more"),
        (["sample", "--seed", str(2**64)], f"--seed: wanted 0 to 2^63 - 1, got {2**64}"),
        (["complete", "{a}", "--mask", "top", "--seed", "-1"], "--seed: wanted 0 to 2^63 - 1"),
        (["adapt", "--support", "{a}", "--out", "m", "--seed", "-1"], "--seed: wanted 0 to 2^63"),
    ],
)
def test_mistakes_are_refused_before_work(words, message, kinds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ilk.load", None)  # nothing is loaded
    places = {"a": next((kinds / "bar").iterdir()), "kinds": kinds}
    verb, *rest = (w.format(**places) for w in words)
    assert main([verb, "omniglot", *rest]) == 1
    assert message.format(**places) in capsys.readouterr().err
