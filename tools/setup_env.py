"""Make the environment that requirements.lock pins, once: ``python tools/setup_env.py DIR``.

Safe to run twice at the same time: the second waits for the first and finds the work done.
"""

# Runs under the Python that is found, which may be too old: no newer syntax here.
import contextlib
import hashlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
WANTED = (3, 11)


@contextlib.contextmanager
def lock(path: pathlib.Path) -> Iterator:
    """Hold an exclusive lock on a file; the system drops it if the process dies."""
    with open(str(path), "w") as file:
        try:
            import fcntl
        except ImportError:  # Windows: no lock, so no two at a time
            pass
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest() -> str:
    """SHA-256 of what the environment depends on."""
    names = ("requirements.lock", "pyproject.toml")
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def set_up(folder: pathlib.Path) -> None:
    """Create ``folder`` if it is missing and install the pinned packages and ilk itself."""
    stamp = folder / ".ready"
    if stamp.exists() and stamp.read_text() == digest():
        stamp.touch()
        return
    if stamp.exists():
        stamp.unlink()
    print(f"Setting up {folder.name} (once; a few minutes) ...", flush=True)
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    if not list(binaries.glob("pip*")):
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = binaries / ("python.exe" if sys.platform == "win32" else "python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(ROOT / "requirements.lock")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    stamp.write_text(digest())


def main() -> None:
    """Check the interpreter, then set up the folder named on the command line."""
    if sys.version_info < WANTED:
        wanted = ".".join(map(str, WANTED))
        found = ".".join(map(str, sys.version_info[:2]))
        sys.exit(
            f"ilk needs Python {wanted} or newer, and {sys.executable} is {found}. "
            "Name another: make PYTHON=/path/to/python3.11 ..."
        )
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".venv").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / ".lock"):
        try:
            set_up(folder)
        except subprocess.CalledProcessError as error:
            command = " ".join(map(str, error.cmd[:4]))
            sys.exit(f"The set-up stopped: '{command} ...' failed. Run it again to go on.")


if __name__ == "__main__":
    main()
