"""Episodes: a few images of a kind to look at, others of the same kind to score.

Supports are drawn without replacement, and a query is never among its own support set.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ilk.data.kinds import Kinds

__all__ = ["Batch", "Episodes", "draw_batch", "test_episodes"]


class Batch(NamedTuple):
    """Episodes side by side, with support sets of different sizes under one mask.

    `support` is uint8 `(B, K, C, H, W)`, zero where `mask`, bool `(B, K)`, is false; `queries` is
    uint8 `(Q, B, C, H, W)`; `kind` is int64 `(B,)`.
    """

    support: Tensor
    mask: Tensor
    queries: Tensor
    kind: Tensor


def draw_batch(
    kinds: Kinds,
    rng: np.random.Generator,
    batch: int,
    queries: int,
    shots: int,
    even: bool = False,
    least_shots: int = 0,
) -> Batch:
    """A batch of random episodes for training.

    The kind of an episode is uniform over kinds, its number of shots uniform in
    `least_shots..shots` (at most `n - queries` for a kind of `n` images), and its images a uniform
    draw without replacement. A pure function of `kinds` and of the state of `rng`.

    Arguments:
        kinds: The images.
        rng: The source of randomness.
        batch: The number of episodes `B`.
        queries: The number of queries of each episode, `Q`.
        shots: The most support images, `K`; smaller sets are padded with zeros.
        even: Draw one number of shots for all episodes: `K` is that number, nothing is padded.
        least_shots: The fewest support images.

    Raises:
        ValueError: If a number is out of range, or a kind has fewer than `queries + least_shots`
            images.

    Example:
        >>> images = torch.arange(40, dtype=torch.uint8).reshape(40, 1, 1, 1)
        >>> kinds = Kinds(images, torch.arange(40) // 20, ("low", "high"), 256, "numbers")
        >>> b = draw_batch(kinds, np.random.default_rng(0), batch=3, queries=2, shots=4)
        >>> b.support.shape, b.mask.shape, b.queries.shape
        (torch.Size([3, 4, 1, 1, 1]), torch.Size([3, 4]), torch.Size([2, 3, 1, 1, 1]))
    """
    _check_sizes(batch=batch, queries=queries)
    if shots < 0:
        raise ValueError(f"shots: wanted 0 or more, got {shots}")
    if not 0 <= least_shots <= shots:
        raise ValueError(f"least_shots: wanted 0 to shots={shots}, got {least_shots}")
    why = f"queries={queries}" + (f" and least_shots={least_shots}" if least_shots else "")
    _check_counts(kinds, queries + least_shots, why)
    kind = rng.integers(len(kinds), size=batch)
    count = kinds.counts[kind]
    limit = np.minimum(shots, count - queries) + 1
    if even:
        shots = int(rng.integers(least_shots, limit.min()))
        taken = np.full(batch, shots)
    else:
        taken = rng.integers(least_shots, limit)
    order = kinds.starts[kind][:, None] + _permuted(rng, count, queries + shots)
    mask = torch.from_numpy(np.arange(shots) < taken[:, None])
    support = kinds.images[torch.from_numpy(order[:, queries:])]
    return Batch(
        support=support * mask[:, :, None, None, None],
        mask=mask,
        queries=kinds.images[torch.from_numpy(order[:, :queries].T.copy())],
        kind=torch.from_numpy(kind),
    )


@dataclass(frozen=True, eq=False)
class Episodes:
    """Fixed test episodes, one for each kind, as lists of indices into `kinds.images`.

    With `k` shots the support set is the first `k` columns of `support`: sets are nested, and the
    queries are the same for every number of shots.

    Arguments:
        support: int64 `(E, K)`.
        queries: int64 `(E, Q)`.
        kinds: The images.
        digest: SHA-256 of the images and of both lists, in hexadecimal: what a table is about.
    """

    support: Tensor
    queries: Tensor
    kinds: Kinds
    digest: str

    def __len__(self) -> int:
        """The number of episodes."""
        return len(self.support)

    def __repr__(self) -> str:
        return (
            f"Episodes({self.kinds.name!r}: {len(self)} episodes of 0 to {self.support.shape[1]}"
            f" shots and {self.queries.shape[1]} queries, {self.digest[:12]})"
        )

    def batch(self, shots: int, start: int = 0, stop: int | None = None) -> Batch:
        """Episodes `start` to `stop` with `shots` support images each, no padding.

        Raises:
            ValueError: If `shots` is not in `0..K`.
        """
        if not 0 <= shots <= self.support.shape[1]:
            raise ValueError(f"shots: wanted 0 to {self.support.shape[1]}, got {shots}")
        support = self.kinds.images[self.support[start:stop, :shots]]
        queries = self.queries[start:stop]
        return Batch(
            support=support,
            mask=torch.ones(support.shape[:2], dtype=torch.bool),
            queries=self.kinds.images[queries.T],
            kind=self.kinds.kind[queries[:, 0]],
        )


def test_episodes(kinds: Kinds, shots: int = 8, queries: int = 12, seed: int = 0) -> Episodes:
    """The fixed test episodes of a data set: one for each kind.

    The images of a kind are put in the order of `SHA-256("seed/name of the kind/i")`, `i` their
    number within the kind. The first `shots` are the support, the next `queries` the queries. So
    the lists depend neither on a library's random numbers nor on what other kinds there are.

    Arguments:
        kinds: The images.
        shots: The most support images.
        queries: The number of queries of each episode.
        seed: Another seed, another list.

    Raises:
        ValueError: If a kind has fewer than `shots + queries` images.

    Example:
        >>> images = torch.zeros(20, 1, 1, 1, dtype=torch.uint8)
        >>> kinds = Kinds(images, torch.zeros(20, dtype=torch.int64), ("blank",), 2, "blanks")
        >>> episodes = test_episodes(kinds)
        >>> episodes.support.tolist()
        [[16, 11, 4, 12, 0, 7, 1, 19]]
    """
    _check_sizes(queries=queries)
    if shots < 0:
        raise ValueError(f"shots: wanted 0 or more, got {shots}")
    _check_counts(kinds, shots + queries, f"shots={shots} and queries={queries}")
    order = np.stack(
        [
            int(start) + _hashed_order(f"{seed}/{name}", int(count))[: shots + queries]
            for name, start, count in zip(kinds.names, kinds.starts, kinds.counts, strict=True)
        ]
    )
    support, query = order[:, :shots].copy(), order[:, shots:].copy()
    h = hashlib.sha256(kinds.digest().encode())
    for part in (support, query):
        h.update(repr(part.shape).encode() + part.astype("<i8").tobytes())
    return Episodes(
        support=torch.from_numpy(support),
        queries=torch.from_numpy(query),
        kinds=kinds,
        digest=h.hexdigest(),
    )


# pytest would collect it wherever a test imports it.
test_episodes.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def _permuted(rng: np.random.Generator, count: np.ndarray, first: int) -> np.ndarray:
    """The first columns of a uniform permutation of `0..count-1` for each row (Fisher-Yates).

    Columns past the end of a row's count repeat earlier numbers; the caller masks them.
    """
    rows = np.arange(len(count))
    order = np.tile(np.arange(max(int(count.max()), first)), (len(count), 1))
    uniform = rng.random((first, len(count)))
    for j in range(first):
        left = np.maximum(count - j, 1)
        pick = np.minimum(j + (uniform[j] * left).astype(np.int64), order.shape[1] - 1)
        order[rows, j], order[rows, pick] = order[rows, pick], order[rows, j]
    return np.where(np.arange(first) < count[:, None], order[:, :first], 0)


def _hashed_order(key: str, count: int) -> np.ndarray:
    """A permutation of `0..count-1` fixed by a key, the same on every machine."""
    digests = [hashlib.sha256(f"{key}/{i}".encode()).digest() for i in range(count)]
    return np.array(sorted(range(count), key=digests.__getitem__), dtype=np.int64)


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: wanted 1 or more, got {size}")


def _check_counts(kinds: Kinds, wanted: int, why: str) -> None:
    if len(kinds) == 0:
        raise ValueError(f"kinds: {kinds.name!r} is empty")
    least = int(kinds.counts.argmin())
    if kinds.counts[least] < wanted:
        raise ValueError(
            f"kinds: {why} need at least {wanted} images of each kind,"
            f" but {kinds.names[least]!r} of {kinds.name!r} has {int(kinds.counts[least])}"
        )
