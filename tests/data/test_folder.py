"""Folders of pictures: kinds, inferred shapes, reports, refusals, parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ilk.data import ImageError, Kinds, load, part_of_folder, read_folder

from .pictures import bomb


def save(path: Path, values: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path, **options)


def grey(seed: int, size: tuple[int, int] = (6, 5)) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, size=size)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two kinds of grey pictures, one nested, a bomb, a torn file and two that are no pictures."""
    root = tmp_path / "pets"
    for i, name in enumerate(("b.png", "a.webp")):
        save(root / "cats" / name, grey(i), **({"lossless": True} if "webp" in name else {}))
    save(root / "dogs" / "small" / "x.gif", grey(2))
    (root / "cats" / "c.png").write_bytes((root / "cats" / "b.png").read_bytes()[:60])
    (root / "cats" / "d.png").write_bytes(bomb())
    (root / "cats" / "notes.txt").write_text("hello")
    (root / "cats" / ".hidden.png").write_text("hello")
    (root / ".git").mkdir()
    (root / "birds").mkdir()
    (root / "birds" / "e.jpg").write_text("hello")
    return root


def test_every_folder_with_pictures_is_a_kind(pets):
    kinds, report = read_folder(pets)
    assert kinds.names == ("cats", "dogs/small") and kinds.name == "pets"
    assert kinds.shape == (1, 6, 5) and kinds.levels == 256
    assert np.array_equal(kinds.of(0)[:, 0].numpy(), np.stack([grey(1), grey(0)]))
    assert report.used == 3 and report.empty == ("birds",)


def test_what_is_skipped_is_named_with_the_reason(pets):
    _, report = read_folder(pets, (1, 4, 4), 16)
    reasons = {s.path.relative_to(pets).as_posix(): s.reason for s in report.skipped}
    assert set(reasons) == {"birds/e.jpg", "cats/c.png", "cats/d.png", "cats/notes.txt"}
    assert "not a picture" in reasons["birds/e.jpg"] and "'.txt'" in reasons["cats/notes.txt"]
    assert "too large" in reasons["cats/d.png"] and "cut short" in reasons["cats/c.png"]
    text = str(report)
    assert "3 images read, 4 files skipped" in text and "notes.txt" in text and "birds" in text


@pytest.mark.parametrize("shape", [None, (1, 4, 4)])
def test_odd_files_are_refused_on_request(pets, shape):
    with pytest.raises(ImageError, match=r"cats/notes\.txt: not a picture"):
        read_folder(pets, shape, 256, on_error="raise")
    (pets / "cats" / "notes.txt").unlink()
    with pytest.raises(ImageError, match=r"birds/e\.jpg: not a picture"):
        read_folder(pets, shape, 256, on_error="raise")


def test_a_folder_that_holds_pictures_is_one_kind(pets):
    kinds, _ = read_folder(pets / "dogs" / "small")
    assert kinds.names == ("small",) and len(kinds.images) == 1


def test_shape_and_levels_are_inferred(tmp_path):
    bits = np.random.default_rng(0).integers(2, size=(7, 9)) * 255
    save(tmp_path / "bits" / "k" / "a.png", bits)
    kinds, _ = read_folder(tmp_path / "bits")
    assert (kinds.shape, kinds.levels) == ((1, 7, 9), 2)
    assert np.array_equal(kinds.images[0, 0].numpy(), bits // 255)
    save(tmp_path / "mixed" / "k" / "a.png", grey(0, (100, 40)))
    save(tmp_path / "mixed" / "k" / "b.png", grey(1, (30, 50)))
    save(tmp_path / "mixed" / "k" / "c.jpg", np.repeat(grey(1, (20, 90))[..., None], 3, axis=2))
    assert read_folder(tmp_path / "mixed")[0].shape == (1, 30, 30)
    red = np.zeros((80, 80, 3))
    red[..., 0] = 255
    save(tmp_path / "red" / "k" / "a.png", red)
    kinds, _ = read_folder(tmp_path / "red")
    assert (kinds.shape, kinds.levels) == ((3, 64, 64), 256)
    assert kinds.images[0, :, 0, 0].tolist() == [255, 0, 0]


def test_files_of_levels_are_refused_and_not_taken_for_black_pictures(tmp_path):
    levels = np.random.default_rng(0).integers(10, size=(6, 6))
    save(tmp_path / "k" / "a.png", levels)
    save(tmp_path / "k" / "b.png", levels.T)
    with pytest.raises(ValueError, match=r"comes to the value 0 of 0\.\.9; wanted pictures whose"):
        read_folder(tmp_path, (1, 6, 6), 10)
    save(tmp_path / "k" / "b.png", np.rint(levels.T * 255 / 9))
    kinds, _ = read_folder(tmp_path, (1, 6, 6), 10)
    assert not kinds.images[0].any() and np.array_equal(kinds.images[1, 0].numpy(), levels.T)


def test_drawings_for_a_binary_26_model_are_reduced_as_drawings(tmp_path):
    page = np.full((300, 300), 255)
    page[60:240, 140:160] = 0
    save(tmp_path / "k" / "a.png", page)
    kinds, _ = read_folder(tmp_path, (1, 26, 26), 2)
    assert kinds.levels == 2 and 14 <= kinds.images[0].any(-1).sum() <= 18
    assert kinds.images[0].any(-2).sum() <= 2


def page(side: int, width: int) -> np.ndarray:
    """A thick diagonal stroke with a soft edge, dark on white."""
    y, x = np.mgrid[:side, :side]
    return (np.abs(y - x) - width).clip(0, 2) * 127.5


def test_drawings_of_any_size_become_omniglots(tmp_path):
    for i, side in enumerate((200, 320, 500)):
        save(tmp_path / "k" / f"{i}.png", page(side, side // 30))
    kinds, report = read_folder(tmp_path)
    assert (kinds.shape, kinds.levels) == ((1, 26, 26), 2) and "ink on paper" in report.found
    assert all(40 < int(image.sum()) < 140 for image in kinds.images)
    assert read_folder(tmp_path, levels=256)[0].shape == (1, 64, 64)
    assert read_folder(tmp_path, (1, 26, 26))[0].levels == 2
    assert read_folder(tmp_path, (1, 32, 32))[0].levels == 256
    save(tmp_path / "k" / "a.png", grey(0, (100, 100)))
    save(tmp_path / "k" / "b.png", grey(1, (100, 100)))
    save(tmp_path / "k" / "c.png", grey(2, (100, 100)))
    save(tmp_path / "k" / "d.png", grey(3, (100, 100)))
    assert read_folder(tmp_path)[0].levels == 256


def test_a_report_counts_before_it_names(pets):
    lines = str(read_folder(pets)[1]).splitlines()
    assert lines[1] == "  2 kinds, 1 to 2 images each, 1 of one image"
    assert "one size, none in colour, grey levels: read as 1x6x5 of 256 levels" in lines[2]
    assert "  skipped 1: damaged or cut short" in lines


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        read_folder(tmp_path / "none")
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "a.png").write_text("hello")
    with pytest.raises(ValueError, match=r"(?s)no picture could be read.*a\.png: not a picture"):
        read_folder(tmp_path)
    with pytest.raises(ValueError, match="on_error: wanted skip or raise, got 'ignore'"):
        read_folder(tmp_path, on_error="ignore")


def toy(names: list[str]) -> Kinds:
    images = torch.zeros(len(names), 1, 2, 2, dtype=torch.uint8)
    return Kinds(images, torch.arange(len(names)), tuple(sorted(names)), 2, "toy")


def test_parts_are_disjoint_complete_and_do_not_move_when_kinds_are_added():
    kinds = toy([f"k{i:03d}" for i in range(100)])
    parts = {p: set(part_of_folder(kinds, p).names) for p in ("train", "valid", "test")}
    assert [len(p) for p in parts.values()] == [75, 5, 20]
    assert set.union(*parts.values()) == set(kinds.names)
    assert set(part_of_folder(kinds, "train+valid").names) == parts["train"] | parts["valid"]
    assert len(part_of_folder(kinds, "all")) == 100
    with pytest.raises(ValueError, match="holds 2 kinds, too few to part them"):
        part_of_folder(toy(["a", "b"]), "train")
    with pytest.raises(ValueError, match="part: wanted train"):
        part_of_folder(kinds, "dev")


def test_subfolders_named_for_parts_are_the_parts():
    kinds = toy(["train/a", "train/b", "train/c", "valid/d", "test/e"])
    assert part_of_folder(kinds, "train").names == ("train/a", "train/b", "train/c")
    assert part_of_folder(kinds, "valid").names == ("valid/d",)
    assert part_of_folder(kinds, "test").names == ("test/e",)
    held = toy(["train/a", "train/b", "train/c", "test/e"])
    assert len(part_of_folder(held, "valid")) == 1 and len(part_of_folder(held, "train")) == 2


def test_load_reads_folders_and_warns_of_what_it_skipped(pets):
    with pytest.warns(UserWarning, match="4 files skipped"):
        kinds = load(pets, part="all")
    assert kinds.names == ("cats", "dogs/small")
