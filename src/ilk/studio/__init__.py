"""The studio: a page to draw on, and the server behind it. Needs `pip install 'ilk[studio]'`."""

from __future__ import annotations

from .app import create_app
from .limits import Limits
from .shelf import Shelf

__all__ = ["Limits", "Shelf", "create_app"]
