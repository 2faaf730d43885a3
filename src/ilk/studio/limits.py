"""What a request may ask for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """Limits of the server, all of which answer with 4xx when they are passed.

    Attributes:
        body: Bytes of a request.
        upload_seconds: For a request to arrive.
        pixels: Of a picture file, before it is decoded.
        support: Images of a support set.
        images: Images drawn or scored by one request.
        kinds: Support sets that one request compares.
        reading: Numbers that tell where attention reads.
        jobs: Requests that are worked on or wait, together.
        client: Requests of one client at once.
        work_seconds: Of processor time for one request.
        stream_seconds: For the answer to one request to leave.
    """

    body: int = 8 << 20
    upload_seconds: float = 20.0
    pixels: int = 16_000_000
    support: int = 16
    images: int = 64
    kinds: int = 8
    reading: int = 16 << 20
    jobs: int = 128
    client: int = 48
    work_seconds: float = 60.0
    stream_seconds: float = 180.0
