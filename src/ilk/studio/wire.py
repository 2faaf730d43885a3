"""What travels: images as base64 in JSON, figures in nats and bits."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from torch import Tensor

from ilk.data import ImageError, read_image
from ilk.data.picture import open_picture
from ilk.models import Model

__all__ = [
    "Classify",
    "Complete",
    "Cost",
    "Cut",
    "Decode",
    "Encode",
    "Image",
    "Look",
    "Pack",
    "Sample",
    "Score",
    "costs",
    "decode",
    "encode",
    "mask_of",
    "tensor_of",
]

Temperature = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Guidance = Annotated[float, Field(ge=-1, le=10, allow_inf_nan=False)]
Seed = Annotated[int | None, Field(ge=0, lt=2**53)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        """Refuses a field that there is not, and tells which there are."""
        unknown = (
            [name for name in data if name not in cls.model_fields]
            if isinstance(data, dict)
            else []
        )
        if unknown:
            told = {"name": unknown[0][:80], "names": ", ".join(cls.model_fields)}
            raise PydanticCustomError(
                "unknown", "there is no {name}; wanted some of {names}", told
            )
        return data


class _Request(_Strict):
    model: str = Field("omniglot", max_length=200, description="A name that /api/models lists.")


class Image(_Strict):
    """An image: its `pixels`, or a picture `file` that is brought to the model's size."""

    pixels: str | None = Field(
        None, description="Base64 of C x H x W bytes in 0..levels-1, row by row."
    )
    file: str | None = Field(
        None, description="Base64 of a picture file: PNG, JPEG, TIFF, others."
    )


class _Conditioned(_Request):
    support: list[Image] = Field([], description="Examples of one kind; may be empty.")


class Sample(_Conditioned):
    """Draw more of a kind."""

    count: int = Field(16, ge=1)
    guidance: Guidance = Field(
        0.0, description="How much more the examples weigh; 0 draws from the model itself."
    )
    temperature: Temperature = Field(
        1.0, description="Below 1 each pixel takes its likeliest value more often."
    )
    of: int = Field(
        0, ge=0, description="Draw so many, and answer with those that the examples gained most."
    )
    seed: Seed = Field(None, description="The same seed draws the same pixels.")
    stream: bool = Field(False, description="Answer with server-sent events as pixels come.")


class Complete(Sample):
    """Draw what is not known of an image; a branch where the known pixels are the first.

    Where known pixels follow unknown ones, these are drawn several times, weighed, and drawn anew
    in blocks; the temperature must be 1.
    """

    image: Image
    known: str = Field(description="Base64 of H x W bytes: 1 where a pixel is kept, else 0.")
    particles: int = Field(8, ge=1, le=32, description="Draws that one is kept of.")
    passes: int = Field(1, ge=0, le=8, description="How often every block is drawn anew.")


class Score(_Conditioned):
    """How likely are images, given a few examples and without them."""

    images: list[Image] = Field(min_length=1)
    surprise: bool = Field(False, description="Also nats of every pixel, row by row.")


class Classify(_Request):
    """Which kind is it: images scored under several support sets."""

    kinds: list[list[Image]] = Field(min_length=2, description="A support set for each kind.")
    images: list[Image] = Field(min_length=1)


class Look(_Conditioned):
    """Where attention reads while each pixel of an image is written."""

    image: Image


class Encode(_Conditioned):
    """Images as one blob, without loss, in as many bits as their score says."""

    images: list[Image] = Field(min_length=1)


class Decode(_Conditioned):
    """The images of a blob, under the examples that it was made with."""

    blob: str = Field(description="Base64 of what `encode` answered, or `p.encode` returned.")


class Cut(_Request):
    """A page of several drawings, to be cut apart: as it seems, or as one says."""

    image: Image = Field(description="A picture file; pixels are no page.")
    count: int | None = Field(None, ge=1, description="How many drawings there are.")
    groups: list[list[int]] | None = Field(
        None, description="Pieces of each drawing, as answered for this picture and count."
    )
    split: int | None = Field(None, description="Of the groups, counted from 0, one to part in 2.")
    read: bool = Field(False, description="Also bring the drawings to the model's size.")


class Pack(_Request):
    """Images to download: one sheet, an archive of files of the model's size, or one picture."""

    images: list[Image] = Field(min_length=1)
    form: Literal["sheet", "archive", "png", "svg"] = Field(
        "sheet", description="`png` and `svg` are of one image."
    )
    size: Annotated[int, Field(ge=1, le=8192)] | None = Field(
        None, description="Height of an image in a sheet or a `png`; its own, if none is given."
    )


class Cost(BaseModel):
    """What an image costs: fewer nats are likelier."""

    nats: float
    nats_per_dim: float
    bits: float
    gain_bits: float | None = Field(None, description="Bits saved by the examples.")
    surprise: list[float] | None = Field(None, description="Nats of every pixel.")
    flaw: str | None = Field(None, description="What is wrong with a draw: `blank` and others.")


def encode(t: Tensor) -> str:
    """Bytes of a tensor of small integers as base64.

    Example:
        >>> encode(torch.tensor([1, 2, 3]))
        'AQID'
    """
    return base64.b64encode(t.to(torch.uint8).cpu().contiguous().numpy().tobytes()).decode()


def decode(text: str, name: str) -> bytes:
    """Bytes of base64.

    Raises:
        ValueError: If it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{name}: this is no base64") from None


def tensor_of(image: Image, model: Model, name: str, most: int) -> Tensor:
    """An image as a model's pixels, uint8 `(C, H, W)`.

    Raises:
        ValueError: If it is neither pixels nor a file, or of another size, or has more than
            `most` pixels.
    """
    if (image.pixels is None) == (image.file is None):
        raise ValueError(f"{name}: wanted either pixels or a file")
    if image.file is not None:
        try:
            picture = open_picture(decode(image.file, name), most)
            return read_image(picture, model.shape, model.levels)
        except ImageError as error:
            raise ValueError(f"{name}: {error}") from None
    values = decode(image.pixels or "", name)
    if len(values) != model.dims:
        shape = " x ".join(map(str, model.shape))
        raise ValueError(f"{name}: wanted {shape} = {model.dims} values, got {len(values)}")
    pixels = torch.frombuffer(bytearray(values), dtype=torch.uint8).view(model.shape)
    if int(pixels.max()) >= model.levels:
        top = model.levels - 1
        raise ValueError(f"{name}: wanted values 0..{top}, got {int(pixels.max())}")
    return pixels


def mask_of(text: str, model: Model) -> Tensor:
    """A mask of known pixels, boolean `(1, H, W)`.

    Raises:
        ValueError: If it is of another size, or not of zeros and ones.
    """
    _, height, width = model.shape
    values = decode(text, "known")
    if len(values) != height * width or max(values, default=2) > 1:
        raise ValueError(f"known: wanted {height} x {width} values that are 0 or 1")
    return torch.frombuffer(bytearray(values), dtype=torch.uint8).view(1, height, width).bool()


def costs(
    each: Tensor, alone: Tensor | None = None, surprise: bool = False
) -> list[dict[str, Any]]:
    """Of log-probabilities of values `(N, C, H, W)`, and those without examples `(N,)`.

    Example:
        >>> costs(torch.full((1, 1, 2, 2), -0.5))[0]["nats_per_dim"]
        0.5
    """
    rows = []
    for i, item in enumerate(each):
        nats = -float(item.sum())
        row: dict[str, Any] = {"nats": nats, "nats_per_dim": nats / item.numel()}
        row["bits"] = nats / math.log(2)
        if alone is not None:
            row["gain_bits"] = (-float(alone[i]) - nats) / math.log(2)
        if surprise:
            row["surprise"] = [round(-v, 5) for v in item.sum(dim=0).flatten().tolist()]
        rows.append(row)
    return rows
