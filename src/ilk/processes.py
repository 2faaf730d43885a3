"""Work shared out among processes, and kept as it is done.

`share` computes a function of many items. Alone, a process computes them one by one. Started by
`torchrun` or `accelerate launch`, on one machine or several, processes take items from a common
list, whoever is free the next, and all get all results, in order. Every item is computed by one
process, in the same way whoever does, so that results do not depend on how many there are.

With a folder that all of them see, each result is kept in it as soon as it is there. Work that
stopped, or lost a process, goes on from what is kept; a result is found again by a digest of what
it was computed from, so that other work never takes it for its own.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .files import write_file

__all__ = ["count", "first", "leave", "share"]

T = TypeVar("T")
PATIENCE = datetime.timedelta(days=7)  # One may work for hours while others wait for it.
Progress = Callable[[int, int], None]

_store: Any = None
_calls = itertools.count()


def count() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this one speaks for all: it is the first, or alone."""
    return int(os.environ.get("RANK", "0")) == 0


def share(
    work: Callable[[T], Any],
    items: Sequence[T],
    name: str,
    keys: Sequence[str],
    keep: Path | None = None,
    on_progress: Progress | None = None,
    alone: bool = False,
) -> list[Any]:
    """The results of all items, in order, on every process.

    Arguments:
        work: A function of one item, whose result is JSON-able. Numbers come back as they are, to
            the last bit.
        items: What to compute, the same on all processes.
        name: Of this work among others of one command.
        keys: What the result of each item depends on.
        keep: A folder to keep results in, and to find them; none keeps nothing.
        on_progress: Called with the items done by all processes, and their number.
        alone: Share nothing out, whatever other processes there are.

    Raises:
        OSError: If a result can't be kept.

    Example:
        >>> share(lambda n: n / 3, [1, 2], "thirds", ["1", "2"])
        [0.3333333333333333, 0.6666666666666666]
    """
    kept = _Kept(keep, name, keys)
    found = {i: text for i in range(len(items)) if (text := kept.read(i)) is not None}
    ready = len(found)
    together = f"{name}/{next(_calls)}"
    # All go by what the first one finds kept, so that they agree on what is left.
    others = count() > 1 and not alone
    left = [i for i in range(len(items)) if i not in found]
    left = _agreed(left) if others else left
    for done, i in enumerate(_mine(left, f"{together}/taken") if others else left, 1):
        found[i] = json.dumps(work(items[i]))
        kept.write(i, found[i])
        done = _tally(f"{together}/done") if others else done
        if on_progress is not None:
            on_progress(min(ready + done, len(items)), len(items))
    every = _gathered(found) if others else found
    return [json.loads(every[i]) for i in range(len(items))]


def leave() -> None:
    """Ends what `share` began among processes, if it did."""
    global _store
    if _store is not None:
        import torch.distributed as dist

        _store = None
        if dist.is_initialized():
            dist.destroy_process_group()


class _Kept:
    """Results in a folder, a file each, named by a digest of what they depend on."""

    def __init__(self, folder: Path | None, name: str, keys: Sequence[str]) -> None:
        self.folder, self.name, self.keys = folder, name, keys
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def read(self, i: int) -> str | None:
        path = self._path(i)
        if path is None or not path.is_file():
            return None
        return path.read_text(encoding="ascii")

    def write(self, i: int, text: str) -> None:
        path = self._path(i)
        if path is not None:
            write_file(path, text.encode("ascii"))

    def _path(self, i: int) -> Path | None:
        if self.folder is None:
            return None
        key = f"{self.name}\0{i}\0{self.keys[i]}".encode(errors="surrogateescape")
        return self.folder / f"{self.name}-{i:06}-{hashlib.sha256(key).hexdigest()[:16]}.json"


def _common() -> Any:
    """What all processes read and write; the first call joins them."""
    global _store
    if _store is None:
        import torch.distributed

        dist: Any = torch.distributed  # whose stubs leave out what its documentation names
        store, rank, size = next(dist.rendezvous("env://"))
        # After a restart the store may hold what processes that are gone have written.
        store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
        dist.init_process_group(
            "gloo",
            store=dist.PrefixStore("group", store),
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
        )
        _store = dist.PrefixStore("ilk", store)
    return _store


def _mine(left: Sequence[int], key: str) -> Iterator[int]:
    """The items that this process takes, one whenever it is free."""
    while (at := _tally(key) - 1) < len(left):
        yield left[at]


def _tally(key: str) -> int:
    """Counts one more among all processes, and says how many there are."""
    return _common().add(key, 1)


def _agreed(left: list[int]) -> list[int]:
    """What the first process found to be left."""
    import torch.distributed as dist

    _common()
    told = [left]
    dist.broadcast_object_list(told, src=0)
    return told[0]


def _gathered(found: dict[int, str]) -> dict[int, str]:
    """The results of all processes."""
    import torch.distributed as dist

    parts: list[Any] = [None] * count()
    dist.all_gather_object(parts, found)
    return {i: text for part in parts for i, text in part.items()}
