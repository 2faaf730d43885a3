"""Where data sets lie: an argument, `ILK_DATA`, or the cache that `ilk data` fills."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Source", "cache_dir", "find", "locate", "open_npz", "open_zip", "reading", "roots"]

MOST_BYTES = 1 << 32


@dataclass(frozen=True)
class Source:
    """What a named data set is, and the files that it is read from.

    Arguments:
        about: What it holds, in a line.
        files: Groups of files; any group will do, the first that is there whole is read.
        fetched: Whether `ilk data` can fetch it.
    """

    about: str
    files: Sequence[Sequence[str]]
    fetched: bool = True


def cache_dir() -> Path:
    """The folder of downloads: `ILK_CACHE`, else `ilk` in the user's cache folder.

    That is `$XDG_CACHE_HOME` or `~/.cache`, on macOS `~/Library/Caches`, on Windows
    `%LOCALAPPDATA%`. It is not created here.
    """
    if chosen := os.environ.get("ILK_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ilk"


def roots(root: str | Path | None = None) -> list[Path]:
    """The folders to look in: `root` alone where it is given, else `ILK_DATA`, then the cache."""
    if root is not None:
        return [Path(root).expanduser()]
    chosen = os.environ.get("ILK_DATA")
    return [*([Path(chosen).expanduser()] if chosen else []), cache_dir()]


def find(files: Sequence[Sequence[str]], root: str | Path | None = None) -> list[Path] | None:
    """The paths of the first group of files that a root holds whole, if any does."""
    for place in roots(root):
        for group in files:
            paths = [place / name for name in group]
            if all(path.is_file() for path in paths):
                return paths
    return None


def locate(data: str, source: Source, root: str | Path | None = None) -> list[Path]:
    """The paths of the first group of files of a data set that a root holds whole.

    Raises:
        FileNotFoundError: If no root holds one; it says which files were wanted, where, and how
            to get them.

    Example:
        >>> locate("omniglot", Source("drawings", [["omniglot.npz"]]), root="nowhere")
        Traceback (most recent call last):
        ...
        FileNotFoundError: omniglot: no omniglot.npz in nowhere. Get it with `ilk data omniglot`,
        or say where the files are: root=, --root or the environment variable ILK_DATA
    """
    paths = find(source.files, root)
    if paths is not None:
        return paths
    wanted = " or ".join(" + ".join(group) for group in source.files)
    places = " or ".join(str(place) for place in roots(root))
    get = f"Get it with `ilk data {data}`, or say" if source.fetched else "It is not fetched: say"
    instead = "" if source.fetched else ", or name a folder of folders of pictures instead"
    raise FileNotFoundError(
        f"{data}: no {wanted} in {places}. {get} where the files are:"
        f" root=, --root or the environment variable ILK_DATA{instead}"
    )


@contextmanager
def reading(*paths: Path) -> Iterator[None]:
    """Errors that damaged files lead to are of one type and name the files.

    Raises:
        ValueError: For whatever is raised within.

    Example:
        >>> with reading(Path("a.npz")):
        ...     [][0]
        Traceback (most recent call last):
        ...
        ValueError: a.npz: damaged, or not the wanted file (list index out of range)
    """
    try:
        yield
    except Exception as error:  # zipfile, zlib and numpy stumble over damage in every way
        if isinstance(error, ValueError) and any(str(path) in str(error) for path in paths):
            raise
        names = ", ".join(map(str, paths))
        first = str(error).partition("\n")[0]
        raise ValueError(f"{names}: damaged, or not the wanted file ({first})") from error


def open_zip(path: Path) -> zipfile.ZipFile:
    """A zip archive that unpacks to at most `MOST_BYTES`."""
    archive = zipfile.ZipFile(path)
    size = sum(entry.file_size for entry in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"{path}: unpacks to {size:,} bytes (limit {MOST_BYTES:,})")
    return archive


def open_npz(path: Path, *keys: str) -> dict[str, np.ndarray]:
    """The arrays of an npz file, those named or all of them.

    Raises:
        ValueError: If the file is damaged or lacks one.
    """
    with reading(path):
        open_zip(path).close()
        with np.load(path) as file:
            return {key: file[key] for key in keys or file.files}
