"""Nothing that a folder holds is dropped without a word, by any verb."""

import csv
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

from ilk.cli import main


@pytest.fixture
def pile(kinds, tmp_path):
    """A folder with a picture, one in a folder below, two pages, a text and a damaged picture."""
    pile = tmp_path / "pile"
    (pile / "below").mkdir(parents=True)
    first, second, *_ = sorted((kinds / "bar").iterdir())
    for source, name in ((first, "a.png"), (second, "below/b.png")):
        (pile / name).write_bytes(source.read_bytes())
    pages = [Image.open(path).convert("L") for path in (first, second)]
    pages[0].save(pile / "two.tif", save_all=True, append_images=pages[1:])
    (pile / "notes.txt").write_text("x")
    (pile / "bad.png").write_bytes(first.read_bytes()[:60])
    return pile


JUDGES = {
    "score": ["score", "omniglot", "{pile}", "--support", "{kinds}/bar"],
    "anomalies": ["anomalies", "omniglot", "{pile}", "--normal", "{kinds}/bar"],
    "classify": ["classify", "omniglot", "{pile}", "--kinds", "{kinds}"],
}


@pytest.mark.parametrize("verb", JUDGES)
def test_what_is_left_out_is_said_in_text_and_json(verb, pile, kinds, capsys):
    words = [word.format(pile=pile, kinds=kinds) for word in JUDGES[verb]]
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    names = {row["file"].removeprefix(str(pile)).lstrip(os.sep) for row in told["pictures"]}
    assert names == {"a.png", os.path.join("below", "b.png"), "two.tif[1]", "two.tif[2]"}
    assert (told["files"]["seen"], told["files"]["used"]) == (6, 4)
    assert {os.path.basename(one["file"]) for one in told["files"]["left_out"]} == {
        "notes.txt",
        "bad.png",
    }
    assert "6 files seen, 4 used, 2 left out" in err and "damaged or cut short" in err
    assert main([*words, "--strict"]) == 1
    out, err = capsys.readouterr()
    assert not out and "notes.txt" in err and "--strict" in err


def test_a_list_has_what_was_left_out_too(pile, kinds, tmp_path, capsys):
    words = [word.format(pile=pile, kinds=kinds) for word in JUDGES["anomalies"]]
    assert main([*words, "--out", str(tmp_path / "list.csv")]) == 0
    text = (tmp_path / "list.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    left = {os.path.basename(row["file"]): row["left_out"] for row in rows if row["left_out"]}
    assert len(rows) == 6 and set(left) == {"notes.txt", "bad.png"}
    assert all(row["score"] for row in rows if not row["left_out"])


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are text there")
def test_a_name_that_is_no_text_makes_a_list_that_can_be_opened(kinds, tmp_path, capsys):
    scans = tmp_path / "scans"
    scans.mkdir()
    content = next((kinds / "bar").iterdir()).read_bytes()
    with open(os.path.join(os.fsencode(scans), b"caf\xe9.png"), "wb") as file:
        file.write(content)
    words = ["anomalies", "omniglot", str(scans), "--normal", str(kinds / "bar")]
    assert main([*words, "--out", str(tmp_path / "list.csv")]) == 0
    assert "caf" in (tmp_path / "list.csv").read_text(encoding="utf-8")


def test_examples_below_a_folder_are_told_to_be_one_kind(kinds, tmp_path, capsys):
    words = ["sample", "omniglot", "--support", str(kinds), "-n", "1"]
    assert main([*words, "--out", str(tmp_path / "s.png")]) == 0
    assert "folders are taken for one kind" in capsys.readouterr().err


def test_three_copies_are_one_normal_picture(kinds, tmp_path, capsys):
    one = next((kinds / "bar").iterdir())
    assert main(["anomalies", "omniglot", str(one), "--normal", *[str(one)] * 3]) == 1
    assert "wanted at least 3 pictures that differ, got 1; of 3" in capsys.readouterr().err


def test_a_blank_page_is_a_picture_to_compress_too(kinds, tmp_path, capsys):
    Image.new("L", (30, 30), 255).save(tmp_path / "blank.png")
    one = next((kinds / "bar").iterdir())
    out = tmp_path / "o.ilk"
    assert (
        main(["compress", "omniglot", str(one), str(tmp_path / "blank.png"), "-o", str(out)]) == 0
    )
    assert main(["decompress", str(out), "-o", str(tmp_path / "back")]) == 0
    assert Image.open(tmp_path / "back" / "blank.png").convert("L").getextrema() == (255, 255)


def test_two_of_one_name_are_refused_with_their_paths(kinds, tmp_path, capsys):
    one = next((kinds / "bar").iterdir())
    for folder in ("a", "b"):
        (tmp_path / "both" / folder).mkdir(parents=True)
        (tmp_path / "both" / folder / "x.png").write_bytes(one.read_bytes())
    words = ["compress", "omniglot", str(tmp_path / "both"), "-o", str(tmp_path / "o.ilk")]
    assert main(words) == 1
    err = capsys.readouterr().err
    assert all(os.path.join("both", folder, "x.png") in err for folder in "ab")


def test_a_photograph_is_told_to_be_no_drawing(kinds, tmp_path, capsys):
    noise = np.random.default_rng(0).normal(128, 40, (80, 80, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    one = next((kinds / "bar").iterdir())
    words = ["score", "omniglot", str(tmp_path / "photo.png"), str(one)]
    assert main([*words, "--support", str(kinds / "bar")]) == 0
    err = capsys.readouterr().err
    assert "1 of 2 pictures seem to be no drawings" in err and "photo.png" in err


def test_all_of_a_wide_picture_is_judged(tmp_path, capsys):
    """By a model of square photographs: what is at one end counts, and how is said."""
    rng = np.random.default_rng(0)
    good = tmp_path / "good"
    good.mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(90, 110, (32, 64, 3), dtype=np.uint8)).save(good / f"{i}.png")
    fine = rng.integers(90, 110, (32, 64, 3), dtype=np.uint8)
    Image.fromarray(fine).save(tmp_path / "fine.png")
    fine[:, :12] = 255, 0, 0
    Image.fromarray(fine).save(tmp_path / "red.png")
    files = [str(tmp_path / name) for name in ("fine.png", "red.png")]
    words = ["score", "products", *files, "--support", str(good), "--json"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    fine_row, red_row = json.loads(out)["pictures"]
    assert abs(red_row["nats"] / fine_row["nats"] - 1) > 0.03
    assert "2 of another aspect ratio are stretched, nothing is cut off" in err
