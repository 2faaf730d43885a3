"""What is raised where coded images can't be read."""

from __future__ import annotations

__all__ = ["CodingError"]


class CodingError(ValueError):
    """Coded images that are refused: damaged, foreign, or made where arithmetic differs."""
