"""Lossless coding: images in as many bits as their score says, alone or in archives."""

from __future__ import annotations

from .archive import Archive, DamagedArchive, Header, pack, read_header, unpack
from .arithmetic import Platform
from .errors import CodingError
from .turns import Turns

__all__ = [
    "Archive",
    "CodingError",
    "DamagedArchive",
    "Header",
    "Platform",
    "Turns",
    "pack",
    "read_header",
    "unpack",
]
