"""Writing that does not lose anything: atomic files and folders, and one process a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["lock", "remove_temporaries", "write_bytes", "write_directory", "write_file"]

TEMPORARY = ".tmp-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on disk."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_file(path: Path, data: bytes) -> None:
    """Replace a file: whoever looks sees the old one or the new one, whole.

    Raises:
        OSError: If it can't be written; the old file is as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    try:
        write_bytes(temporary, data)
        os.replace(temporary, path)
        _sync_directory(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_directory(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder that is there whole or not at all.

    `fill` writes into a temporary folder beside it, which then takes the name, from a folder of
    that name if there is one.

    Raises:
        OSError: If it can't be written; nothing is left behind.
    """
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        _sync_directory(temporary)
        if path.exists():
            shutil.rmtree(path)
        os.rename(temporary, path)
        _sync_directory(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_temporaries(directory: Path, prefix: str = TEMPORARY) -> None:
    """Remove what a killed process left half written."""
    for path in directory.glob(f"{prefix}*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Keep every other process out of a folder; the system lets go of it if this one dies.

    Raises:
        RuntimeError: If another process holds it.
        OSError: If the folder can't be written to.
    """
    with open(directory / ".lock", "a+") as file:
        if not _try_lock(file.fileno()):
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise RuntimeError(
                f"out: another process (id {owner}) is training in {directory};"
                " stop it, or choose another folder"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            # A byte far behind the text, which stays readable for the others.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # a folder can't be opened there, and need not be
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
