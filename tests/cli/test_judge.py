"""Pictures that are judged: blank pages count, what can't be read is left out; outputs refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

import ilk
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
    assert "left out" in err and "not a picture" in err and "text.png" in err


@pytest.mark.parametrize(
    "words",
    [
        ["score", "omniglot", "{kinds}/bar", "--support", "{kinds}/bar"],
        ["anomalies", "omniglot", "{kinds}/bar", "--normal", "{kinds}/bar/0.png", "{kinds}/bar"],
        ["classify", "omniglot", "{kinds}/bar", "--kinds", "{kinds}"],
    ],
)
def test_pictures_that_are_among_the_examples_are_told(words, kinds, capsys):
    assert main([w.format(kinds=kinds) for w in words]) == 0
    count = len(list((kinds / "bar").iterdir()))
    error = capsys.readouterr().err
    assert f"{count} of {count} pictures are among the examples" in error
    assert ("copies tell nothing" in error) == (words[0] == "anomalies")


def test_a_loose_picture_is_no_kind(kinds, tmp_path, capsys):
    both = tmp_path / "both"
    shutil.copytree(kinds, both)
    shutil.copy(kinds / "bar" / "0.png", both / "stray.png")
    assert main(["classify", "omniglot", str(both / "stray.png"), "--kinds", str(both)]) == 0
    out, err = capsys.readouterr()
    assert "stray.png: beside the folders of kinds" in err
    assert out.split()[8] == "bar" and f"{len(list(kinds.iterdir()))} kinds" in err


def test_a_table_in_a_pipe_is_as_wide_as_its_names(kinds, tmp_path, capsys):
    long = tmp_path / ("a name of a picture that is longer than a line of a terminal" * 3 + ".png")
    shutil.copy(kinds / "bar" / "0.png", long)
    assert main(["score", "omniglot", str(long), "--support", str(kinds / "bar")]) == 0
    assert str(long) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            ["sample", "--support", "{kinds}/bar", "omniglot", "-n", "4"],
            "what comes first goes before",
        ),
        (["sample", "omniglot", "{kinds}/bar"], "ilk sample omniglot --support {kinds}/bar"),
    ],
)
def test_a_command_line_out_of_order_gets_a_hint(words, hint, kinds, capsys):
    assert main([w.format(kinds=kinds) for w in words]) == 2
    assert hint.format(kinds=kinds) in capsys.readouterr().err


def test_a_folder_in_place_of_a_recipe_gets_a_hint(kinds, capsys):
    assert main(["train", str(kinds)]) == 1
    assert f"goes after --data: ilk train --data {kinds}" in capsys.readouterr().err


def test_a_model_that_is_nearly_one_gets_a_hint(tmp_path, capsys):
    assert main(["info", "omniglott"]) == 1
    assert "did you mean 'omniglot'?" in capsys.readouterr().err
    model = ilk.models.ConditionalPixelCNN((1, 8, 8), width=8, depth=1, summary=8)
    folder = model.save(tmp_path / "mine")
    assert main(["info", str(folder / "model.safetensors")]) == 1
    assert f"is a file of a model: name {folder}" in capsys.readouterr().err


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
