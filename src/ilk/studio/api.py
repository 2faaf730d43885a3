"""The JSON API under /api: sample, complete, score, classify, encode, decode, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from ilk.models import Model
from ilk.reads import grid

from . import coding, cutting, drawing, work
from .examples import body
from .given import Slices
from .guard import client_of
from .jobs import Job, Jobs
from .limits import Limits
from .shelf import Shelf
from .stream import EventStream, first, last
from .wire import Classify, Complete, Cost, Cut, Decode, Encode, Look, Pack, Sample, Score

__all__ = ["router"]

Named = Annotated[str, Query(alias="model", max_length=200)]


class About(BaseModel):
    """A model that can be chosen."""

    name: str
    title: str = Field(description="A plain name.")
    about: str = Field(description="What it is for, in a line.")
    headline: tuple[str, str] = Field(description="What to show it, and what comes of it.")
    kind: str = Field(description="Its class.")
    shape: tuple[int, int, int] = Field(description="Channels, height, width.")
    levels: int = Field(description="Values of a pixel are 0..levels-1.")
    shots: int = Field(description="Most support images that it is meant for.")
    attention: bool = Field(description="Whether it can show where it reads.")
    parameters: int


class Pixels(BaseModel):
    """An image of the model's size: base64 of C x H x W bytes, row by row."""

    pixels: str


class Picture(Pixels):
    """A picture that was read."""

    apart: list[str] = Field(description="The drawings on it one by one, if these seem several.")


class Drawn(Cost, Pixels):
    """An image that was drawn, and what it costs."""


class Drawings(BaseModel):
    """Images that were drawn."""

    seed: int
    seconds: float
    images: list[Drawn]


class Completed(Drawings):
    """Completions of an image."""

    exact: bool = Field(description="Whether each is an exact draw: nothing known follows.")
    effective: float | None = Field(None, description="Of the particles, how many counted.")


class Scores(BaseModel):
    """What each image costs."""

    images: list[Cost]


class Choice(BaseModel):
    """What an image costs under each kind, and how likely each kind is."""

    kinds: list[Cost]
    posterior: list[float] = Field(description="With all kinds as likely at first.")


class Choices(BaseModel):
    """What was made of each image."""

    images: list[Choice]


class Blob(BaseModel):
    """Images without loss."""

    blob: str = Field(description="Base64.")
    bytes: int = Field(description="Of the blob, a small header included.")
    bits: float = Field(description="What the score of the images says.")


class Images(BaseModel):
    """Images that were in a blob."""

    images: list[Pixels]


class Apart(Images):
    """The drawings on a page."""

    picture: str = Field(description="Base64 of a PNG: the page, each drawing numbered.")
    groups: list[list[int]] = Field(description="The pieces of each, in reading order.")
    boxes: list[tuple[float, float, float, float]] = Field(
        description="Left, top, right and bottom of each, in shares of the picture."
    )


class Reading(BaseModel):
    """Where attention read, for every pixel in raster order."""

    grid: tuple[int, int] = Field(description="Rows and columns of patches a support image.")
    support: int = Field(description="Number of support images.")
    nothing: list[float] = Field(description="Share of the patch that shows no image.")
    weights: str = Field(
        description="Base64 of pixels x images x rows x columns bytes, 255 the most at a pixel."
    )


class Refusal(BaseModel):
    """An answer to a request that was refused."""

    error: str = Field(description="What was wrong, and where.")


_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"model": Refusal, "description": "There is no such model"},
    408: {"model": Refusal, "description": "It takes too long"},
    413: {"model": Refusal, "description": "It is too large"},
    422: {"model": Refusal, "description": "Something in it is wrong"},
    429: {"model": Refusal, "description": "Too much is asked for at once"},
}
_EVENTS = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
_MEDIA = {
    "sheet": "image/png",
    "png": "image/png",
    "svg": "image/svg+xml",
    "archive": "application/zip",
}
_FILES = {200: {"content": {media: {} for media in _MEDIA.values()}}}


def router(shelf: Shelf, jobs: Jobs, limits: Limits) -> APIRouter:
    """The routes, over models, jobs and limits."""
    api = APIRouter(prefix="/api", tags=["api"])

    def model(name: str) -> Model:
        if name not in shelf:
            raise HTTPException(404, f"model: wanted one of {', '.join(shelf)}")
        return shelf[name]

    def begin(function: Callable[..., Slices], request: Any, http: Request) -> Job:
        slices = function(request, model(request.model), limits)
        return jobs.open(slices, client_of(http.scope))

    async def answer(function: Callable[..., Slices], request: Any, http: Request) -> Any:
        with begin(function, request, http) as job:
            return await last(job, http)

    async def drawn(function: Callable[..., Slices], request: Sample, http: Request) -> Any:
        if not request.stream:
            return await answer(function, request, http)
        job = begin(function, request, http)
        try:
            head = await first(job, http)
        except BaseException:
            job.cancel()
            raise
        return EventStream(job, head, limits.stream_seconds)

    @api.get("/models", summary="The models to choose from")
    async def models() -> list[About]:
        return [_about(name, shelf) for name in shelf]

    @api.post(
        "/read",
        responses=_REFUSED,
        summary="A picture file brought to the model's size",
        openapi_extra={
            "requestBody": {
                "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
                "required": True,
            }
        },
    )
    async def read(http: Request, name: Named = "omniglot") -> Picture:
        file = await http.body()
        slices = work.read(file, model(name), limits)
        with jobs.open(slices, client_of(http.scope)) as job:
            return await last(job, http)

    @api.post(
        "/sample",
        summary="Draw more of a kind",
        response_model_exclude_none=True,
        openapi_extra=body("sample"),
        responses=_REFUSED | _EVENTS,
    )
    async def sample(request: Sample, http: Request) -> Drawings:
        return await drawn(drawing.draw, request, http)

    @api.post(
        "/complete",
        summary="Draw what is not known of an image",
        response_model_exclude_none=True,
        openapi_extra=body("complete"),
        responses=_REFUSED | _EVENTS,
    )
    async def complete(request: Complete, http: Request) -> Completed:
        return await drawn(drawing.complete, request, http)

    @api.post(
        "/score",
        summary="How likely are images, given a few examples",
        response_model_exclude_none=True,
        openapi_extra=body("score"),
        responses=_REFUSED,
    )
    async def score(request: Score, http: Request) -> Scores:
        return await answer(work.score, request, http)

    @api.post(
        "/classify",
        summary="Which kind is it",
        response_model_exclude_none=True,
        openapi_extra=body("classify"),
        responses=_REFUSED,
    )
    async def classify(request: Classify, http: Request) -> Choices:
        return await answer(work.classify, request, http)

    @api.post(
        "/encode",
        summary="Images as few bytes, without loss",
        openapi_extra=body("encode"),
        responses=_REFUSED,
    )
    async def encode(request: Encode, http: Request) -> Blob:
        return await answer(coding.pack_blob, request, http)

    @api.post(
        "/decode",
        summary="The images of such bytes",
        openapi_extra=body("decode"),
        responses=_REFUSED,
    )
    async def decode(request: Decode, http: Request) -> Images:
        return await answer(coding.unpack_blob, request, http)

    @api.post(
        "/attention",
        summary="Where attention reads while a pixel is written",
        openapi_extra=body("attention"),
        responses=_REFUSED,
    )
    async def attention(request: Look, http: Request) -> Reading:
        return await answer(work.attention, request, http)

    @api.post(
        "/cut",
        summary="The drawings on a page, cut apart",
        openapi_extra=body("cut"),
        responses=_REFUSED,
    )
    async def cut(request: Cut, http: Request) -> Apart:
        return await answer(cutting.cut, request, http)

    @api.post(
        "/pack",
        summary="Images to download: a sheet, an archive, or one as PNG or SVG",
        openapi_extra=body("pack"),
        responses=_REFUSED | _FILES,
        response_class=Response,
    )
    async def pack(request: Pack, http: Request) -> Response:
        content = await answer(work.pack, request, http)
        return Response(content, media_type=_MEDIA[request.form])

    return api


def _about(name: str, shelf: Shelf) -> About:
    model = shelf[name]
    return About(
        name=name,
        title=shelf.title(name),
        about=shelf.about(name),
        headline=shelf.headline(name),
        kind=type(model).__name__,
        shape=model.shape,
        levels=model.levels,
        shots=model.shots,
        attention=grid(model) is not None,
        parameters=sum(p.numel() for p in model.parameters()),
    )
