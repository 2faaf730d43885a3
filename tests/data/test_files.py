"""What is below paths, what is left out, and why."""

from pathlib import Path

import pytest
from PIL import Image

from ilk.data.files import Skipped, find, reasons
from ilk.data.picture import Page


def test_all_folders_below_and_all_pages_are_found_and_the_rest_is_named(tmp_path):
    (tmp_path / "2024" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    shade = Image.new("L", (4, 4))
    for name in ("b.png", "2024/a.PNG", "2024/deep/c.pgm", ".hidden/d.png", ".e.png"):
        shade.save(tmp_path / name, format="PPM" if name.endswith("pgm") else "PNG")
    shade.save(tmp_path / "two.tif", save_all=True, append_images=[shade])
    for name in ("notes.txt", "2024/scan.pdf"):
        (tmp_path / name).write_text("x")
    found, skipped = find([tmp_path, tmp_path / "notes.txt"], "FILES")
    names = [str(path.relative_to(tmp_path)) for path in found if isinstance(path, Path)]
    assert names == ["b.png", "2024/a.PNG", "2024/deep/c.pgm", "notes.txt"]
    assert [page for page in found if isinstance(page, Page)] == [
        Page(tmp_path / "two.tif", 1),
        Page(tmp_path / "two.tif", 2),
    ]
    told = {one.path.name: one.reason for one in skipped}
    assert set(told) == {"notes.txt", "scan.pdf"} and "pdftoppm" in told["scan.pdf"]


def test_no_picture_says_what_there_is(tmp_path):
    (tmp_path / "scan.pdf").write_text("x")
    for path in (tmp_path, tmp_path / "scan.pdf"):
        with pytest.raises(FileNotFoundError, match=r"FILES: no picture(.|\n)*pdftoppm"):
            find([path], "FILES")
    with pytest.raises(FileNotFoundError, match="FILES: no such file or folder"):
        find([tmp_path / "nothing"], "FILES")


def test_reasons_are_grouped():
    skipped = [Skipped(Path(f"{i}.txt"), "no picture") for i in range(4)]
    skipped.append(Skipped(Path("a.png"), "damaged"))
    assert reasons(skipped, most=3) == [
        "4 files: no picture: 0.txt, 1.txt, 2.txt and 1 more",
        "damaged: a.png",
    ]
