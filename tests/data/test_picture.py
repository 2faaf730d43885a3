"""The rules from a picture file to pixels, one by one, and what is refused."""

from __future__ import annotations

import base64
import io
import os

import numpy as np
import pytest
from PIL import Image

from ilk.data import ImageError, open_picture, quantise, read_image, to_pixels
from ilk.data.picture import FORMATS, Page, pages

from .pictures import bomb


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(height: int, width: int, channels: int = 1) -> np.ndarray:
    values = np.random.default_rng(0).integers(256, size=(height, width, channels))
    return values.astype(np.uint8).squeeze(-1) if channels == 1 else values.astype(np.uint8)


@pytest.mark.parametrize("levels", [2, 3, 4, 8, 10, 16, 64, 256])
def test_quantising_makes_equal_steps_and_undoes_the_usual_rendering(levels):
    steps = quantise(np.arange(256), levels)
    counts = np.bincount(steps)
    assert len(counts) == levels and counts.max() - counts.min() <= 1
    assert (np.diff(steps.astype(int)) >= 0).all()
    rendered = np.rint(np.arange(levels) * 255 / (levels - 1))
    assert quantise(rendered, levels).tolist() == list(range(levels))


@pytest.mark.parametrize("channels", [1, 3])
def test_exact_sizes_are_only_quantised(channels):
    values = noise(5, 4, channels)
    expected = values.reshape(5, 4, channels).transpose(2, 0, 1)
    assert np.array_equal(to_pixels(Image.fromarray(values), (channels, 5, 4), 256), expected)
    few = to_pixels(Image.fromarray(values // 40), (channels, 5, 4), 7)
    assert np.array_equal(few, quantise(expected // 40, 7)) and not few.any()


def test_shrinking_takes_the_mean_of_the_area():
    values = noise(12, 8)
    means = values.reshape(4, 3, 4, 2).mean(axis=(1, 3))
    pixels = to_pixels(Image.fromarray(values), (1, 4, 4), 256, "stretch")[0]
    # Pillow rounds after each of the two axes.
    assert np.abs(pixels - means).max() <= 1


def test_cropping_is_central_and_padding_keeps_everything():
    values = np.full((10, 30), 200, dtype=np.uint8)
    values[:, :10], values[:, 20:] = 10, 90
    image = Image.fromarray(values)
    assert (to_pixels(image, (1, 5, 5), 256, "crop") == 200).all()
    padded = to_pixels(image, (1, 30, 30), 256, "pad")[0]
    assert np.array_equal(padded[10:20], values)
    edge = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]]).mean()
    assert (padded[:10] == round(edge)).all() and (padded[20:] == round(edge)).all()


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    palette = Image.new("P", (4, 4))
    palette.info["transparency"] = 0
    assert (to_pixels(clear, (1, 4, 4), 256) == 255).all()
    assert to_pixels(half, (3, 4, 4), 256)[:, 0, 0].tolist() == [255, 127, 127]
    assert (to_pixels(open_picture(encoded(palette, "PNG")), (1, 4, 4), 256) == 255).all()


def test_sixteen_bits_keep_the_upper_eight():
    deep = (np.arange(16, dtype=np.uint16) * 4097).reshape(4, 4)
    image = open_picture(encoded(Image.fromarray(deep), "PNG"))
    assert np.array_equal(to_pixels(image, (1, 4, 4), 256)[0], deep >> 8)


def test_orientation_of_a_photo_is_heeded():
    values = np.zeros((8, 16), dtype=np.uint8)
    values[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    image = open_picture(encoded(Image.fromarray(values), "JPEG", quality=95, exif=exif))
    assert image.size == (8, 16)
    pixels = to_pixels(image, (1, 16, 8), 2)[0]
    assert pixels[:8].all() and not pixels[8:].any()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("GIF", {}),
        ("JPEG", {"quality": 95}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_all_formats_are_read(kind, options, tmp_path):
    values = np.kron(noise(2, 2), np.ones((16, 16), dtype=np.uint8))
    path = tmp_path / "x.bin"
    path.write_bytes(encoded(Image.fromarray(values), kind, **options))
    pixels = read_image(path, (1, 32, 32), 256).numpy()[0].astype(int)
    assert np.abs(pixels - values).max() <= (4 if kind == "JPEG" else 0)


def test_the_first_frame_of_a_moving_picture_counts(tmp_path):
    frames = [Image.new("L", (8, 8), v) for v in (255, 0)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (to_pixels(open_picture(data), (1, 8, 8), 2) == 1).all()


def test_scans_of_16_bits_and_of_1(tmp_path):
    deep = Image.fromarray(np.array([[0, 40_000]], dtype=np.uint16))
    opened = open_picture(encoded(deep, "TIFF"))
    assert to_pixels(opened, (1, 1, 2), 256).tolist() == [[[0, 40_000 >> 8]]]
    ink = Image.fromarray(np.array([[True, False]]))
    opened = open_picture(encoded(ink, "TIFF", compression="group4"))
    assert to_pixels(opened, (1, 1, 2), 2).tolist() == [[[1, 0]]]


def test_bombs_are_refused_before_decoding(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb())
    with pytest.raises(ImageError, match=r"bomb\.png: .*too large to decode safely"):
        open_picture(path)
    path.write_bytes(bomb(9_000, 9_000))
    with pytest.raises(ImageError, match=r"bomb\.png: 9000 x 9000 is too large"):
        open_picture(path)
    with pytest.raises(ImageError, match=r"the image: 20 x 20 .*limit 399 pixels"):
        open_picture(Image.new("L", (20, 20)), max_pixels=399)


@pytest.mark.parametrize("kind", [form for form in FORMATS if form != "HEIF"])
def test_damage_is_named(kind, tmp_path):
    whole = encoded(Image.fromarray(noise(64, 64)), kind)
    for cut in (len(whole) // 2, 20, 0):
        path = tmp_path / f"x{cut}.{kind.lower()}"
        path.write_bytes(whole[:cut])
        with pytest.raises(ImageError, match=f"x{cut}\\..*: (not a picture|damaged or cut short)"):
            open_picture(path)


def test_what_is_not_a_picture_is_refused(tmp_path):
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(ImageError, match=r"x\.png: not a picture \(wanted PNG, .*, AVIF\)"):
        open_picture(tmp_path / "x.png")
    with pytest.raises(ImageError, match="not a picture"):
        open_picture(encoded(Image.new("L", (8, 8)), "PDF"))
    with pytest.raises(ImageError, match="floating-point pixels"):
        open_picture(encoded(Image.new("F", (8, 8), 0.5), "TIFF"))
    with pytest.raises(FileNotFoundError):
        open_picture(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((2, 4, 4), 2), "shape: wanted 1 or 3 channels, got 2"),
        (((1, 4, 4), 1), "levels: wanted 2 to 256, got 1"),
        (((1, 4, 4), 2, "fill"), "fit: wanted crop, pad or stretch, got 'fill'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        to_pixels(Image.new("L", (9, 9)), *arguments)


def test_every_page_of_a_tiff_is_a_picture(tmp_path):
    shades = [Image.new("L", (4, 4), value) for value in (10, 20, 30)]
    shades[0].save(tmp_path / "three.tif", save_all=True, append_images=shades[1:])
    shades[0].save(tmp_path / "one.tif")
    found = pages(tmp_path / "three.tif")
    assert found == [Page(tmp_path / "three.tif", n) for n in (1, 2, 3)]
    assert [open_picture(page).getpixel((0, 0)) for page in found] == [10, 20, 30]
    assert pages(tmp_path / "one.tif") == [tmp_path / "one.tif"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.tif")  # it never ends
        assert pages(tmp_path / "pipe.tif") == [tmp_path / "pipe.tif"]
    (tmp_path / "bad.tif").write_bytes(b"II*")
    assert pages(tmp_path / "bad.tif") == [tmp_path / "bad.tif"]


def test_a_smaller_copy_of_a_page_is_no_page(tmp_path):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    smaller = ImageFileDirectory_v2()
    smaller[254] = 1
    large, small = Image.new("L", (8, 8), 9), Image.new("L", (2, 2), 9)
    small.encoderinfo = {"tiffinfo": smaller}
    large.save(tmp_path / "after.tif", save_all=True, append_images=[small])
    assert pages(tmp_path / "after.tif") == [tmp_path / "after.tif"]
    whole = ImageFileDirectory_v2()
    whole[254] = 0
    large.encoderinfo = {"tiffinfo": whole}
    small.save(tmp_path / "before.tif", tiffinfo=smaller, save_all=True, append_images=[large])
    (page,) = pages(tmp_path / "before.tif")
    assert page == Page(tmp_path / "before.tif", 2) and open_picture(page).size == (8, 8)


@pytest.mark.parametrize("form", ["PPM", "BMP", "TIFF", "JPEG2000", "AVIF"])
def test_formats_of_scanners_and_phones(form, tmp_path):
    image = Image.new("L", (8, 8), 200)
    image.paste(10, (0, 0, 4, 8))
    values = np.asarray(open_picture(encoded(image, form)).convert("L")).astype(int)
    assert abs(values[:, :3] - 10).max() < 12 and abs(values[:, 5:] - 200).max() < 12


def test_a_photograph_of_a_phone_is_read():
    """A red square, as HEIC; there is no encoder here, so it is kept in the test."""
    image = open_picture(base64.b64decode(HEIC)).convert("RGB")
    red, green, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert image.size == (64, 64) and red > 200 and green < 40 and blue < 40


HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABegABAAAAAAAAABkAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAAAAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAHvAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqSSmu"
    "bgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAA"
    "QAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAACFtZGF0AAAAFSgBrwtg+sbB1//6Djv4"
    "HRB217tO3A=="
)
