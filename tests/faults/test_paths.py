"""Files that are no files: loops, pipes, devices, folders, names that are no text, huge ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ilk
from ilk.cli import main
from ilk.data import ImageError, open_picture, read_folder, read_image
from ilk.data.picture import MAX_BYTES
from ilk.data.store import open_npz, open_zip
from ilk.files import write_file

ODD = ("loop", "nowhere", "pipe", "device", "empty", "huge")


def picture(path: Path, *size: int) -> Path:
    ink = np.random.default_rng(0).random(size or (8, 8)) < 0.3
    Image.fromarray((ink * 255).astype(np.uint8)).save(path, "PNG")
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    model = ilk.models.ConditionalPixelCNN((1, 8, 8), width=8, depth=1, summary=8, shots=4)
    return str(model.save(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with one picture among what looks like pictures."""
    folder = tmp_path / "odd"
    folder.mkdir()
    picture(folder / "good.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "nowhere.png").symlink_to("missing.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "again").symlink_to(folder)
    (folder / "empty.png").touch()
    with open(folder / "huge.png", "wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: no room is taken
    return folder


def test_a_folder_of_odd_files_is_read_without_them(odd: Path) -> None:
    kinds, report = read_folder(odd)
    assert kinds.names == ("odd",) and report.used == 1
    reasons = {s.path.name: s.reason for s in report.skipped}
    assert set(reasons) == {f"{n}.png" for n in ODD}
    assert reasons["pipe.png"] == reasons["device.png"] == "not a file"
    assert "too large" in reasons["huge.png"] and "not a picture" in reasons["empty.png"]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_one_error(name: str, odd: Path, tiny: str, capsys) -> None:
    for words in (
        ["score"],
        ["sample", "--support"],
        ["score", str(odd / "good.png"), "--support"],
    ):
        verb, *others = words
        assert main([verb, tiny, *others, str(odd / f"{name}.png")]) == 1
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith("ilk: error: ") and f"{name}.png" in said[-1]


def test_judged_files_are_left_out_by_name_and_examples_refused_all_at_once(
    odd: Path, tiny: str, capsys
) -> None:
    assert main(["score", tiny, str(odd)]) == 0
    told = capsys.readouterr()
    assert "7 files seen, 1 used, 6 left out" in told.err
    assert all(f"{odd / name}.png" in told.err for name in ODD)
    assert "No such file" in told.err and "good.png" in told.out
    assert main(["sample", tiny, "--support", str(odd), "--out", str(odd.parent / "s.png")]) == 1
    refused = capsys.readouterr().err
    assert "--support: 6 of 7 pictures can't be used" in refused
    assert all(f"{odd / name}.png: " in refused for name in ODD)


def test_hidden_files_are_no_pictures(tmp_path: Path, tiny: str, capsys) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"what another system keeps beside it")
    assert main(["score", tiny, str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["pictures"]) == 1


def test_a_name_that_is_no_text(tmp_path: Path, tiny: str, capfd) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    picture(path)
    assert main(["score", tiny, str(path), "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["pictures"]
    assert row["file"] == str(path)
    assert main(["score", tiny, str(path)]) == 0
    assert main(["compress", tiny, str(path), "-o", str(tmp_path / "a.ilk")]) == 1
    assert "is no name for a picture" in capfd.readouterr().err


def test_very_wide_pictures(tmp_path: Path) -> None:
    wide = picture(tmp_path / "wide.png", 1, 60_000)
    for shape, levels in (((1, 26, 26), 2), ((1, 8, 8), 2), ((3, 8, 8), 256)):
        assert read_image(wide, shape, levels).shape == shape
    with pytest.raises(ImageError, match="60000 x 1 is too narrow to be padded"):
        read_image(wide, (1, 8, 8), 2, "pad")


def test_archives_that_swell_are_refused(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(100_000, np.uint8))
    assert len(open_npz(path, "a")["a"]) == 100_000
    monkeypatch.setattr("ilk.data.store.MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"a\.npz: unpacks to 100,\d+ bytes"):
        open_zip(path)
    with pytest.raises(ValueError, match=r"a\.npz: unpacks to 100,\d+ bytes"):
        open_npz(path)


def test_a_link_stays_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    write_file(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"new"
    os.mkfifo(tmp_path / "pipe")
    end = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_file(tmp_path / "pipe", b"through")
    assert os.read(end, 100) == b"through" and (tmp_path / "pipe").is_fifo()
    os.close(end)


def test_the_longest_name_that_there_is(tmp_path: Path) -> None:
    write_file(tmp_path / ("n" * 255), b"x")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"x"]


def test_an_orientation_that_is_damaged(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.jpg"
    Image.new("L", (9, 9)).save(path, exif=exif)
    content = path.read_bytes()
    at = content.index(b"Exif\0\0") + 6
    for i in range(at, at + 40):
        path.write_bytes(content[:i] + bytes([content[i] ^ 0xFF]) + content[i + 1 :])
        try:
            open_picture(path)
        except ImageError as error:
            assert "a.jpg" in str(error)
