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
    told = [{"page": str(page), "drawings": 3, "numbers": n} for n in ([1, 2, 3], [4, 5, 6])]
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


def test_drawings_are_numbered_in_an_overview_and_left_out_by_number(page, tmp_path, capsys):
    out, view = tmp_path / "drawings", tmp_path / "view.png"
    words = ["cut", str(page), str(page), "--out", str(out), "--overwrite"]
    assert main([*words, "--drop", "2", "6", "--overview", str(view)]) == 0
    assert [path.name for path in sorted(out.iterdir())] == [
        "01.png",
        "03.png",
        "04.png",
        "05.png",
    ]
    with Image.open(view) as image, Image.open(page) as one:
        assert image.size == (one.width, 2 * one.height)
        assert len(image.convert("RGB").getcolors(1 << 20)) > 6
    capsys.readouterr()
    assert main([*words, "--drop", "7"]) == 1
    assert "--drop: wanted numbers from 1 to 6, got 7" in capsys.readouterr().err
    assert main([*words, "--drop", "1", "2", "3", "4", "5", "6"]) == 1
    assert "leaves no drawing" in capsys.readouterr().err
    assert main([*words, "--drop", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["numbers"] for row in told] == [[2, 3], [4, 5, 6]]


def test_sizes_that_differ_many_fold_are_said_and_so_is_a_form(tmp_path, capsys):
    image = Image.new("L", (900, 300), 250)
    draw = ImageDraw.Draw(image)
    for x in (100, 350, 600):
        draw.line((x, 60, x + 90, 220), fill=0, width=9)
    draw.line((800, 120, 825, 140), fill=0, width=9)
    image.save(tmp_path / "page.png")
    words = ["cut", str(tmp_path / "page.png"), "--out", str(tmp_path / "out"), "--overwrite"]
    assert main([*words, "--count", "4"]) == 0
    assert "sizes differ many-fold (04 from the others)" in capsys.readouterr().err
    for x in (60, 310, 560):
        draw.rectangle((x, 30, x + 180, 250), outline=0, width=4)
    image.save(tmp_path / "page.png")
    assert main(words) == 0
    told = capsys.readouterr()
    assert "3 drawings" in told.out and "what stands outside its boxes is left out" in told.err
