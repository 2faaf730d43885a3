"""Writing that does not lose anything: atomic files and folders, and one process a folder.

Whatever the package writes, it writes here. What is new is made beside its place, under a hidden
name that begins with `.tmp-`, and takes the place when it is on disk. A process that is killed
leaves at most such a hidden file.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "TEMPORARY",
    "lock",
    "previous",
    "remove_temporaries",
    "write_bytes",
    "write_directory",
    "write_file",
]

TEMPORARY = ".tmp-"
LOCK = ".lock"
# Two writers of one folder get in each other's way between two renames: these errors then.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT)
ATTEMPTS = 50


def write_bytes(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on disk."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_file(path: Path, data: bytes) -> None:
    """Replace a file: whoever looks sees the old one or the new one, whole.

    A link stays, and what it points to is replaced. A device or a pipe is written to.

    Raises:
        OSError: If it can't be written; the old file is as it was.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    path = path.resolve()
    temporary = _temporary(path.parent)
    try:
        write_bytes(temporary, data)
        os.replace(temporary, path)
        _sync_directory(path.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_directory(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder that is there whole or not at all, in place of one of that name.

    `fill` writes into a temporary folder beside it, which then takes the name. A folder can't be
    replaced in one step: in between, the former one is `previous(path)`.

    Raises:
        OSError: If it can't be written; the former folder is as it was.
    """
    path = path.resolve()
    temporary = _temporary(path.parent)
    try:
        temporary.mkdir(parents=True)
        fill(temporary)
        _sync_directory(temporary)
        _take_place(temporary, path)
        _sync_directory(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def previous(path: Path) -> Path:
    """Where the former folder is while a new one takes its place, or if that was interrupted.

    Example:
        >>> previous(Path("runs/model")).as_posix()
        'runs/.old-model'
    """
    path = path.resolve() if path.is_symlink() else path
    return path.with_name(f".old-{path.name}")


def remove_temporaries(directory: Path) -> None:
    """Remove what a killed process left half written."""
    for path in directory.glob(f"{TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _temporary(folder: Path) -> Path:
    return folder / f"{TEMPORARY}{secrets.token_hex(8)}"


def _take_place(new: Path, path: Path) -> None:
    """Rename a folder to a name that may be taken, perhaps by another process just now."""
    old = previous(path)
    for attempt in range(ATTEMPTS):
        try:
            if path.exists():
                shutil.rmtree(old, ignore_errors=True)
                os.rename(path, old)
            os.rename(new, path)
            break
        except OSError as error:
            if not path.exists():
                with suppress(OSError):
                    os.rename(old, path)
            if error.errno not in _TAKEN or attempt + 1 == ATTEMPTS:
                raise
            time.sleep(0.01)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def lock(directory: Path, *, remove: bool = False) -> Iterator[None]:
    """Keep every other process out of a folder; the system lets go of it if this one dies.

    Arguments:
        directory: The folder.
        remove: Remove it at the end if nothing was written to it.

    Raises:
        RuntimeError: If another process holds it.
        OSError: If the folder can't be written to.
    """
    with open(directory / LOCK, "a+", errors="replace") as file:
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
        try:
            yield
        finally:
            with suppress(OSError):
                if remove and [path.name for path in directory.iterdir()] == [LOCK]:
                    (directory / LOCK).unlink()
                    directory.rmdir()


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
