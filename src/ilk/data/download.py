"""Official archives: fetched with progress, resumed where they broke off, checked, put in place.

A transfer goes to `NAME.part`. What has arrived stays there when it breaks off, and the next
attempt asks for the rest (HTTP `Range`). Only a file with the right checksum gets its name.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ilk.data.store import cache_dir

__all__ = ["ARCHIVES", "Archive", "DownloadError", "Progress", "download", "fetch", "verify"]

CHUNK = 1 << 18
_DISK = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


class DownloadError(OSError):
    """An archive could not be had: the address failed, or what came is not the archive."""


@dataclass(frozen=True)
class Archive:
    """A file on the network and the checksums that it must have.

    Arguments:
        name: The file name here.
        url: Its address.
        md5, sha256: Checksums in hexadecimal; at least one.
        about: A word on what it holds.

    Raises:
        ValueError: If there is no checksum.
    """

    name: str
    url: str
    md5: str = ""
    sha256: str = ""
    about: str = ""

    def __post_init__(self) -> None:
        if not self.md5 and not self.sha256:
            raise ValueError(f"Archive {self.name!r}: wanted md5= or sha256=, got neither")


@dataclass(frozen=True)
class Progress:
    """How far a transfer is, in bytes; `total` is `None` where the server does not say."""

    name: str
    done: int
    total: int | None


_OMNIGLOT = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
_GMN = "https://raw.githubusercontent.com/sbos/gmn/master/data/"
_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_BINARY = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"

ARCHIVES: dict[str, tuple[Archive, ...]] = {
    "omniglot": (
        Archive(
            "images_background.zip",
            _OMNIGLOT + "images_background.zip",
            md5="68d2efa1b9178cc56df9314c21c6e718",
            about="30 alphabets, 105 x 105",
        ),
        Archive(
            "images_evaluation.zip",
            _OMNIGLOT + "images_evaluation.zip",
            md5="6b91aef0f799c5bb55b94e3f2daec811",
            about="20 alphabets, 105 x 105",
        ),
        Archive(
            "all_runs.zip",
            _OMNIGLOT + "one-shot-classification/all_runs.zip",
            md5="e8996daecdf12afeeb4a53a179f06b19",
            sha256="437c1eeab0af8484112e1b4cc0f3d541ec727f7c47b9b202da738af9dfd6c325",
            about="20 runs of one-shot classification",
        ),
    ),
    "omniglot-28": (
        Archive(
            "train_small.npz",
            _GMN + "train_small.npz",
            sha256="136ac9970475ee96cb03275a4299233ef7d0f023380d2eff4ca73b31cc2f97da",
            about="30 alphabets, 28 x 28",
        ),
        Archive(
            "test_small.npz",
            _GMN + "test_small.npz",
            sha256="5ac797844c90af132a423614c198f7b83ef8fad7cf8d32d6dc4f24483d317ac3",
            about="20 alphabets, 28 x 28",
        ),
    ),
    "mnist": tuple(
        Archive(name, _MNIST + name, md5=md5)
        for name, md5 in (
            ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
            ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
            ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
        )
    ),
    "mnist-binary": tuple(
        Archive(name, _BINARY + name, sha256=sha256)
        for name, sha256 in (
            (
                "binarized_mnist_train.amat",
                "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
            ),
            (
                "binarized_mnist_valid.amat",
                "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
            ),
            (
                "binarized_mnist_test.amat",
                "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
            ),
        )
    ),
}
ARCHIVES["omniglot-26"] = ARCHIVES["omniglot"]


def download(
    data: str,
    directory: str | Path | None = None,
    source: str | Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[Path]:
    """Put the official archives of a data set where `ilk.data.load` finds them.

    Arguments:
        data: A key of `ARCHIVES`.
        directory: Where to; by default the cache (`ilk.data.cache_dir()`).
        source: A folder that holds the archives already: they are copied from there after their
            checksums were verified, and the network is left alone.
        on_progress: Called with a `Progress` now and then.

    Raises:
        ValueError: If there is no such data set.
        FileNotFoundError: If `source` lacks an archive.
        DownloadError: If an archive can't be had or fails its checksum.
    """
    if data not in ARCHIVES:
        raise ValueError(f"data: wanted one of {', '.join(sorted(ARCHIVES))}, got {data!r}")
    directory = cache_dir() if directory is None else Path(directory).expanduser()
    if source is None:
        return [fetch(archive, directory, on_progress) for archive in ARCHIVES[data]]
    folder = Path(source).expanduser()
    return [_copy(archive, folder, directory, on_progress) for archive in ARCHIVES[data]]


def fetch(
    archive: Archive,
    directory: str | Path,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    attempts: int = 5,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Download one archive and return its path; nothing is transferred if it is there already.

    Arguments:
        archive: What to fetch.
        directory: Where to; created if need be.
        on_progress: Called with a `Progress` now and then.
        attempts: How often to try; each goes on where the last one broke off.
        timeout: Seconds without a byte after which an attempt has failed.
        pause: Seconds before the second attempt, doubled before each further one.

    Raises:
        DownloadError: If all attempts fail, or what came has a wrong checksum; it names the
            address and says how to go on without a network.
    """
    target = Path(directory).expanduser() / archive.name
    if target.is_file() and verify(archive, target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for attempt in range(attempts):
        resumed = part.exists() and part.stat().st_size > 0
        if resumed and verify(archive, part):
            os.replace(part, target)
            return target
        try:
            _transfer(archive, part, on_progress, timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in (408, 416, 425, 429):
                raise _failure(archive, target, f"the server answered {error}") from error
            reason = f"the server answered {error}"
            if error.code == 416:
                part.unlink(missing_ok=True)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            # A full or forbidden disk is not the network's fault, and trying again won't help.
            if isinstance(error, OSError) and (error.filename or error.errno in _DISK):
                raise
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        else:
            if verify(archive, part):
                os.replace(part, target)
                return target
            part.unlink()
            reason = "what came has a wrong checksum"
            # A stale start may be to blame, so one fresh transfer is worth it; two are not.
            if not resumed:
                raise _failure(archive, target, reason)
        if attempt + 1 < attempts:
            time.sleep(pause * 2**attempt)
    raise _failure(archive, target, f"{reason} ({attempts} attempts)")


def verify(archive: Archive, path: Path) -> bool:
    """Whether a file has every checksum that its archive states."""
    for algorithm, wanted in (("md5", archive.md5), ("sha256", archive.sha256)):
        if wanted:
            with path.open("rb") as file:
                digest = hashlib.file_digest(
                    file, lambda name=algorithm: hashlib.new(name, usedforsecurity=False)
                )
            if digest.hexdigest() != wanted.lower():
                return False
    return True


def _transfer(
    archive: Archive,
    part: Path,
    on_progress: Callable[[Progress], None] | None,
    timeout: float,
) -> None:
    """Append to `part` what is missing; a connection that ends early is an error."""
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "ilk", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    request = urllib.request.Request(archive.url, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as response:
        if response.status != 206:
            done = 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if done else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if on_progress:
                    on_progress(Progress(archive.name, done, total))
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _copy(
    archive: Archive,
    source: Path,
    directory: Path,
    on_progress: Callable[[Progress], None] | None,
) -> Path:
    path, target = source / archive.name, directory / archive.name
    if not path.is_file():
        raise FileNotFoundError(f"source: no {archive.name} in {source}")
    if not verify(archive, path):
        raise DownloadError(f"{path} has a wrong checksum: it is damaged or another version")
    if path.resolve() != target.resolve():
        directory.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        shutil.copyfile(path, part)
        os.replace(part, target)
    if on_progress:
        size = target.stat().st_size
        on_progress(Progress(archive.name, size, size))
    return target


def _failure(archive: Archive, target: Path, reason: str) -> DownloadError:
    return DownloadError(
        f"{archive.name}: {archive.url}: {reason}. Try again (what arrived is kept), or get the"
        f" file in another way and put it at {target}"
    )
