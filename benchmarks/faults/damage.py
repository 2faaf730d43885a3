"""How files are spoilt: bytes at random, JSON by value, and checksums put right again."""

from __future__ import annotations

import copy
import struct
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

__all__ = ["distorted", "mended_png", "spoilt"]

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        3,
        2**31,
        2**63,
        10**30,
        0.5,
        1e308,
        float("inf"),
        float("nan"),
    ),
    *("", "x", "0", "../up", "\0", "ü\ud800", [], {}, [[]], [1, 2, 3], {"a": 1}, [2**40] * 3),
)


def spoilt(content: bytes, chance: Random) -> bytes:
    """The bytes of a file after one to three accidents.

    Example:
        >>> spoilt(b"a long text", Random(1)) != b"a long text"
        True
    """
    before = content
    while content == before:
        for _ in range(chance.randint(1, 3)):
            content = chance.choice(_ACCIDENTS)(content, chance)
        if not before:
            break
    return content


def distorted(value: Any, chance: Random) -> Any:
    """A JSON value in which something is another, missing or too much."""
    value = copy.deepcopy(value)
    holders = [place for place in _places(value) if len(place[0])]
    if not holders or chance.random() < 0.05:
        return chance.choice(ODD)
    holder, key = chance.choice(holders)
    way = chance.random()
    if way < 0.15:
        del holder[key]
    elif way < 0.25 and isinstance(holder, dict):
        holder[chance.choice(("model", "format", "more"))] = chance.choice(ODD)
    elif way < 0.35 and isinstance(holder, list):
        holder.insert(key, chance.choice(ODD))
    elif way < 0.5 and isinstance(holder[key], int):
        holder[key] += chance.choice((-1, 1, 2))
    else:
        holder[key] = chance.choice(ODD)
    return value


def mended_png(content: bytes) -> bytes:
    """A PNG whose chunks have the right checksums, so that damage comes past them."""
    if len(content) < 8:
        return content
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        body = content[at + 4 : at + 8 + length]
        crc = struct.pack(">I", zlib.crc32(body))
        parts.append(content[at : at + 4] + body + crc)
        at += 12 + length
    return b"".join(parts)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list and dictionary with each of its keys."""
    keys = (
        value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _span(content: bytes, chance: Random) -> tuple[int, int]:
    begin = chance.randrange(len(content) + 1)
    return begin, min(len(content), begin + chance.choice((1, 2, 4, 16, 100, 10**6)))


def _flip(content: bytes, chance: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8)) if content else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _drop(content: bytes, chance: Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:begin] + content[end:]


def _zero(content: bytes, chance: Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:begin] + bytes(end - begin) + content[end:]


def _repeat(content: bytes, chance: Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:end] + content[begin:end] + content[end:]


def _insert(content: bytes, chance: Random) -> bytes:
    begin = chance.randrange(len(content) + 1)
    return content[:begin] + chance.randbytes(chance.randint(1, 20)) + content[begin:]


def _number(content: bytes, chance: Random) -> bytes:
    form = chance.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    begin = chance.randrange(len(content) + 1)
    number = struct.pack(form, chance.choice(EXTREMES) & (256 ** struct.calcsize(form) - 1))
    return content[:begin] + number + content[begin + len(number) :]


def _other(content: bytes, chance: Random) -> bytes:
    return chance.choice((b"", b"\0" * 100, b"hello", chance.randbytes(len(content))))


_ACCIDENTS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(_flip, _flip, _cut, _drop, _zero, _repeat, _insert, _number, _number, _other),
)
