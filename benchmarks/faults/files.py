"""Every kind of file that the program reads: a good one made, damaged, and read again.

Whatever the bytes are, reading ends with a result or with one error of `REFUSALS`, which names
the file, in less than `SECONDS` and with less than `MEMORY` more memory.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import resource
import signal
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import ilk
from ilk.coding import archive, pack, unpack
from ilk.data import load, one_shot_runs, read_folder, read_image
from ilk.models import Model
from ilk.training.checkpoint import Checkpoints

from .damage import distorted, mended_png, spoilt

__all__ = ["MEMORY", "REFUSALS", "SECONDS", "Kind", "attempt", "guarded", "kinds", "read_with"]

REFUSALS = (ValueError, OSError)
SECONDS, MEMORY = 20, 3 << 30
SIDE = 8
Damage = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        files: Good files, by the names that the reader expects.
        read: Reads what a folder holds; the file that was damaged is the second argument.
        damage: Ways to spoil the content.
        spoil: Which of the files to spoil; all of them by default.
    """

    files: Callable[[], dict[str, bytes]]
    read: Callable[[Path, Path], object]
    damage: tuple[Damage, ...] = (spoilt,)
    spoil: tuple[str, ...] = ()


def attempt(kind: Kind, folder: Path, chance: Random) -> str:
    """Damages a file of a kind in an empty folder and reads it: `"read"` or `"refused"`.

    Raises:
        AssertionError: If it ended otherwise.
    """
    files = kind.files()
    name = chance.choice(kind.spoil or tuple(files))
    return read_with(kind, folder, name, chance.choice(kind.damage)(files[name], chance))


def read_with(kind: Kind, folder: Path, name: str, content: bytes) -> str:
    """Reads the good files of a kind, but one with another content; see `attempt`."""
    for other, good in kind.files().items():
        (folder / other).parent.mkdir(parents=True, exist_ok=True)
        (folder / other).write_bytes(good)
    bad = folder / name
    bad.write_bytes(content)
    try:
        with guarded(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message="(?s).*files skipped")
            warnings.filterwarnings("ignore", message="Initializing zero-element")
            kind.read(folder, bad)
    except REFUSALS as error:
        assert "\n" not in str(error) or "no picture could be read" in str(error), repr(error)
        assert bad.name in str(error), f"the error does not name {bad.name}: {error!r}"
        return "refused"
    except (Exception, Late) as error:
        raise AssertionError(f"{bad}: {type(error).__name__}: {error}") from error
    return "read"


class Late(BaseException):
    """Reading took too long; no handler of errors catches this."""


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Ends what takes too long, or too much memory, with an error."""

    def late(*_: object) -> None:
        raise Late(f"not done after {SECONDS} s of processor time")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGPROF, late)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, handler)


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _noise(*shape: int, most: int = 256) -> np.ndarray:
    return np.random.default_rng(0).integers(most, size=shape).astype(np.uint8)


@cache
def _pictures() -> dict[str, bytes]:
    """One of each format and mode."""
    grey, colour = Image.fromarray(_noise(12, 10)), Image.fromarray(_noise(12, 10, 3))
    clear = Image.fromarray(_noise(12, 10, 4))
    deep = Image.fromarray(_noise(12, 10).astype(np.uint16) * 257)
    frames: dict[str, Any] = {"save_all": True, "append_images": [grey.rotate(180)] * 2}
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    palette = colour.quantize(16)
    return {
        "grey.png": _encoded(grey, "PNG"),
        "colour.png": _encoded(colour, "PNG", exif=exif),
        "clear.png": _encoded(clear, "PNG"),
        "deep.png": _encoded(deep, "PNG"),
        "bits.png": _encoded(grey.convert("1"), "PNG"),
        "palette.png": _encoded(palette, "PNG", transparency=bytes(range(0, 256, 16))),
        "moving.png": _encoded(colour, "PNG", **frames),
        "grey.jpg": _encoded(grey, "JPEG"),
        "turned.jpg": _encoded(colour, "JPEG", exif=exif),
        "print.jpg": _encoded(colour.convert("CMYK"), "JPEG"),
        "step.jpg": _encoded(colour, "JPEG", progressive=True),
        "palette.gif": _encoded(palette, "GIF", transparency=0),
        "moving.gif": _encoded(grey, "GIF", **frames),
        "plain.webp": _encoded(colour, "WEBP", exif=exif),
        "clear.webp": _encoded(clear, "WEBP", lossless=True),
        "moving.webp": _encoded(colour, "WEBP", **frames),
        "plain.bmp": _encoded(colour, "BMP"),
        "scan.tiff": _encoded(grey, "TIFF", compression="tiff_lzw"),
        "moving.tif": _encoded(colour, "TIFF", **frames),
        "foreign.ppm.png": _encoded(grey, "PPM"),
    }


def _plain() -> dict[str, bytes]:
    return {name: content for name, content in _pictures().items() if "foreign" not in name}


def _mended(content: bytes, chance: Random) -> bytes:
    return mended_png(spoilt(content, chance))


def _read_picture(_: Path, file: Path) -> None:
    """By every rule that there is."""
    for shape, levels in (((1, 26, 26), 2), ((1, SIDE, SIDE), 2), ((3, SIDE, SIDE), 256)):
        read_image(file, shape, levels)


def _read_pictures(folder: Path, file: Path) -> None:
    """A folder leaves a damaged picture out and reads all others."""
    _, report = read_folder(folder)
    # A page of a file that holds several is a picture of its own.
    assert report.used + len(report.skipped) >= len(_plain()), report
    assert report.used >= len(_plain()) - 1, report
    read_folder(folder, on_error="raise")


@cache
def _model() -> Model:
    torch.manual_seed(0)
    shape = (1, SIDE, SIDE)
    model = ilk.models.AttentionPixelCNN(shape, width=8, depth=2, read_at=(1,), patches=8, shots=4)
    return model.eval()


@cache
def _images(count: int = 5) -> Tensor:
    return torch.from_numpy(_noise(count, 1, SIDE, SIDE, most=2))


@cache
def _archive() -> dict[str, bytes]:
    names = [f"{i}.png" for i in range(5)]
    return {"a.ilk": pack(_model(), _images(), names, _images()[:2], "tiny", chunk=2)}


def _read_archive(_: Path, file: Path) -> None:
    """What is read of a damaged archive is what was written; else `archive:` tells why."""
    content = file.read_bytes()
    with _naming(file):
        read = unpack(content, _model(), partial=True)
    wanted = {f"{i}.png": x for i, x in enumerate(_images())}
    got = zip(read.names, read.images, strict=True)
    if content[16:60] == _archive()["a.ilk"][16:60]:
        assert all(torch.equal(wanted[name], x) for name, x in got), "other pictures came out"


def _rewritten(content: bytes, chance: Random) -> bytes:
    """An archive with another header, by one who knows the checksum."""
    _, length, _ = struct.unpack_from("<8sII", content)
    fields = distorted(json.loads(zlib.decompress(content[16 : 16 + length])), chance)
    packed = zlib.compress(json.dumps(fields).encode("utf-8", "surrogatepass"))
    front = struct.pack("<8sII", archive.MAGIC, len(packed), zlib.crc32(packed))
    return front + packed + content[16 + length :]


@cache
def _blob() -> dict[str, bytes]:
    return {"x.ilkb": _model()(_images()[:2]).encode(_images())}


def _sealed(content: bytes, chance: Random) -> bytes:
    """A blob with another content and the right checksum."""
    body = spoilt(content[:-4], chance)
    return body + struct.pack("<I", zlib.crc32(body))


def _read_blob(_: Path, file: Path) -> None:
    with _naming(file):
        x = _model()(_images()[:2]).decode(file.read_bytes())
    assert torch.equal(x, _images()), "other pictures came out"


@contextlib.contextmanager
def _naming(file: Path) -> Iterator[None]:
    """For what is given as bytes: the caller knows the file, the error says what it is."""
    try:
        yield
    except ValueError as error:
        assert str(error).startswith(("archive: ", "blob: ")), repr(error)
        raise ValueError(f"{file}: {error}") from error


def _json(content: bytes, chance: Random) -> bytes:
    text = json.dumps(distorted(json.loads(content), chance))
    return text.encode("utf-8", "surrogatepass")


def _deep(content: bytes, chance: Random) -> bytes:
    return content.replace(b": ", b": " + b"[" * 100_000, 1)


@cache
def _saved(folder: Path, meta: bool = False) -> dict[str, bytes]:
    base = _model()
    model = ilk.models.MetaPixelCNN(base, layer=1, shots=4) if meta else base
    model.save(folder, {"by": "a test"})
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _read_model(folder: Path, file: Path) -> None:
    from ilk.models.storage import card

    model = ilk.load(folder)
    card(folder)
    if file.name == "config.json" and model.shape == (1, SIDE, SIDE) and model.levels == 2:
        with contextlib.suppress(MemoryError):  # a step size without bounds is told as such
            model(_images()[:2]).log_prob(_images())


def _header(content: bytes, chance: Random) -> bytes:
    """Weights whose header, as JSON, says something else."""
    (length,) = struct.unpack_from("<Q", content)
    text = json.dumps(distorted(json.loads(content[8 : 8 + length]), chance)).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


@cache
def _run(folder: Path) -> dict[str, bytes]:
    tensors = {part: {"w": torch.arange(4.0)} for part in ("model", "ema", "optimizer")}
    for step in (3, 6):
        Checkpoints(folder).save(step, tensors, {"seconds": 1.0, "recipe": {"width": 8}})
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _read_run(folder: Path, file: Path) -> None:
    """The newest checkpoint that is whole, to the last bit."""
    found, messages = Checkpoints(folder).newest()
    assert found is not None and found.step in (3, 6), messages
    assert found.step == 6 or (file.parent.name == "step-00000006" and messages), messages
    assert found.meta["recipe"] == {"width": 8} and found.meta["seconds"] == 1.0, found.meta
    assert all(torch.equal(t["w"], torch.arange(4.0)) for t in found.tensors.values())


def _npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def _bent(content: bytes, chance: Random) -> bytes:
    """An npz file whose arrays have other types, shapes or values."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    key = chance.choice(sorted(arrays))
    array = arrays[key]
    ways: list[Callable[[], np.ndarray]] = [
        lambda: array[: len(array) // 2],
        lambda: array[..., :1],
        lambda: array[None],
        lambda: array.reshape(-1),
        lambda: np.zeros(0, array.dtype),
        lambda: np.array(7),
        lambda: array.astype("U8"),
        lambda: np.full(array.shape, 10**9),
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, -1),
        lambda: np.repeat(array, 2, axis=0),
    ]
    arrays[key] = chance.choice(ways)()
    if chance.random() < 0.1:
        del arrays[key]
    return _npz(**arrays)


def _single(content: bytes, chance: Random) -> bytes:
    """One array without the archive around it."""
    buffer = io.BytesIO()
    np.save(buffer, np.arange(4))
    return buffer.getvalue()


@cache
def _omniglot() -> bytes:
    names = np.array([f"A{k // 2}/character{k:02}" for k in range(8)])
    bits = np.packbits(_noise(16, 105 * 105, most=2), axis=1)
    kind, split = np.arange(8).repeat(2), (np.arange(8) > 4).astype(np.uint8).repeat(2)
    return _npz(images=bits, character=kind, split=split, character_names=names)


@cache
def _omniglot_28() -> bytes:
    names = np.array([f"A{k // 2}/character{k:02}" for k in range(8)])
    bits = np.packbits(_noise(8, 3, 28 * 28, most=2), axis=2)
    return _npz(images=bits, character_names=names, split=(np.arange(8) > 4).astype(np.uint8))


@cache
def _drawings(part: str) -> dict[str, bytes]:
    png = [_encoded(Image.fromarray(_noise(105, 105)).convert("1"), "PNG") for _ in range(2)]
    where = f"images_{part}/A{part}/character"
    return {f"{where}{k:02}/{k:04}_{i:02}.png": png[i] for k in range(4) for i in range(2)}


@cache
def _runs() -> bytes:
    png = _encoded(Image.fromarray(_noise(105, 105)).convert("1"), "PNG")
    pairs = [f"run01/test/item{i}.png run01/training/class{i}.png" for i in range(3)]
    files = {name: png for pair in pairs for name in pair.split()}
    return _zip({**files, "run01/class_labels.txt": "\n".join(pairs).encode()})


@cache
def _mnist() -> dict[str, bytes]:
    files = {}
    for part, count in (("train", 12), ("t10k", 6)):
        images, labels = _noise(count, 28, 28), (np.arange(count) % 10).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            files[f"{part}-{name}-ubyte.gz"] = gzip.compress(head + array.tobytes())
    return files


def _amat() -> dict[str, bytes]:
    rows = "\n".join(" ".join(map(str, row)) for row in _noise(3, 784, most=2)) + "\n"
    return {f"binarized_mnist_{p}.amat": rows.encode() for p in ("train", "valid", "test")}


@cache
def _mnist_npz() -> bytes:
    labels = (np.arange(12) % 10).astype(np.uint8)
    return _npz(
        train_images=_noise(12, 28, 28),
        train_labels=labels,
        test_images=_noise(6, 28, 28),
        test_labels=labels[:6],
    )


@cache
def _photographs() -> bytes:
    jpeg = [_encoded(Image.fromarray(_noise(64, 64, 3)), "JPEG") for _ in range(4)]
    offset = np.cumsum([0, *map(len, jpeg)])
    content, names = np.frombuffer(b"".join(jpeg), np.uint8), np.array(list("abcd"))
    return _npz(
        **{f"{p}_{k}": v for p in ("train", "val")
           for k, v in (("jpeg", content), ("offset", offset), ("name", names))}
    )  # fmt: skip


@cache
def _products() -> bytes:
    sheet = _encoded(Image.fromarray(_noise(128, 256, 3)), "WEBP", lossless=True)
    return _npz(images_webp=np.frombuffer(sheet, np.uint8), object=np.arange(8) // 2)


def _set(name: str, files: Callable[[], dict[str, bytes]], *damage: Damage) -> Kind:
    def read(folder: Path, _: Path) -> None:
        for part in ("train", "test", "all"):
            load(name, part=part, root=folder)

    return Kind(files, read, (spoilt, *damage))


def _zipped(content: bytes, chance: Random) -> bytes:
    """A zip archive in which one file is spoilt."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    name = chance.choice(sorted(files))
    files[name] = spoilt(files[name], chance)
    return _zip(files)


def _unzipped(content: bytes, chance: Random) -> bytes:
    """A gzip file of other content."""
    return gzip.compress(spoilt(gzip.decompress(content), chance))


def kinds(scratch: Path) -> dict[str, Kind]:
    """Every kind of file, by name. Some good files are made in a scratch folder."""
    model, run = scratch / "model", scratch / "run"
    meta = scratch / "meta"
    return {
        "pictures": Kind(_pictures, _read_picture, (spoilt, _mended)),
        "folders of pictures": Kind(_plain, _read_pictures, (spoilt, _mended)),
        "archives": Kind(_archive, _read_archive, (spoilt, _rewritten)),
        "blobs": Kind(_blob, _read_blob, (spoilt, _sealed)),
        "models": Kind(lambda: _saved(model), _read_model),
        "configs": Kind(lambda: _saved(model), _read_model, (_json, _deep), ("config.json",)),
        "configs in configs": Kind(
            lambda: _saved(meta, True), _read_model, (_json,), ("config.json",)
        ),
        "weights": Kind(lambda: _saved(model), _read_model, (_header,), ("model.safetensors",)),
        "cards": Kind(lambda: _saved(model), _read_model, (spoilt, _json, _deep), ("card.json",)),
        "checkpoints": Kind(lambda: _run(run), _read_run),
        "heads of checkpoints": Kind(
            lambda: _run(run),
            _read_run,
            (spoilt, _json, _deep),
            ("step-00000003/checkpoint.json", "step-00000006/checkpoint.json"),
        ),
        "omniglot.npz": _set("omniglot-26", lambda: {"omniglot.npz": _omniglot()}, _bent, _single),
        "omniglot_28_gmn.npz": _set(
            "omniglot-28", lambda: {"omniglot_28_gmn.npz": _omniglot_28()}, _bent, _single
        ),
        "omniglot zip": _set(
            "omniglot-26",
            lambda: {f"images_{p}.zip": _zip(_drawings(p)) for p in ("background", "evaluation")},
            _zipped,
        ),
        "all_runs.zip": Kind(
            lambda: {"all_runs.zip": _runs()},
            lambda folder, _: one_shot_runs(folder),
            (spoilt, _zipped),
        ),
        "mnist.npz": _set("mnist", lambda: {"mnist.npz": _mnist_npz()}, _bent, _single),
        "mnist idx": _set("mnist", _mnist, _unzipped),
        "mnist-binary amat": _set("mnist-binary", _amat),
        "tiny_imagenet npz": _set(
            "flips-24", lambda: {"tiny_imagenet_64_subset.npz": _photographs()}, _bent, _single
        ),
        "eth80 npz": _set("eth80-32", lambda: {"eth80_64.npz": _products()}, _bent, _single),
    }
