"""Models on disk: `config.json` and `model.safetensors`, versioned, never a pickle."""

from __future__ import annotations

import difflib
import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from ..files import previous, write_bytes, write_directory
from ..nn import PixelNet
from .base import Model

__all__ = ["FORMAT", "card", "load", "save", "shipped"]

# Format 1 knew no straight path from pixels to the values that a network predicts.
FORMAT = 2
# Weights may be counted more than once while a model is made.
SLACK, LEAST = 4, 100_000
LOOKS = 5
FILES = frozenset(("config.json", "model.safetensors", "card.json", "README.md"))
_WEIGHTS = Path(__file__).parents[1] / "weights"


def shipped() -> list[str]:
    """Names of the models that come with the package.

    Example:
        >>> isinstance(shipped(), list)
        True
    """
    return sorted(p.parent.name for p in _WEIGHTS.glob("*/config.json"))


def save(
    model: Model, directory: Path, card: dict[str, Any] | None = None, *, half: bool = False
) -> Path:
    """Writes a model, and its card if there is one, so that a reader finds all of it or none.

    Raises:
        OSError: If the directory can't be written; what was there stays.
        ValueError: If `half`, and a weight is beyond what 16 bits hold.
    """
    check_place(directory)
    tensors = {k: t.detach().cpu().contiguous() for k, t in model.state_dict().items()}
    if half:
        tensors = {k: _halved(k, t) for k, t in tensors.items()}
    config = {"format": FORMAT, **model.config}

    def fill(folder: Path) -> None:
        mark = {"crc32": _checksum(tensors)}
        write_bytes(folder / "model.safetensors", safetensors.torch.save(tensors, mark))
        write_bytes(folder / "config.json", _text(config))
        if card is not None:
            write_bytes(folder / "card.json", _text(card))

    write_directory(directory, fill)
    return directory


def _halved(name: str, weight: Tensor) -> Tensor:
    if not weight.is_floating_point():
        return weight
    rounded = weight.half()
    if not rounded.isfinite().all():
        most = float(weight.abs().max())
        raise ValueError(f"half: {name} holds {most:g}; 16 bits hold finite numbers up to 65504")
    return rounded


def _text(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _is_model(directory: Path) -> bool:
    return (directory / "config.json").is_file()


def check_place(directory: Path, name: str = "directory") -> None:
    """Refuses a place where something else would be lost; looks again if it is replaced.

    Raises:
        FileExistsError: If there is a file, or a folder that is not empty and no model's alone.
    """
    while True:
        before, other = _mark(directory), ""
        with suppress(FileNotFoundError):
            other = _something_else(directory)
        if not other:
            return
        if before == _mark(directory):
            raise FileExistsError(f"{name}: {directory} exists and {other}; name a new folder")


def _something_else(directory: Path) -> str:
    """What there is besides a model, in words; nothing if there is none."""
    if not directory.is_dir():
        return "is no folder" if directory.exists() else ""
    names = {path.name for path in directory.iterdir()}
    if names - FILES:
        return f"holds something else, such as {min(names - FILES)!r}"
    return "holds something else, no model" if names and not _says_model(directory) else ""


def _says_model(directory: Path) -> bool:
    """Whether the config, if it can be read, is one of a model."""
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    except ValueError:
        return True
    return isinstance(config, dict) and {"format", "model"} <= config.keys()


def load(name_or_dir: str | Path, device: str | torch.device = "cpu") -> Model:
    """Loads a model that ships with the package, or one from a directory, ready to use.

    `hub:you/name`, or `hub:you/name@revision`, is one from the Hugging Face hub, see `hub.fetch`.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If the files are damaged, foreign or of a newer format.

    Example:
        >>> import ilk, tempfile
        >>> model = ilk.models.GatedPixelCNN((1, 4, 4), width=8, depth=2)
        >>> ilk.load(model.save(tempfile.mkdtemp())).config["width"]
        8
    """
    while True:
        directory = _find(name_or_dir)
        before = _mark(directory)
        try:
            model = _read(directory)
        except (OSError, ValueError):
            if before is not None and before == _mark(directory):
                raise
        else:
            if before == _mark(directory):
                return model.to(device).eval()


def _mark(directory: Path) -> tuple[int, int] | None:
    """What tells a directory from another that took its place."""
    try:
        about = directory.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns


def _read(directory: Path) -> Model:
    tensors = _weights(directory / "model.safetensors")
    model, form = _build(directory / "config.json", sum(t.numel() for t in tensors.values()))
    if form == 1:
        _straighten(model, tensors)
    _fill(model, tensors, directory / "model.safetensors")
    return model


def card(name_or_dir: str | Path) -> dict[str, Any] | None:
    """A model's card: command, commit, data, hardware, time and figures; None if it has none.

    Raises:
        FileNotFoundError: If there is no such model.
        ValueError: If the card is damaged.
    """
    path = _find(name_or_dir) / "card.json"
    return _object(path, "the card") if path.is_file() else None


def _find(name_or_dir: str | Path) -> Path:
    directory = Path(name_or_dir)
    if str(name_or_dir).startswith("hub:"):
        from .hub import fetch

        directory = fetch(str(name_or_dir)[4:])
    if str(name_or_dir) in shipped() and not any(map(_is_model, (directory, previous(directory)))):
        directory = _WEIGHTS / str(name_or_dir)  # a folder of that name hides none
    for _ in range(LOOKS):
        if _is_model(directory):
            return directory
        if not directory.exists() and _is_model(previous(directory)):
            return previous(directory)  # it is being replaced, or whoever did was interrupted
        time.sleep(0.002)  # of two that replace it, one was between these two looks
    if _is_model(directory / "model"):
        raise FileNotFoundError(f"{directory} is a run: its model is {directory / 'model'}")
    if directory.is_file() and _is_model(directory.parent):
        raise FileNotFoundError(f"{directory} is a file of a model: name {directory.parent}")
    near = difflib.get_close_matches(str(name_or_dir), shipped(), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise FileNotFoundError(
        f"no model {str(name_or_dir)!r}{hint}: it must be a directory with config.json and "
        f"model.safetensors, one of the shipped models {shipped()}, or hub:you/name"
    )


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _object(path: Path, what: str) -> dict[str, Any]:
    """The JSON object of a file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not {what} of an ilk model: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not {what} of an ilk model: no JSON object")
    return value


def _build(path: Path, weights: int) -> tuple[Model, int]:
    """The model of a config, and the config's format."""
    config = _object(path, "the config")
    if not {"format", "model"} <= config.keys():
        raise ValueError(f"{path} is not the config of an ilk model: no format or no model")
    form = config.pop("format")
    if not isinstance(form, int) or form > FORMAT:
        raise ValueError(f"{path} has format {form}; this ilk reads up to {FORMAT}: update ilk")
    try:
        # Sizes may be damaged: no further than there are weights.
        with _at_most(max(SLACK * weights, LEAST)):
            return Model.of(config), form
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


@contextmanager
def _at_most(weights: int) -> Iterator[None]:
    """Ends the making of a model, in this thread, that would have more weights."""
    thread, count = threading.get_ident(), 0

    def add(module: nn.Module, name: str, weight: nn.Parameter | None) -> None:
        nonlocal count
        if weight is not None and threading.get_ident() == thread:
            count += weight.numel()
            if count > weights:
                raise ValueError("this model would have far more weights than were saved")

    handle = register_module_parameter_registration_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            mark = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing") from None
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from None
    if "crc32" in mark and mark["crc32"] != _checksum(tensors):
        raise ValueError(f"{path} is damaged: its checksum is another")
    return tensors


def _checksum(tensors: dict[str, Tensor]) -> str:
    """CRC-32 of names and bytes of weights."""
    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        crc = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"


def _straighten(model: Model, tensors: dict[str, Tensor]) -> None:
    """From format 1 to 2: a straight path of zeros, and what it divides by its pace, times it."""
    for name, net in model.named_modules():
        if not isinstance(net, PixelNet) or net.straight is None:
            continue
        for key, new in net.straight.state_dict().items():
            tensors.setdefault(f"{name}.straight.{key}", torch.zeros_like(new))
        values = slice(net.straight.values.start, net.straight.values.stop)
        for key in (f"{name}.head.{len(net.head) - 1}.{end}" for end in ("weight", "bias")):
            if key in tensors:
                tensors[key][values] *= net.straight.pace


def _fill(model: Model, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = {k: tuple(t.shape) for k, t in model.state_dict().items()}
    got = {k: tuple(t.shape) for k, t in tensors.items()}
    if wanted != got:
        odd = sorted(k for k in wanted.keys() | got.keys() if wanted.get(k) != got.get(k))
        shown = ", ".join(f"{k}: wanted {wanted.get(k)}, got {got.get(k)}" for k in odd[:3])
        raise ValueError(f"{path} holds other weights than its config.json says ({shown})")
    precisions = {t.dtype for t in tensors.values() if t.is_floating_point()}
    if len(precisions) == 1 and not precisions <= {torch.float16}:  # which is for the disk alone
        model.to(precisions.pop())
    model.load_state_dict(tensors)
