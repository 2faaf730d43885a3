"""Archives: everything comes back; what is damaged is named, and what is left can be read."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ilk.coding import (
    CodingError,
    DamagedArchive,
    Platform,
    Turns,
    archive,
    blob,
    pack,
    read_header,
    unpack,
)
from ilk.models import ConditionalPixelCNN, GatedPixelCNN, Model

NAMES = tuple(f"{i}.png" for i in range(7))


@pytest.fixture
def model() -> Model:
    return ConditionalPixelCNN((1, 3, 3), width=8, depth=1, summary=8).eval()


@pytest.fixture
def x(model: Model) -> Tensor:
    return torch.randint(2, (7, *model.shape), dtype=torch.uint8)


@pytest.fixture(params=[False, True], ids=["apart", "in turn"])
def content(
    request: pytest.FixtureRequest, model: Model, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> bytes:
    """Seven pictures in three chunks, with a support set of two."""
    monkeypatch.setattr(archive, "_helps", lambda model, support, images: request.param)
    return pack(model, x, NAMES, x[:2], "a model", chunk=3)


def body(content: bytes) -> int:
    """Where the blobs begin."""
    return len(content) - sum(size for _, size in read_header(content).chunks)


def test_everything_comes_back(model: Model, x: Tensor, content: bytes) -> None:
    read, header = unpack(content, model), read_header(content)
    assert torch.equal(read.images, x) and read.names == NAMES and read.lost == ()
    assert read.support is not None and torch.equal(read.support, x[:2])
    assert header.model == "a model" and header.shape == (1, 3, 3) and header.support == 2
    assert [count for count, _ in header.chunks] == [2, 3, 3, 1]


@pytest.mark.parametrize("shots", [None, 0, 1])
def test_few_and_no_support_images(shots: int | None, model: Model, x: Tensor) -> None:
    support = None if shots is None else x[:shots]
    read = unpack(pack(model, x, NAMES, support), model)
    assert torch.equal(read.images, x)
    assert (read.support is None) if support is None else torch.equal(read.support, support)


def test_no_pictures_and_names_of_every_sort(model: Model, x: Tensor) -> None:
    read = unpack(pack(model, x[:0], [], x[:2]), model)
    assert read.images.shape == (0, 1, 3, 3) and read.names == ()
    names = ["ü 字.png", 'a"b', "", " ", "../up", "a\nb", "🦉"]
    assert list(unpack(pack(model, x, names), model).names) == names


def test_a_model_that_takes_no_support_set() -> None:
    model = GatedPixelCNN((3, 3, 3), 4, width=8, depth=1, likelihood="logistics").eval()
    x = torch.randint(4, (5, 3, 3, 3), dtype=torch.uint8)
    assert torch.equal(unpack(pack(model, x, list("abcde")), model).images, x)


def test_progress_is_told(model: Model, x: Tensor) -> None:
    seen: list[tuple[int, int]] = []
    content = pack(model, x, NAMES, None, chunk=3, on_progress=lambda *of: seen.append(of))
    unpack(content, model, on_progress=lambda *of: seen.append(of))
    assert seen == [(3, 7), (6, 7), (7, 7)] * 2


def test_what_does_not_fit_is_refused(model: Model, x: Tensor) -> None:
    for images, names, chunk, message in (
        (x, NAMES[:3], 3, "with N names"),
        (x[0], NAMES, 3, "with N names"),
        (x, ("a", *NAMES[1:6], "a"), 3, "'a' twice"),
        (x, NAMES, 0, "chunk must be at least 1"),
        (x + 2, NAMES, 3, "x must hold integers"),
    ):
        with pytest.raises(ValueError, match=message):
            pack(model, images, names, None, chunk=chunk)


def test_every_changed_byte_is_refused_and_the_rest_is_read(
    model: Model, x: Tensor, content: bytes
) -> None:
    begin, header = body(content), read_header(content)
    ends = torch.tensor([size for _, size in header.chunks]).cumsum(0) + begin
    for i in range(len(content)):
        changed = bytearray(content)
        changed[i] ^= 1 << i % 8
        if i < begin:
            reason = "not an archive" if i < 8 else "header"
            with pytest.raises(CodingError, match=f"{reason}.*nothing can be read"):
                unpack(bytes(changed), model, partial=True)
        elif i < ends[0]:
            with pytest.raises(CodingError, match="the support set can't be read"):
                unpack(bytes(changed), model, partial=True)
        else:
            chunk = int((i >= ends).sum())
            with pytest.raises(DamagedArchive, match=rf"chunk {chunk} \(.*\) is damaged") as found:
                unpack(bytes(changed), model)
            kept = [k for k in range(7) if k // 3 != chunk - 1]
            orphans = 2 if header.in_turn and chunk == 1 else 0
            kept = [] if orphans else kept
            assert found.value.readable == tuple(NAMES[k] for k in kept)
            assert str(found.value).count("was told of the first chunk's pictures") == orphans
            if i % 8 == 0:
                read = unpack(bytes(changed), model, partial=True)
                assert read.names == found.value.readable and len(read.lost) == 1 + orphans
                assert torch.equal(read.images, x[kept])


def test_every_cut_is_refused_and_the_rest_is_read(
    model: Model, x: Tensor, content: bytes
) -> None:
    begin = body(content)
    sizes = [size for _, size in read_header(content).chunks]
    for length in range(len(content)):
        cut = content[:length]
        if length < begin + sizes[0]:
            with pytest.raises(CodingError, match=r"nothing (can be read|without it)"):
                unpack(cut, model, partial=True)
            continue
        whole = sum(length >= begin + sum(sizes[: k + 1]) for k in range(1, 4))
        with pytest.raises(DamagedArchive, match="is cut short") as found:
            unpack(cut, model)
        assert found.value.readable == NAMES[: 3 * whole]
        if length % 8 == 0:
            assert torch.equal(unpack(cut, model, partial=True).images, x[: 3 * whole])


def test_bytes_that_follow_are_named(model: Model, x: Tensor, content: bytes) -> None:
    with pytest.raises(DamagedArchive, match=r"5 bytes follow.*7 of 7 pictures can still be read"):
        unpack(content + b"extra", model)
    assert torch.equal(unpack(content + b"extra", model, partial=True).images, x)


def test_foreign_files_are_refused(model: Model) -> None:
    for foreign in (b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK\3\4", bytes(3)):
        with pytest.raises(CodingError, match="not an archive of ilk"):
            unpack(foreign, model)


def test_a_foreign_model_is_refused(model: Model, content: bytes) -> None:
    other = ConditionalPixelCNN((1, 3, 3), width=8, depth=1, summary=8).eval()
    with pytest.raises(
        CodingError, match=r"another model, 'a model' with fingerprint [0-9a-f]{16}"
    ):
        unpack(content, other)
    assert len(unpack(content, model).images) == 7


@pytest.mark.parametrize("what", ["machine", "libraries"])
def test_another_platform_is_refused_unless_told_otherwise(
    what: str, model: Model, x: Tensor, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Platform.here(torch.device("cpu"))
    parts = {"machine": here.machine, "libraries": here.libraries, what: "an abacus"}
    monkeypatch.setattr(archive.Platform, "here", staticmethod(lambda device: Platform(**parts)))
    with pytest.raises(CodingError, match=f"another platform.*{what}: there .*here 'an abacus'"):
        unpack(content, model)
    assert torch.equal(unpack(content, model, elsewhere=True).images, x)


def rewritten(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """An archive with another header, by one who knows the checksum."""
    begin = body(content)
    fields = json.loads(zlib.decompress(content[16:begin]))
    change(fields)
    packed = zlib.compress(json.dumps(fields).encode())
    front = struct.pack("<8sII", archive.MAGIC, len(packed), zlib.crc32(packed))
    return front + packed + content[begin:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.update(format=3), "format 3; this ilk reads up to 2: update ilk"),
        (lambda f: f.update(in_turn=1), "of another type"),
        (lambda f: f.update(names=["a"]), "other numbers of pictures and names"),
        (lambda f: f.update(support=3), "other numbers"),
        (lambda f: f.update(chunks=[[9, -4]]), "a chunk of nothing"),
        (lambda f: f.update(threads=10**6), "1000000 threads"),
        (lambda f: f.update(threads=True), "of another type"),
        (lambda f: f.update(model=7), "of another type"),
        (lambda f: f.update(chunks=[[float("inf"), 4]]), "makes no sense"),
        (lambda f: f.update(names=["a"] * 7), "two pictures of one name"),
        (lambda f: f.update(shape=[1, 3]), "makes no sense"),
        (lambda f: f.update(more=1), "makes no sense"),
        (lambda f: f.pop("names"), "makes no sense"),
        (lambda f: f.update(levels=7), "do not fit the model"),
    ],
)
def test_headers_that_make_no_sense_are_refused(
    change: Callable, reason: str, model: Model, content: bytes
) -> None:
    with pytest.raises(CodingError, match=reason):
        unpack(rewritten(content, change), model, partial=True)


def test_a_support_set_that_no_bytes_can_hold_is_refused(model: Model, content: bytes) -> None:
    (_, size), *_ = read_header(content).chunks
    begin, count = body(content), 2**36
    told = blob.parse(content[begin : begin + size])._replace(sample_shape=(count,)).pack()

    def change(fields: dict[str, Any]) -> None:
        fields.update(support=count)
        fields["chunks"][0] = [count, len(told)]

    changed = rewritten(content, change)
    head = changed[: len(changed) - len(content) + begin]
    with pytest.raises(CodingError, match=r"support set can't be read.*images are claimed"):
        unpack(head + told + content[begin + size :], model, partial=True)


def test_a_header_that_swells_is_refused(
    model: Model, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MOST_HEADER", 100)
    with pytest.raises(CodingError, match="makes no sense"):
        unpack(content, model)


@pytest.mark.parametrize("given", [None, 0, 1, 5, 8])
def test_later_chunks_are_told_of_the_first_pictures(
    given: int | None, model: Model, x: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_helps", lambda model, support, images: True)
    x = x.repeat(3, 1, 1, 1)[:20]
    support = None if given is None else x[20 - given :]
    content = pack(model, x, [str(i) for i in range(20)], support, chunk=10)
    read, header = unpack(content, model), read_header(content)
    assert torch.equal(read.images, x) and header.in_turn
    known = x[:0] if support is None else support
    p = model(torch.cat([known, x[: 8 - len(known)]]))
    last = content[len(content) - header.chunks[-1][1] :]
    assert torch.equal(p.decode(last), x[10:])


def test_pictures_are_examples_for_one_another_where_that_is_shorter() -> None:
    model = ConditionalPixelCNN((1, 3, 3), width=8, depth=1, summary=8).eval()
    images = torch.randint(2, (9, *model.shape), dtype=torch.uint8)
    told = Turns.of(model, None, 9).log_prob(images).sum()
    assert read_header(pack(model, images, list("abcdefghi"))).in_turn == bool(
        told > model().log_prob(images).sum()
    )
    assert not read_header(pack(model, images[:1], ["a"])).in_turn


def test_an_archive_of_the_first_format_is_read(model: Model, x: Tensor, content: bytes) -> None:
    """There the support set was coded at once, and every chunk given it alone."""
    blobs = [model().encode(x[:2]), *(model(x[:2]).encode(part) for part in x.split(3))]
    sizes = [[n, len(b)] for n, b in zip((2, 3, 3, 1), blobs, strict=True)]
    begin = body(content)
    fields = json.loads(zlib.decompress(content[16:begin])) | {"format": 1, "chunks": sizes}
    del fields["in_turn"]
    packed = zlib.compress(json.dumps(fields).encode())
    front = struct.pack("<8sII", archive.MAGIC, len(packed), zlib.crc32(packed))
    read = unpack(front + packed + b"".join(blobs), model)
    assert torch.equal(read.images, x)
    assert read.support is not None and torch.equal(read.support, x[:2])


def test_pictures_in_turn_need_a_model_that_can_be_told() -> None:
    model = GatedPixelCNN((1, 3, 3), width=8, depth=1).eval()
    x = torch.randint(2, (5, 1, 3, 3), dtype=torch.uint8)
    content = rewritten(pack(model, x, list("abcde")), lambda f: f.update(in_turn=True))
    with pytest.raises(CodingError, match="takes no support set"):
        unpack(content, model)


def test_the_overhead_is_small(model: Model) -> None:
    x = torch.randint(2, (600, *model.shape), dtype=torch.uint8)
    content = pack(model, x, [str(i) for i in range(600)], x[:2], chunk=300)
    assert model.shots == 8
    told = [model(x[:2]), model(torch.cat([x[:2], x[:6]]))]
    header = read_header(content)
    assert header.in_turn in (False, True)
    first = Turns.of(model, x[:2], 300) if header.in_turn else Turns.one(told[0], 300)
    later = told[header.in_turn]
    nats = first.log_prob(x[:300]).sum() + later.log_prob(x[300:]).sum()
    bits = -nats.item() / math.log(2)
    coded = [size for _, size in read_header(content).chunks[1:]]
    assert 8 * sum(coded) < 1.01 * bits + 2 * 64 * 8
