"""Models on disk: `config.json` and `model.safetensors`, versioned, never a pickle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .base import Model

__all__ = ["FORMAT", "card", "load", "save", "shipped"]

FORMAT = 1
_WEIGHTS = Path(__file__).parents[1] / "weights"


def shipped() -> list[str]:
    """Names of the models that come with the package.

    Example:
        >>> isinstance(shipped(), list)
        True
    """
    return sorted(p.parent.name for p in _WEIGHTS.glob("*/config.json"))


def save(model: Model, directory: Path, card: dict[str, Any] | None = None) -> Path:
    """Writes a model, and its card if there is one, so that a reader finds all of it or none.

    Raises:
        OSError: If the directory can't be written; what was there stays.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    config = {"format": FORMAT, **model.config}
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        tensors = {k: t.detach().cpu().contiguous() for k, t in model.state_dict().items()}
        save_file(tensors, scratch / "model.safetensors")
        (scratch / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        if card is not None:
            (scratch / "card.json").write_text(json.dumps(card, indent=2) + "\n")
        for file in scratch.iterdir():
            file.chmod(0o644)
            with file.open("rb") as f:
                os.fsync(f.fileno())
        scratch.chmod(0o755)
        _replace(scratch, directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def _replace(new: Path, directory: Path) -> None:
    if not directory.exists():
        new.rename(directory)
        return
    if not (directory / "config.json").exists() and any(directory.iterdir()):
        raise FileExistsError(f"directory: {directory} exists and holds something else")
    old = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    directory.rename(old / "old")
    try:
        new.rename(directory)
    except OSError:
        (old / "old").rename(directory)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


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
    directory = _find(name_or_dir)
    model = _build(directory / "config.json")
    _fill(model, directory / "model.safetensors")
    return model.to(device).eval()


def card(name_or_dir: str | Path) -> dict[str, Any] | None:
    """A model's card: command, commit, data, hardware, time and figures; None if it has none.

    Raises:
        FileNotFoundError: If there is no such model.
    """
    path = _find(name_or_dir) / "card.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _find(name_or_dir: str | Path) -> Path:
    directory = Path(name_or_dir)
    if str(name_or_dir).startswith("hub:"):
        from .hub import fetch

        directory = fetch(str(name_or_dir)[4:])
    if not directory.is_dir() and str(name_or_dir) in shipped():
        directory = _WEIGHTS / str(name_or_dir)
    if not (directory / "config.json").is_file():
        raise FileNotFoundError(
            f"no model {str(name_or_dir)!r}: it must be a directory with config.json and "
            f"model.safetensors, one of the shipped models {shipped()}, or hub:you/name"
        )
    return directory


def _build(path: Path) -> Model:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        form = config.pop("format")
        config["model"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not the config of an ilk model: {error!r}") from None
    if not isinstance(form, int) or form > FORMAT:
        raise ValueError(f"{path} has format {form}; this ilk reads up to {FORMAT}: update ilk")
    try:
        return Model.of(config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _fill(model: Model, path: Path) -> None:
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}") from None
    wanted = {k: tuple(t.shape) for k, t in model.state_dict().items()}
    got = {k: tuple(t.shape) for k, t in tensors.items()}
    if wanted != got:
        odd = sorted(k for k in wanted.keys() | got.keys() if wanted.get(k) != got.get(k))
        shown = ", ".join(f"{k}: wanted {wanted.get(k)}, got {got.get(k)}" for k in odd[:3])
        raise ValueError(f"{path} holds other weights than its config says ({shown})")
    precisions = {t.dtype for t in tensors.values() if t.is_floating_point()}
    if len(precisions) == 1:
        model.to(precisions.pop())
    model.load_state_dict(tensors)
