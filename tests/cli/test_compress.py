"""`ilk compress` and `ilk decompress`, as a person would use and misuse them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ilk
from ilk.cli import main
from ilk.cli.common import to_picture
from ilk.cli.decompress import file_name
from ilk.coding import read_header


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    small = ilk.models.ConditionalPixelCNN((1, 6, 5), width=8, depth=1, summary=8, shots=4)
    return str(small.save(tmp_path_factory.mktemp("models") / "small"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures of the model's size, black and white."""
    kind = tmp_path / "pictures"
    kind.mkdir()
    for i, name in enumerate(("a.png", "b.PNG", "c.gif", "d e.png", "é.png")):
        ink = np.random.default_rng(i).random((6, 5)) < 0.4
        Image.fromarray(np.where(ink, 0, 255).astype(np.uint8)).convert("1").save(kind / name)
    return kind


def failing(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(w) for w in words]) == 1
    return capsys.readouterr().err.splitlines()[-1]


def compress(model: str, folder: Path, out: Path, *more: str) -> int:
    files = [str(folder / name) for name in ("a.png", "c.gif", "d e.png", "é.png")]
    words = ["compress", model, *files, "--support", str(folder / "b.PNG"), "-o", str(out)]
    return main([*words, "--chunk", "2", *more])


def test_pictures_come_back_under_their_names(
    model: str, folder: Path, tmp_path: Path, capsys
) -> None:
    out, back = tmp_path / "p.ilk", tmp_path / "back"
    assert compress(model, folder, out, "--verify", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes"] == out.stat().st_size and facts["pictures"] == 4
    assert facts["changed"] == 0 and read_header(out.read_bytes()).support == 1
    assert main(["decompress", str(out), "-o", str(back), "--support", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["lost"] == []
    names = {"a.png": "a.png", "c.gif": "c.gif.png", "d e.png": "d e.png", "é.png": "é.png"}
    names["b.PNG"] = "support/0.png"
    for before, after in names.items():
        with Image.open(folder / before) as one, Image.open(back / after) as other:
            assert np.array_equal(one.convert("L"), other.convert("L")), before
    assert len(list(back.rglob("*.png"))) == 5


def test_pictures_that_are_changed_first_are_counted(model: str, tmp_path: Path, capsys) -> None:
    Image.fromarray(np.full((60, 50), 255, dtype=np.uint8)).save(tmp_path / "large.png")
    out = tmp_path / "new" / "p.ilk"
    assert main(["compress", model, str(tmp_path / "large.png"), "-o", str(out)]) == 0
    done = capsys.readouterr()
    assert "1 of 1 pictures were converted to 1 x 6 x 5 and 2 levels first" in done.err
    assert "1 pictures in" in done.out and out.stat().st_size < 400


def test_a_damaged_archive_says_what_is_left(
    model: str, folder: Path, tmp_path: Path, capsys
) -> None:
    out, back = tmp_path / "p.ilk", tmp_path / "back"
    assert compress(model, folder, out) == 0
    out.write_bytes(out.read_bytes()[:-3])
    error = failing(capsys, "decompress", out, "-o", back)
    assert "'d e.png' to 'é.png') is cut short" in error and "2 of 4 pictures" in error
    assert not list(back.glob("*"))
    assert main(["decompress", str(out), "-o", str(back), "--partial"]) == 0
    done = capsys.readouterr()
    assert "is cut short" in done.err and "2 of 4 pictures" in done.out
    assert sorted(p.name for p in back.iterdir()) == ["a.png", "c.gif.png"]


def test_mistakes_are_named(model: str, folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "p.ilk"
    assert "FILES: name at least one" in failing(capsys, "compress", model, "-o", out)
    assert "--chunk must be" in failing(
        capsys, "compress", model, folder, "-o", out, "--chunk", "0"
    )
    again = failing(capsys, "compress", model, folder, folder / "a.png", "-o", out)
    assert "2 pictures would come back as 'a.png'" in again
    assert not out.exists()
    assert "not an archive of ilk" in failing(
        capsys, "decompress", folder / "a.png", "-o", tmp_path
    )
    assert "nowhere.ilk" in failing(capsys, "decompress", "nowhere.ilk", "-o", tmp_path)
    assert compress(model, folder, out) == 0
    there = failing(capsys, "decompress", out, "-o", folder)
    assert "a.png is there; choose another folder or --overwrite" in there
    other = ilk.models.ConditionalPixelCNN((1, 6, 5), width=8, depth=1, summary=8)
    foreign = other.save(tmp_path / "other")
    error = failing(capsys, "decompress", out, "-o", tmp_path / "b", "--model", foreign)
    assert "made with another model" in error
    assert main(["decompress", str(out), "-o", str(folder), "--overwrite"]) == 0


@pytest.mark.parametrize(
    "name", ["../up.png", "/etc/up", "a/b", "..", "", " ", "a\\b", "c:d", "\0"]
)
def test_an_archive_writes_only_into_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a picture"):
        file_name(name)


@pytest.mark.parametrize("levels", [2, 3, 4, 16, 100, 200, 255, 256])
def test_pictures_are_read_as_what_they_were(levels: int) -> None:
    for channels in (1, 3):
        x = torch.randint(levels, (channels, 9, 11), dtype=torch.uint8)
        x[:, 0, :] = 0  # an edge of paper, and the highest value somewhere
        x[:, 1, 0] = levels - 1
        picture = to_picture(x, levels)
        assert torch.equal(ilk.data.read_image(picture, tuple(x.shape), levels), x)


def test_drawings_are_ink_on_paper() -> None:
    x = torch.zeros(1, 26, 26, dtype=torch.uint8)
    x[0, 5:20, 13] = 1
    picture = to_picture(x, 2)
    assert picture.getpixel((0, 0)) == 255 and picture.getpixel((13, 10)) == 0
    assert torch.equal(ilk.data.read_image(picture, (1, 26, 26), 2), x)
