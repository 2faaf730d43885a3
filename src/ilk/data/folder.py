"""A folder of folders of pictures: every folder that directly holds pictures is a kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ilk.data.drawing import OMNIGLOT, read_image
from ilk.data.files import Picture, Skipped, walk, why
from ilk.data.kinds import Kinds, first_by_hash
from ilk.data.picture import SUFFIXES, Fit, ImageError, flatten, open_picture, pages
from ilk.data.polarity import Polarity

__all__ = ["FolderReport", "Skipped", "part_of_folder", "read_folder"]

LARGEST = 64
LOOSE = ""  # the name of the folder itself
HELD_BACK = {"test": 0.2, "valid": 0.05}
PARTS_OF = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS_OF |= dict.fromkeys(("valid", "validation", "val", "dev"), "valid")


@dataclass(frozen=True)
class FolderReport:
    """What was read from a folder and what was not.

    Arguments:
        folder: The folder.
        used: The number of images read.
        skipped: Every other file, hidden ones excepted.
        empty: Kinds of which no image could be read, and which are left out therefore.
        counts: The number of images of every kind that is left.
        found: What the pictures are and what size and levels follow, where these were inferred.
        parts: Which subfolders are parts to train and test with, or in other words.
    """

    folder: Path
    used: int
    skipped: tuple[Skipped, ...]
    empty: tuple[str, ...]
    counts: tuple[int, ...] = ()
    found: str = ""
    parts: str = ""

    def __str__(self) -> str:
        lines = [f"{self.folder}: {self.used} images read, {len(self.skipped)} files skipped"]
        if self.counts:
            least, most = min(self.counts), max(self.counts)
            each = f"{least} to {most} images each" if least < most else f"{least} images each"
            lines.append(
                f"  {len(self.counts)} kinds, {each}, {self.counts.count(1)} of one image"
            )
        lines += [f"  {self.found}"] if self.found else []
        lines += [f"  {self.parts}"] if self.parts else []
        reasons = Counter(s.reason.partition(" (")[0] for s in self.skipped)
        lines += [f"  skipped {n}: {reason}" for reason, n in reasons.most_common()]
        lines += [f"    {s.path}: {s.reason}" for s in self.skipped]
        lines += [f"  {name}: no image left, kind left out" for name in self.empty]
        return "\n".join(lines)


def read_folder(
    folder: str | Path,
    shape: tuple[int, int, int] | None = None,
    levels: int | None = None,
    *,
    fit: Fit = "crop",
    on_error: Literal["skip", "raise"] = "skip",
    ink: Polarity = "auto",
) -> tuple[Kinds, FolderReport]:
    """Read all pictures below a folder, each by the rules of `read_image`.

    Kinds are named by their path below the folder, in the order of these names. A folder that
    holds the pictures itself is one kind of its own name; beside folders of kinds loose pictures
    are left out. Hidden files are ignored.

    Where `shape` is not given: pictures of one common size up to 64 x 64 keep it, others become
    squares as large as the median shorter side, at most 64; there are three channels where any
    picture is coloured (more than 1 % of pixels with channels more than 16 apart), else one. Where
    `levels` is not given: 2 where no picture needs resizing and all are black and white, else 256.
    Drawings that need resizing become what `omniglot-26` has, `(1, 26, 26)` of 2 levels, where
    that fits what is given: ink on paper, on the median at most 5 % of its pixels neither nearly
    black nor nearly white.

    Arguments:
        folder: Where to look.
        shape: `(C, H, W)` to bring the pictures to.
        levels: To quantise to.
        fit: What to do about another aspect ratio: `"crop"`, `"pad"` or `"stretch"`.
        ink: Of drawings, whether ink is `"dark"` or `"light"`; by default told from each.
        on_error: `"skip"` leaves files that can't be used out and reports them, `"raise"` refuses.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImageError: With `on_error="raise"`, at the first file that can't be used.
        ValueError: If no picture can be read, all pixels are of one value, or an argument is out
            of range.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"folder: {root} is not a folder")
    if on_error not in ("skip", "raise"):
        raise ValueError(f"on_error: wanted skip or raise, got {on_error!r}")
    skipped: dict[Picture, str] = {}
    files: dict[str, list[Picture]] = {}
    unread: list[OSError] = []
    for name, path in walk(root, unread):
        if path.suffix.lower() in SUFFIXES:
            files.setdefault(name, []).extend(pages(path))
        else:
            _reject(skipped, path, why(path), on_error)
    if len(files) > 1:
        for path in files.pop(LOOSE, []):
            _reject(skipped, path, "beside the folders of kinds, in none of them", on_error)
    if LOOSE in files:
        files = {root.resolve().name: files[LOOSE]}
    for error in unread:
        _reject(skipped, Path(error.filename), str(error.strerror), on_error)
    found = ""
    if shape is None or levels is None:
        seen = _look([path for name in sorted(files) for path in files[name]], skipped, on_error)
        shape, levels, found = seen.choose(shape, levels)
    images: list[Tensor] = []
    counts: dict[str, int] = {}
    for name in sorted(files):
        before = len(images)
        for path in files[name]:
            if path not in skipped:
                try:
                    images.append(read_image(path, shape, levels, fit, ink=ink))
                except (ImageError, OSError) as error:
                    _reject(skipped, path, str(error), on_error)
        counts[name] = len(images) - before
    names = tuple(name for name, count in counts.items() if count)
    report = FolderReport(
        folder=root,
        used=len(images),
        skipped=tuple(Skipped(path, skipped[path]) for path in sorted(skipped, key=str)),
        empty=tuple(name for name, count in counts.items() if not count),
        counts=tuple(counts[name] for name in names),
        found=found,
        parts=_parts(names),
    )
    if not images:
        raise ValueError(f"folder: no picture could be read.\n{report}")
    pixels = torch.stack(images)
    if pixels.min() == pixels.max():
        raise ValueError(
            f"folder: every pixel below {root} comes to the value {int(pixels.max())} of"
            f" 0..{levels - 1}; wanted pictures whose 8-bit values span 0 to 255"
        )
    per_kind = torch.tensor([counts[name] for name in names])
    kind = torch.arange(len(names)).repeat_interleave(per_kind)
    return Kinds(pixels, kind, names, levels, root.resolve().name), report


def part_of_folder(kinds: Kinds, part: str) -> Kinds:
    """The part of a folder's kinds to train, validate or test with.

    Where the folder has subfolders `train` and `test` (and perhaps `valid`), these are the parts,
    in small letters or capitals; `training`, `testing`, `validation`, `val` and `dev` are too.
    Otherwise 20 % of the kinds are `test`, 5 % `valid` (at least one each): those first in the
    order of `SHA-256(name)`.

    Arguments:
        kinds: All kinds of the folder.
        part: `"train"`, `"valid"`, `"train+valid"`, `"test"` or `"all"`.

    Raises:
        ValueError: If the part is unknown, or there are too few kinds to part them.
    """
    if part not in ("train", "valid", "train+valid", "test", "all"):
        raise ValueError(f"part: wanted train, valid, train+valid, test or all, got {part!r}")
    if part == "all":
        return kinds
    home = [PARTS_OF.get(name.partition("/")[0].lower(), "") for name in kinds.names]
    if {"train", "test"} <= set(home):
        left = [k for k, h in enumerate(home) if h == "train"]
        members = {"test": [k for k, h in enumerate(home) if h == "test"]}
        if "valid" in home:
            members["valid"] = [k for k, h in enumerate(home) if h == "valid"]
    else:
        left, members = list(range(len(kinds))), {}
    total = len(left)
    for name in ("test", "valid"):
        if name not in members:
            count = max(1, round(HELD_BACK[name] * total))
            members[name] = first_by_hash(kinds.names, count, among=left)
            left = [k for k in left if k not in members[name]]
    members["train"] = left
    members["train+valid"] = sorted(left + members["valid"])
    if not left or not members[part]:
        raise ValueError(
            f"part: {kinds.name!r} holds {len(kinds)} kinds, too few to part them in"
            " train, valid and test: wanted one or more for each"
        )
    return kinds.subset(members[part], name=f"{kinds.name}/{part}")


def _parts(names: tuple[str, ...]) -> str:
    """What the names of subfolders say of parts, if they do not say it exactly.

    Example:
        >>> _parts(("Test/a", "Train/a", "Extra/a"))
        'Test, Train are the parts test, train; Extra is in no part'
        >>> _parts(("test/a", "train/a")), _parts(("train/a", "birch"))
        ('', '')
    """
    homes = sorted({name.partition("/")[0] for name in names})
    part = {home: PARTS_OF.get(home.lower(), "") for home in homes}
    if not {"train", "test"} <= set(part.values()):
        return ""
    named = [home for home in homes if part[home]]
    others = [home for home in homes if not part[home]]
    told = []
    if any(part[home] != home for home in named):
        parts = ", ".join(part[home] for home in named)
        told.append(f"{', '.join(named)} are the parts {parts}")
    if others:
        told.append(f"{', '.join(others)} {'are' if len(others) > 1 else 'is'} in no part")
    return "; ".join(told)


def _reject(skipped: dict[Picture, str], path: Picture, reason: str, on_error: str) -> None:
    if on_error == "raise":
        raise ImageError(reason if str(path) in reason else f"{path}: {reason}")
    skipped[path] = reason.removeprefix(f"{path}: ")


@dataclass(frozen=True)
class _Seen:
    """What pictures are, before any is resized.

    Attributes:
        sizes: Width and height of each.
        coloured: How many are.
        grey: Whether any has a value that is neither black nor white.
        drawings: Whether they are ink on paper.
    """

    sizes: list[tuple[int, int]]
    coloured: int
    grey: bool
    drawings: bool

    def choose(
        self, shape: tuple[int, int, int] | None, levels: int | None
    ) -> tuple[tuple[int, int, int], int, str]:
        """Shape, levels, each as given or else inferred, and why."""
        if not self.sizes:
            return shape or (1, LARGEST, LARGEST), levels or 256, ""
        width, height = self.sizes[0]
        count = len(set(self.sizes))
        resized = count > 1 or max(width, height) > LARGEST
        what = f"{self.coloured} in colour" if self.coloured else "none in colour"
        what += ", ink on paper" if self.drawings else ", grey levels" if self.grey else ""
        drawn = shape in (None, OMNIGLOT) and levels in (None, 2) and self.drawings and resized
        if drawn:
            shape, levels = OMNIGLOT, 2
        elif shape is None:
            if resized:
                width = height = min(LARGEST, int(np.median([min(size) for size in self.sizes])))
            shape = (3 if self.coloured else 1, height, width)
        levels = levels or (256 if resized or self.grey or self.coloured else 2)
        sides = [side for size in self.sizes for side in size]
        size = f"{count} sizes, {min(sides)} to {max(sides)} pixels" if count > 1 else "one size"
        hand = ", drawn anew in one stroke" if drawn else ""
        made = "x".join(map(str, shape))
        return shape, levels, f"{size}, {what}: read as {made} of {levels} levels{hand}"


def _look(files: list[Picture], skipped: dict[Picture, str], on_error: str) -> _Seen:
    sizes: list[tuple[int, int]] = []
    coloured, grey = 0, False
    between: list[float] = []
    for path in files:
        try:
            image = open_picture(path)
        except (ImageError, OSError) as error:
            _reject(skipped, path, str(error), on_error)
            continue
        sizes.append(image.size)
        values = np.asarray(flatten(image, colour=True)).astype(np.int16)
        apart = values.max(axis=2) - values.min(axis=2)
        coloured += bool((apart > 16).mean() > 0.01)
        grey = grey or bool(((values > 0) & (values < 255)).any())
        dark, light = (values < 64).mean(), (values >= 192).mean()
        between.append(float(1 - dark - light) if min(dark, light) > 0.001 else 1.0)
    drawings = not coloured and bool(between) and float(np.median(between)) <= 0.05
    return _Seen(sizes, coloured, grey, drawings)
