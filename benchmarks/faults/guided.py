"""Files by a fuzzer that sees which lines they reach: `python -m benchmarks.faults.guided KIND`.

Needs `pip install 'ilk[fuzz]'`. It goes on until Ctrl-C, or for `--runs` files, and ends with an
error at the first file that is neither read nor refused as `benchmarks.faults.files` wants it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ilk"]):
    from . import files


def main() -> None:
    """Starts from the good files of a kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", help="such as archives, pictures, configs")
    parser.add_argument("--runs", type=int, default=-1)
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="ilk-guided-"))
    kind = files.kinds(scratch / "kinds")[arguments.kind]
    names = kind.spoil or tuple(kind.files())
    seeds = scratch / "seeds"
    seeds.mkdir()
    for i, name in enumerate(names):
        (seeds / str(i)).write_bytes(bytes([i]) + kind.files()[name])

    def once(content: bytes) -> None:
        """The first byte says which of the files the others are the content of."""
        folder = scratch / "try"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        name = names[(content[0] if content else 0) % len(names)]
        files.read_with(kind, folder, name, content[1:])

    atheris.Setup([sys.argv[0], f"-runs={arguments.runs}", str(seeds)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
