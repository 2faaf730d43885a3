"""Omniglot: both sources agree, pooling is right, splits have the published sizes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ilk.data import TEST_ALPHABETS, alphabet, load, load_omniglot, max_pool, one_shot_runs

ALPHABETS = {
    "background": ["Alpha", "Beta_(old)"],
    "evaluation": ["Gamma", "Sylheti", "ULOG"],
}


def png(ink: np.ndarray) -> bytes:
    """A 1-bit PNG as the official archives hold them: 0 is ink."""
    buffer = io.BytesIO()
    Image.fromarray(~ink.astype(bool)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """The same few drawings as official archives and as packed arrays."""
    rng = np.random.default_rng(0)
    zips, packed = tmp_path_factory.mktemp("zips"), tmp_path_factory.mktemp("packed")
    images, columns, names = [], [], []
    for part, (label, alphabets) in enumerate(ALPHABETS.items()):
        with zipfile.ZipFile(zips / f"images_{label}.zip", "w") as archive:
            archive.writestr(f"__MACOSX/images_{label}/Alpha/character01/._0001_01.png", b"junk")
            archive.writestr(f"images_{label}/.DS_Store", b"junk")
            entries = []
            for name in alphabets:
                for c in range(2):
                    for drawer in range(1, 4):
                        ink = rng.random((105, 105)) < 0.02
                        path = f"images_{label}/{name}/character{c + 1:02d}"
                        entries.append((f"{path}/{len(names):04d}_{drawer:02d}.png", png(ink)))
                        images.append(ink)
                        columns.append((len(names), part))
                    names.append(f"{name}/character{c + 1:02d}")
            for entry in reversed(entries):
                archive.writestr(*entry)
    stack = np.stack(images).astype(np.uint8)
    np.savez(
        packed / "omniglot.npz",
        images=np.packbits(stack.reshape(len(stack), -1), axis=1),
        character=np.array([c for c, _ in columns], dtype=np.uint16),
        split=np.array([p for _, p in columns], dtype=np.uint8),
        character_names=np.array(names),
    )
    return zips, packed, stack


def naive_pool(x: np.ndarray) -> np.ndarray:
    out = np.zeros((26, 26), dtype=np.uint8)
    for i in range(26):
        for j in range(26):
            out[i, j] = x[4 * i : 4 * i + 4, 4 * j : 4 * j + 4].max()
    return out


@pytest.mark.parametrize("kind", [np.uint8, bool])
def test_pooling_equals_a_naive_loop(kind):
    x = np.random.default_rng(0).random((3, 105, 105)) < 0.03
    expected = np.stack([naive_pool(image) for image in x])
    pooled = max_pool(x.astype(kind))
    assert pooled.dtype == np.uint8 and np.array_equal(pooled, expected)
    assert 0.2 < expected.mean() < 0.8


@pytest.mark.parametrize("split", ["30-20", "45-5"])
@pytest.mark.parametrize("part", ["train", "train+valid", "test", "all"])
def test_both_sources_give_the_same_kinds(miniature, split, part):
    zips, packed, _ = miniature
    a = load("omniglot-26", split, part, zips)
    b = load("omniglot-26", split, part, packed)
    assert a.digest() == b.digest() and a.name == b.name == f"omniglot-26/{split}/{part}"


def test_pixels_are_the_pooled_drawings_with_ink_one(miniature):
    _, packed, drawings = miniature
    kinds = load_omniglot(part="all", root=packed)
    expected = np.stack([naive_pool(image) for image in drawings])
    assert np.array_equal(kinds.images[:, 0].numpy(), expected)
    assert kinds.kind.tolist() == [k for k in range(10) for _ in range(3)]


def test_splits_part_by_alphabet(miniature):
    zips, _, _ = miniature

    def alphabets(split, part):
        return {alphabet(name) for name in load_omniglot("omniglot-26", split, part, zips).names}

    assert alphabets("30-20", "test") == {"Gamma", "Sylheti", "ULOG"}
    assert alphabets("30-20", "train") == {"Alpha", "Beta_(old)"}
    assert alphabets("45-5", "test") == {"Sylheti", "ULOG"}
    assert alphabets("45-5", "train") == {"Alpha", "Beta_(old)", "Gamma"}


def test_the_28_rendering_is_read_from_both_of_its_forms(tmp_path):
    rng = np.random.default_rng(1)
    ink = rng.random((4, 3, 784)) < 0.1
    names = ["A/character01", "A/character02", "B/character01", "C/character01"]
    folders = ["images_background"] * 2 + ["images_evaluation"] * 2
    for file, part in (("train", slice(0, 2)), ("test", slice(2, 4))):
        keys = [f"{f}/{n}" for f, n in zip(folders[part], names[part], strict=True)]
        arrays = dict(zip(keys, np.where(ink[part], 0, 255).astype(np.uint8), strict=True))
        np.savez(tmp_path / f"{file}_small.npz", **dict(reversed(arrays.items())))
    a = load_omniglot("omniglot-28", part="all", root=tmp_path)
    np.savez(
        tmp_path / "omniglot_28_gmn.npz",
        images=np.packbits(ink, axis=2),
        character_names=np.array(names),
        split=np.array([0, 0, 1, 1], dtype=np.uint8),
    )
    b = load_omniglot("omniglot-28", part="all", root=tmp_path)
    assert a.digest() == b.digest()
    assert np.array_equal(a.images.numpy().reshape(4, 3, 784), ink)
    assert load_omniglot("omniglot-28", part="test", root=tmp_path).names == tuple(names[2:])


def test_a_missing_set_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("ILK_DATA", raising=False)
    monkeypatch.setenv("ILK_CACHE", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match=r"cache\. Get it with `ilk data omniglot-26`"):
        load("omniglot-26")
    with pytest.raises(FileNotFoundError, match=r"omniglot\.npz or images_background\.zip"):
        load("omniglot-26", root=tmp_path)


def test_data_are_found_by_environment_then_in_the_cache(miniature, tmp_path, monkeypatch):
    zips, packed, _ = miniature
    monkeypatch.setenv("ILK_DATA", str(packed))
    monkeypatch.setenv("ILK_CACHE", str(tmp_path))
    assert len(load("omniglot-26", part="all")) == 10
    monkeypatch.setenv("ILK_DATA", str(tmp_path))
    monkeypatch.setenv("ILK_CACHE", str(zips))
    assert len(load("omniglot-26", part="all")) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("omniglot-26", "40-10"), "split: wanted one of 30-20, 45-5, got '40-10'"),
        (("omniglot-26", "30-20", "dev"), "part: wanted one of train"),
    ],
)
def test_unknown_names_are_refused(arguments, message, miniature):
    with pytest.raises(ValueError, match=message):
        load_omniglot(*arguments, root=miniature[0])


def test_damaged_files_are_named(miniature, tmp_path):
    zips, packed, _ = miniature
    whole = (packed / "omniglot.npz").read_bytes()
    (tmp_path / "omniglot.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"omniglot\.npz: damaged, or not the wanted file"):
        load_omniglot(root=tmp_path)
    (tmp_path / "omniglot.npz").unlink()
    for name in ("images_background.zip", "images_evaluation.zip"):
        (tmp_path / name).write_bytes((zips / name).read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"images_background\.zip: damaged, or not the wanted"):
        load_omniglot(root=tmp_path)
    for content, reason in (
        (b"not a picture", "not a readable PNG"),
        (png(np.zeros((9, 9))), "9 x 9"),
    ):
        for name in ("images_background.zip", "images_evaluation.zip"):
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr("images/A/character01/0001_01.png", content)
        with pytest.raises(ValueError, match=f"0001_01.png is .*{reason}"):
            load_omniglot(root=tmp_path)


def test_one_shot_runs_pair_each_test_image_with_its_class(tmp_path):
    rng = np.random.default_rng(2)
    drawings = rng.random((20, 105, 105)) < 0.02
    answers = rng.permutation(20)
    with zipfile.ZipFile(tmp_path / "all_runs.zip", "w") as archive:
        for run in ("run01", "run02"):
            lines = [
                f"{run}/test/item{i + 1:02d}.png {run}/training/class{a + 1:02d}.png"
                for i, a in enumerate(answers)
            ]
            archive.writestr(f"{run}/class_labels.txt", "\n".join(lines) + "\n")
            for i in range(20):
                archive.writestr(f"{run}/training/class{i + 1:02d}.png", png(drawings[i]))
                archive.writestr(f"{run}/test/item{i + 1:02d}.png", png(drawings[answers[i]]))
    runs = one_shot_runs(tmp_path)
    assert len(runs) == 2
    for run in runs:
        assert run.train.shape == run.test.shape == (20, 1, 26, 26)
        assert torch.equal(run.test, run.train[run.label])
        assert np.array_equal(run.train[:, 0].numpy(), max_pool(drawings))


@pytest.mark.data
def test_the_real_splits_have_the_published_sizes(data_root):
    def sizes(split):
        parts = ("train", "valid", "train+valid", "test")
        return [len(load("omniglot-26", split, part, data_root)) for part in parts]

    assert sizes("30-20") == [916, 48, 964, 659]
    assert sizes("45-5") == [1405, 74, 1479, 144]
    kinds = load("omniglot-26", "45-5", "test", data_root)
    assert {alphabet(name) for name in kinds.names} == set(TEST_ALPHABETS)
    assert (kinds.counts == 20).all() and kinds.levels == 2
    train = load("omniglot-26", "30-20", "train", data_root)
    valid = load("omniglot-26", "30-20", "valid", data_root)
    assert not set(train.names) & set(valid.names)
    assert 0.13 < train.images.float().mean() < 0.14


@pytest.mark.data
def test_the_real_28_rendering_has_ink_one(data_root):
    kinds = load("omniglot-28", part="all", root=data_root)
    assert len(kinds) == 1623 and 0.07 < kinds.images.float().mean() < 0.09


@pytest.mark.data
def test_the_real_runs_are_drawings_of_the_evaluation_part(data_root):
    runs = one_shot_runs(data_root)
    assert len(runs) == 20 and all(sorted(run.label.tolist()) == list(range(20)) for run in runs)
    known = {
        image.numpy().tobytes()
        for image in load("omniglot-26", part="test", root=data_root).images
    }
    assert all(x.numpy().tobytes() in known for run in runs for x in (*run.train, *run.test))


@pytest.mark.data
@pytest.mark.slow
def test_real_archives_equal_the_packed_arrays(data_root, tmp_path):
    with np.load(data_root / "omniglot.npz") as z:
        names, ids, part = z["character_names"][z["character"]], z["global_id"], z["split"]
        packed, drawer = z["images"], z["drawer"]
    for p, label in enumerate(("background", "evaluation")):
        with zipfile.ZipFile(tmp_path / f"images_{label}.zip", "w") as archive:
            for i in np.flatnonzero(part == p):
                ink = np.unpackbits(packed[i], count=105 * 105).reshape(105, 105)
                name = f"images_{label}/{names[i]}/{ids[i]:04d}_{drawer[i]:02d}.png"
                archive.writestr(name, png(ink))
    a = load_omniglot(part="all", root=tmp_path)
    assert a.digest() == load_omniglot(part="all", root=data_root).digest()
