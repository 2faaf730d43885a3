"""Picture files: opened with care, turned upright, laid on white, resized and quantised.

The rules, in order, for every picture that becomes pixels of a model:

1. PNG, JPEG, WebP, AVIF, HEIC, GIF, BMP, PGM, JPEG 2000 or TIFF, each page of which is a picture
   of its own (of an animation the first), at most `MAX_PIXELS` pixels, checked
   before decoding.
2. Turned as its EXIF orientation says; 16-bit greys keep their upper 8 bits.
3. Transparency is composited on white; then grey (ITU-R 601 luma) for one channel, RGB for three.
4. Cropped in the middle to the aspect ratio wanted (`fit="crop"`), padded with the mean colour of
   its edge (`"pad"`), or neither (`"stretch"`).
5. Resized: the mean of the area where it shrinks, bicubic where it grows.
6. Quantised: an 8-bit value `v` becomes `floor(v * levels / 256)`.
"""

from __future__ import annotations

import functools
import io
import math
import stat
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from PIL import Image as PILImage

    Source: TypeAlias = "str | Path | Page | bytes | PILImage.Image"

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Fit",
    "ImageError",
    "Page",
    "area_mean",
    "open_picture",
    "pages",
    "quantise",
    "tiles",
    "to_pixels",
]

Fit = Literal["crop", "pad", "stretch"]
MAX_PIXELS = 50_000_000
MAX_BYTES = 1 << 29
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF")
_JPEG, _TIFF = (".jpg", ".jpeg", ".jpe", ".jfif"), (".tif", ".tiff")
_PPM, _JPEG2000 = (".pgm", ".pbm", ".ppm", ".pnm"), (".jp2", ".j2k", ".jpx", ".jpf")
_PHONE = (".heic", ".heif", ".hif", ".avif")
SUFFIXES = frozenset({".png", *_JPEG, ".webp", ".gif", ".bmp", *_TIFF, *_PPM, *_JPEG2000, *_PHONE})
_SMALLER = 254, 1  # The tag of a TIFF, and its bit, of a page that is another one made smaller.


class ImageError(ValueError):
    """A picture that can't be used: damaged, foreign, or too large to decode safely."""


@dataclass(frozen=True, order=True)
class Page:
    """A page of a file that holds several; the first is number 1.

    Example:
        >>> page = Page(Path("scans/all.tif"), 2)
        >>> str(page), page.name, page.stem
        ('scans/all.tif[2]', 'all-2.tif', 'all-2')
    """

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}[{self.number}]"

    @property
    def stem(self) -> str:
        """The name that a file of its own would have, without a suffix."""
        return f"{self.path.stem}-{self.number}"

    @property
    def name(self) -> str:
        """The name that a file of its own would have."""
        return self.stem + self.path.suffix


def pages(path: Path) -> list[Path | Page]:
    """The pages of a TIFF, in order, if it has several; any other file as it is.

    Copies of pages at a smaller size, which some programs add, are left out.
    """
    from PIL import Image

    if path.suffix.lower() not in _TIFF or not path.is_file():
        return [path]
    try:
        with warnings.catch_warnings(), Image.open(path, formats=("TIFF",)) as image:
            warnings.simplefilter("ignore")
            found: list[Path | Page] = []
            for i in range(getattr(image, "n_frames", 1)):
                image.seek(i)
                if not int(getattr(image, "tag_v2", {}).get(_SMALLER[0], 0)) & _SMALLER[1]:
                    found.append(Page(path, i + 1))
    except Exception:  # Whoever reads it will say what is wrong with it.
        return [path]
    return [path] if found in ([], [Page(path, 1)]) else found


def open_picture(
    source: Source,
    max_pixels: int = MAX_PIXELS,
) -> PILImage.Image:
    """A decoded picture, turned upright.

    Arguments:
        source: A path, a page, the bytes of a file, or a Pillow image.
        max_pixels: A picture with more pixels is refused before it is decoded.

    Raises:
        FileNotFoundError: If there is no such file.
        ImageError: If it is not a picture, damaged, cut short, too large, or its pixels are
            floating-point numbers; it names the file.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if isinstance(source, Image.Image):
        _check_size(source, "the image", max_pixels)
        return ImageOps.exif_transpose(source)
    name = "this file" if isinstance(source, bytes) else str(source)
    path, number = (source.path, source.number) if isinstance(source, Page) else (source, 1)
    if not isinstance(path, bytes):
        _check_file(Path(path))
    file = _opened(path, whole=number == 1)
    formats = _known_formats(file.read(8)[4:] == b"ftyp")
    file.seek(0)
    try:
        with file, warnings.catch_warnings():
            # Pillow warns of what it can bear, and its own limit only warns at first.
            warnings.simplefilter("ignore")
            image = Image.open(file, formats=formats)
            if number > 1:
                image.seek(number - 1)
            _check_size(image, name, max_pixels)
            image.load()
            if image.mode == "F":
                raise ImageError(f"{name}: floating-point pixels; wanted 8 or 16 bits")
            return ImageOps.exif_transpose(image)
    except Image.DecompressionBombError as error:
        reason = "too large to decode safely; a smaller copy will do"
        raise ImageError(f"{name}: {reason}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture (wanted {', '.join(formats)})") from error
    except ImageError:
        raise
    except Exception as error:  # decoders stumble over damage in every way
        raise ImageError(f"{name}: damaged or cut short") from error


@functools.cache
def _known_formats(phone: bool) -> tuple[str, ...]:
    """Of `FORMATS` those that this Pillow decodes; those of phones' photographs with a plug-in."""
    from PIL import Image

    if phone:
        with suppress(ImportError):  # not where there is no build of it
            import pi_heif

            pi_heif.register_heif_opener()
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _opened(source: str | Path | bytes, whole: bool) -> IO[bytes]:
    """A file to read, `whole` in memory; of one with many pages each reads its own alone."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return io.BytesIO(Path(source).read_bytes()) if whole else open(source, "rb")


def _check_file(path: Path) -> None:
    """Refuses what never ends, as a pipe, and what is too large for a picture."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise ImageError(f"{path}: not a file")
    if about.st_size > MAX_BYTES:
        raise ImageError(f"{path}: too large for a picture (limit {MAX_BYTES >> 20} MiB)")


def quantise(values: np.ndarray, levels: int) -> np.ndarray:
    """8-bit values in `levels` equal steps, `floor(v * levels / 256)`, uint8.

    Example:
        >>> quantise(np.array([0, 127, 128, 255]), 2).tolist()
        [0, 0, 1, 1]
    """
    if not 2 <= levels <= 256:
        raise ValueError(f"levels: wanted 2 to 256, got {levels}")
    return (values.astype(np.uint16) * levels >> 8).astype(np.uint8)


def area_mean(x: np.ndarray, side: int) -> np.ndarray:
    r"""Square images `(..., S, S)` made smaller by the mean of the area, `(..., side, side)`.

    A new pixel covers a square of side S / side, and is the mean of the old ones weighted by the
    part of them that it covers, in whole numbers and rounded half up: with g the greatest common
    divisor of both sides, every pixel is repeated side / g times each way and blocks of
    :math:`(S / g)^2` are averaged. So an image reduced and then mirrored is the mirror image
    reduced, and 64 to 32 is the mean of 2 x 2.

    Raises:
        ValueError: If the images are not uint8 and square, or `side` is not in `1..S`.

    Example:
        >>> area_mean(np.array([[0, 0, 9], [0, 0, 9], [6, 6, 9]], dtype=np.uint8), 2).tolist()
        [[0, 6], [4, 7]]
    """
    if x.dtype != np.uint8 or x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"x: wanted square images in uint8, got {x.dtype} {x.shape}")
    old = x.shape[-1]
    if not 1 <= side <= old:
        raise ValueError(f"side: wanted 1 to {old}, got {side}")
    repeat, block = side // math.gcd(old, side), old // math.gcd(old, side)
    # How many of the repeats of an old pixel a new one covers. Sums are whole numbers far below
    # 2^53, so they and the floor of the quotient are exact.
    cover = np.repeat(np.eye(old), repeat, axis=0).reshape(side, block, old).sum(axis=1)
    rows = x.reshape(-1, old).astype(np.float64) @ cover.T
    sums = cover @ rows.reshape(*x.shape[:-1], side)
    return ((2 * sums + block**2) / (2 * block**2)).astype(np.uint8)


def to_pixels(
    image: PILImage.Image, shape: tuple[int, int, int], levels: int, fit: Fit = "crop"
) -> np.ndarray:
    """A picture as a model's pixels, uint8 `(C, H, W)` in `0..levels-1`: rules 3 to 6 above.

    Raises:
        ValueError: If `shape` has neither 1 nor 3 channels, or `levels` or `fit` is unknown.

    Example:
        >>> from PIL import Image
        >>> to_pixels(Image.new("RGB", (40, 20), "white"), (1, 2, 2), levels=16).tolist()
        [[[15, 15], [15, 15]]]
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise ValueError(f"shape: wanted 1 or 3 channels, got {channels}")
    if fit not in ("crop", "pad", "stretch"):
        raise ValueError(f"fit: wanted crop, pad or stretch, got {fit!r}")
    image = flatten(image, colour=channels == 3)
    if image.size != (width, height):
        image = _resize(image, width, height, fit)
    pixels = quantise(np.asarray(image), levels).reshape(height, width, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def flatten(image: PILImage.Image, colour: bool, paper: int = 255) -> PILImage.Image:
    """8-bit grey or RGB, with transparency composited on a grey `paper`."""
    from PIL import Image

    mode = "RGB" if colour else "L"
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        shift = 8 if image.mode.startswith("I;16") or values.max() > 255 else 0
        image = Image.fromarray(np.clip(values >> shift, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        under = Image.new("RGBA", image.size, (paper, paper, paper, 255))
        image = Image.alpha_composite(under, image)
    return image.convert(mode)


def _resize(image: PILImage.Image, width: int, height: int, fit: Fit) -> PILImage.Image:
    from PIL import Image

    w, h = image.size
    box: tuple[float, float, float, float] = (0, 0, w, h)
    if fit == "crop":
        scale = min(w / width, h / height)
        x, y = (w - scale * width) / 2, (h - scale * height) / 2
        box = (x, y, x + scale * width, y + scale * height)
    elif fit == "pad":
        scale = max(w / width, h / height)
        side = (max(w, round(scale * width)), max(h, round(scale * height)))
        if side[0] * side[1] > MAX_PIXELS:
            raise ImageError(f"{w} x {h} is too narrow to be padded (limit {MAX_PIXELS:,} pixels)")
        canvas = Image.new(image.mode, side, _edge_colour(image))
        canvas.paste(image, ((side[0] - w) // 2, (side[1] - h) // 2))
        image, box = canvas, (0, 0, *side)
    shrinks = box[2] - box[0] >= width and box[3] - box[1] >= height
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC
    return image.resize((width, height), method, box=box)


def _edge_colour(image: PILImage.Image) -> int | tuple[int, ...]:
    values = np.asarray(image)
    ring = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    mean = np.atleast_1d(ring.mean(axis=0).round().astype(int))
    return int(mean[0]) if mean.size == 1 else tuple(int(v) for v in mean)


def _check_size(image: PILImage.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} is too large to decode safely"
            f" (limit {max_pixels:,} pixels); a smaller copy will do"
        )


def tiles(sheet: bytes, count: int, side: int) -> np.ndarray:
    """The first tiles of a sheet, left to right and downwards, `(count, 3, side, side)`.

    Raises:
        ValueError: If the file can't be read, or holds fewer.
    """
    pixels = np.asarray(flatten(open_picture(sheet), colour=True))
    height, width = pixels.shape[0] // side, pixels.shape[1] // side
    if height * width < count:
        raise ValueError(f"{count} tiles, but the sheet holds {height * width}")
    grid = pixels[: height * side, : width * side].reshape(height, side, width, side, 3)
    return grid.transpose(0, 2, 4, 1, 3).reshape(-1, 3, side, side)[:count]
