"""A page of several drawings: cut apart, put right by hand, and read one by one."""

from __future__ import annotations

import base64
import io

from ilk.data import ImageError, Page, read_image, read_page
from ilk.data.grouping import boxes
from ilk.data.picture import open_picture
from ilk.models import Model

from .given import Slices, limit
from .limits import Limits
from .wire import Cut, decode, encode

__all__ = ["cut"]


def cut(request: Cut, model: Model, limits: Limits) -> Slices:
    """The drawings on a page: an overview, their pieces and boxes and, if wanted, their pixels."""
    page = _page(request, limits)
    yield None
    pixels: list[str] = []
    if request.read:
        limit("groups", page.count, limits.images)
        for drawing in page.drawings():
            pixels.append(encode(read_image(drawing, model.shape, model.levels)))
            yield None
    file, (height, width) = io.BytesIO(), page.paper.shape
    page.overview().save(file, format="PNG")
    places = zip(*(side / (height, width) for side in boxes(page.label)), strict=True)
    yield {
        "picture": base64.b64encode(file.getvalue()).decode(),
        "groups": page.groups,
        "boxes": [[*low[::-1].tolist(), *high[::-1].tolist()] for low, high in places],
        "images": [{"pixels": each} for each in pixels],
    }


def _page(request: Cut, limits: Limits) -> Page:
    """The page of a request.

    Raises:
        ValueError: If it is no picture file, or can't be cut so.
    """
    if request.image.file is None:
        raise ValueError("image: wanted a picture file")
    try:
        picture = open_picture(decode(request.image.file, "image"), limits.pixels)
        page = read_page(picture, request.count)
    except ImageError as error:
        raise ValueError(f"image: {error}") from None
    if request.groups is not None:
        page = page.grouped(request.groups)
    return page if request.split is None else page.split(request.split)
