"""`ilk cut`: a page of drawings becomes a folder of them, and nothing of another's is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ilk.cli import main
from ilk.data import read_image


@pytest.fixture
def page(tmp_path: Path) -> Path:
    image = Image.new("L", (600, 200), 250)
    for i, x in enumerate((100, 300, 500)):
        ImageDraw.Draw(image).line((x, 50, x + 20 * i, 150), fill=0, width=9)
    image.save(tmp_path / "page.png")
    return tmp_path / "page.png"


def test_a_page_becomes_a_folder_of_drawings(page, tmp_path, capsys):
    out = tmp_path / "new" / "drawings"
    assert main(["cut", str(page), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{page}: 3 drawings\n{out}: 01.png to 03.png\n"
    assert sorted(path.name for path in out.iterdir()) == ["01.png", "02.png", "03.png"]
    widths = [int(read_image(p, (1, 26, 26), 2).any(1).sum()) for p in sorted(out.iterdir())]
    assert widths[0] < widths[1] < widths[2]
    assert main(["cut", str(page), str(page), "--out", str(out), "--overwrite", "--json"]) == 0
    told = [{"page": str(page), "drawings": 3}] * 2
    assert json.loads(capsys.readouterr().out) == told and len(list(out.iterdir())) == 6
    assert main(["cut", str(page), "--out", str(out), "--overwrite", "--count", "2"]) == 0
    assert len(list(out.iterdir())) == 2


def test_a_folder_that_holds_something_else_is_left_alone(page, tmp_path, capsys):
    out = tmp_path / "drawings"
    out.mkdir()
    (out / "01.png").write_bytes(b"mine")
    words = ["cut", str(page), "--out", str(out)]
    assert main(words) == 1 and "not empty" in capsys.readouterr().err
    (out / "letter.txt").write_text("dear")
    assert main([*words, "--overwrite"]) == 1 and "letter.txt" in capsys.readouterr().err
    assert (out / "01.png").read_bytes() == b"mine"
    assert main(["cut", str(page), "--out", str(page)]) == 1
    assert "wanted a folder" in capsys.readouterr().err


def test_a_page_that_is_shown_as_one_example_is_told(page, tmp_path, capsys):
    words = ["score", "omniglot", str(page), "--support"]
    assert main([*words, str(page)]) == 0
    hint = f"{page} looks like 3 drawings: ilk cut {page} --out FOLDER parts them"
    assert hint in capsys.readouterr().err
    assert main(["cut", str(page), "--out", str(tmp_path / "cut")]) == 0
    assert main([*words, str(tmp_path / "cut")]) == 0
    assert main([*words, str(tmp_path / "cut" / "01.png")]) == 0
    assert "looks like" not in capsys.readouterr().err


def test_pages_that_can_not_be_cut_are_named(page, tmp_path, capsys):
    out = tmp_path / "drawings"
    blank = tmp_path / "blank.png"
    Image.new("L", (300, 300), 240).save(blank)
    assert main(["cut", str(page), str(blank), "--out", str(out)]) == 1
    assert f"{blank}: no ink" in capsys.readouterr().err and not out.exists()
    assert main(["cut", str(page), "--out", str(out), "--count", "9"]) == 1
    assert f"{page}: count: wanted 9 drawings" in capsys.readouterr().err
    assert main(["cut", str(tmp_path / "none.png"), "--out", str(out)]) == 1
    assert "none.png" in capsys.readouterr().err
