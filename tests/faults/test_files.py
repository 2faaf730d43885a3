"""Damaged files of every kind: a result or one clear error, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.faults.files import attempt, kinds

TRIES = int(os.environ.get("ILK_TRIES", "1000"))
NAMES = sorted(kinds(Path()))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def tried(name: str, scratch: Path, tries: int) -> None:
    kind = kinds(scratch)[name]
    folder = scratch / "try"

    @settings(
        max_examples=tries,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def reads(chance: Random) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        assert attempt(kind, folder, chance) in ("read", "refused")

    reads()


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_file_is_read_or_refused(name: str, scratch: Path) -> None:
    tried(name, scratch, 10)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", NAMES)
def test_many_damaged_files(name: str, scratch: Path) -> None:
    tried(name, scratch, TRIES)


@pytest.mark.parametrize("name", NAMES)
def test_without_damage_all_are_read(name: str, scratch: Path, tmp_path: Path) -> None:
    """Else nothing would be tested."""
    kind = kinds(scratch)[name]
    files = kind.files()
    for other in [n for n in files if "foreign" not in n]:
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).write_bytes(files[other])
        kind.read(tmp_path, tmp_path / other) if name == "pictures" else None
    kind.read(tmp_path, tmp_path / next(iter(files)))
