"""The API says what the model says, and refuses what it should."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import struct
import zipfile
import zlib
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from studio.toys import examples, page, picture, pixels

from ilk.coding.blob import Code, parse
from ilk.data import cut_apart, read_image, read_page
from ilk.distributions import complete_around, pick
from ilk.models.storage import shipped
from ilk.studio import Shelf
from ilk.studio.attention import read_weights
from ilk.studio.examples import examples as examples_of
from ilk.studio.objects import picture as picture_of
from ilk.trace import trace


def events(client: TestClient, path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    with client.stream("POST", path, json={**request, "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line[6:]) for line in lines]


JSON = {"content-type": "application/json"}


def told(shelf: Shelf, count: int = 3) -> torch.Tensor:
    """What `examples` are to the model."""
    files = [base64.b64decode(e["file"]) for e in examples(count)]
    return torch.stack([read_image(file, shelf["tiny"].shape, 2) for file in files])


def test_models(client: TestClient) -> None:
    first, second, *rest = client.get("/api/models").json()
    assert (first["name"], first["shape"], first["attention"]) == ("tiny", [1, 26, 26], True)
    assert (second["name"], second["levels"], second["attention"]) == ("alone", 4, False)
    assert first["about"] == "your own, 26 x 26" and first["title"] == "tiny"
    names = {model["name"] for model in rest}
    # Nobody can draw for a model of colour pictures.
    assert "omniglot" in names and not names & {"flips", "products"}


def test_models_that_are_named_are_there() -> None:
    shelf = Shelf(["flips"])
    assert next(iter(shelf)) == "flips" and {"omniglot"} < set(shelf)
    assert all(model.shape[0] == 1 for name, model in shelf.items() if name != "flips")


def test_every_model_that_ships_has_plain_words_and_examples() -> None:
    shelf = Shelf(shipped())
    titles = [shelf.title(name) for name in shelf]
    assert len(set(titles)) == len(titles) and not set(titles) & set(shipped())
    for name, model in shelf.items():
        assert name in shelf.about(name)
        assert all(part.endswith(".") for part in shelf.headline(name))
        kinds = examples_of(shelf)[",".join(map(str, (*model.shape, model.levels)))]
        assert len(kinds) >= 2
        for list_ in kinds.values():
            assert len(list_) >= 6 and len(set(list_)) == len(list_)
            for text in list_:
                assert int(pixels(text, model.shape).max()) < model.levels


def test_objects_are_their_kind() -> None:
    """Drawn by program, the same each time: colours differ, and their outlines do not."""
    cups, bottles = (
        torch.stack([picture_of(kind, i, (3, 24, 24), 256) for i in range(1, 7)]).float()
        for kind in ("cup", "bottle")
    )
    assert torch.equal(cups[0], picture_of("cup", 1, (3, 24, 24), 256).float())
    cups, bottles = ((x.amax(dim=1) - x.amin(dim=1) > 40).float() for x in (cups, bottles))
    between = (cups.mean(dim=0) - bottles.mean(dim=0)).abs().sum()
    assert between > (cups - cups.mean(dim=0)).abs().sum(dim=(1, 2)).mean()


def test_healthz(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"


def test_samples_are_those_of_the_model(client: TestClient, shelf: Shelf) -> None:
    request = {"model": "tiny", "support": examples(), "count": 5, "seed": 7, "temperature": 0.8}
    answer = client.post("/api/sample", json=request).json()
    p = shelf["tiny"](told(shelf))
    wanted = p.sample((5,), torch.Generator().manual_seed(7), temperature=0.8)
    found = torch.stack([pixels(image["pixels"]) for image in answer["images"]])
    assert torch.equal(found, wanted)
    nats = [image["nats"] for image in answer["images"]]
    assert nats == pytest.approx((-p.log_prob(wanted)).tolist(), rel=1e-4)
    for image in answer["images"]:
        assert image["bits"] == pytest.approx(image["nats"] / math.log(2))
        assert image["nats_per_dim"] == pytest.approx(image["nats"] / 676)


@pytest.mark.parametrize("guidance", [0.0, 0.7])
def test_guided_samples_cost_what_the_model_says(client, shelf, guidance: float) -> None:
    request = {"model": "tiny", "support": examples(), "count": 5, "seed": 7, "guidance": guidance}
    p = shelf["tiny"](told(shelf))
    for more, drawn in (({}, 5), ({"of": 12}, 12)):
        answer = client.post("/api/sample", json={**request, **more}).json()
        wanted = p.guided(guidance).sample((drawn,), torch.Generator().manual_seed(7))
        if more:
            wanted = wanted[pick(wanted, p.gain(wanted), 5)]
        found = torch.stack([pixels(image["pixels"]) for image in answer["images"]])
        assert torch.equal(found, wanted)
        nats = [image["nats"] for image in answer["images"]]
        assert nats == pytest.approx((-p.log_prob(wanted)).tolist(), rel=1e-4)
        if guidance or more:
            gain = [image["gain_bits"] * math.log(2) for image in answer["images"]]
            assert gain == pytest.approx(p.gain(wanted).tolist(), abs=1e-3)
            unlike = [image.get("flaw") == "unlike the examples" for image in answer["images"]]
            assert unlike == [g < 0 for g in gain]


def test_a_stream_is_the_same_pixel_by_pixel(client: TestClient) -> None:
    request = {"model": "tiny", "support": examples(), "count": 3, "seed": 1}
    start, *parts, done = events(client, "/api/sample", request)
    assert (start["event"], start["count"], start["steps"]) == ("start", 3, 676)
    assert len(parts) > 1 and parts[0]["first"] == 0
    assert len(base64.b64decode(parts[0]["values"])) == 3  # one pixel of each, at once
    flat = b""
    for part in parts:
        assert part["event"] == "pixels" and part["first"] * 3 == len(flat)
        flat += base64.b64decode(part["values"])
    drawn = torch.tensor(list(flat)).view(676, 3).T
    assert torch.equal(drawn, torch.stack([pixels(i["pixels"]).flatten() for i in done["images"]]))
    whole = client.post("/api/sample", json=request).json()
    assert whole["images"] == done["images"] and whole["seed"] == done["seed"] == 1


def test_a_seed_is_chosen_and_told(client: TestClient) -> None:
    request = {"model": "tiny", "count": 1}
    first = client.post("/api/sample", json=request).json()
    again = client.post("/api/sample", json={**request, "seed": first["seed"]}).json()
    assert again["images"] == first["images"]


def test_a_branch_keeps_what_came_before(client: TestClient, shelf: Shelf) -> None:
    x = told(shelf, 4)[3]
    known = torch.arange(676).view(26, 26) < 300
    request = {
        "model": "tiny",
        "support": examples(),
        "image": {"pixels": base64.b64encode(bytes(x.flatten().tolist())).decode()},
        "known": base64.b64encode(bytes(known.flatten().int().tolist())).decode(),
        "count": 4,
        "seed": 3,
    }
    images = client.post("/api/complete", json=request).json()["images"]
    found = torch.stack([pixels(image["pixels"]) for image in images])
    assert (found == x)[..., known].all()
    assert len({image["pixels"] for image in images}) > 1
    p = shelf["tiny"](told(shelf))
    wanted = p.complete(x.expand(4, -1, -1, -1), known, torch.Generator().manual_seed(3))
    assert torch.equal(found, wanted)


def hole() -> tuple[torch.Tensor, str]:
    """A mask of what is known around a hole, and as it travels."""
    known = torch.ones(26, 26, dtype=torch.bool)
    known[8:12, 6:20] = False
    return known, base64.b64encode(bytes(known.flatten().int().tolist())).decode()


def test_completions_regard_what_follows(client: TestClient, shelf: Shelf) -> None:
    """They are those of `complete_around`, and grow in the stream."""
    x, (known, text) = told(shelf, 4)[3], hole()
    request = {
        "model": "tiny",
        "support": examples(),
        "image": {"pixels": base64.b64encode(bytes(x.flatten().tolist())).decode()},
        "known": text,
        "count": 3,
        "particles": 4,
        "passes": 1,
        "seed": 3,
    }
    start, *parts, done = events(client, "/api/complete", request)
    assert start["exact"] is False and parts and {part["event"] for part in parts} == {"images"}
    shares = [part["share"] for part in parts]
    assert shares == sorted(shares) and 0 < shares[0] <= shares[-1] <= 1
    for part in parts:
        shown = torch.stack([pixels(image) for image in part["images"]])
        assert (shown == x)[..., known].all()
    seed = torch.Generator().manual_seed(3)
    wanted = complete_around(shelf["tiny"](told(shelf)), x, known, 3, 4, 1, generator=seed)
    found = torch.stack([pixels(image["pixels"]) for image in done["images"]])
    assert torch.equal(found, wanted.images)
    nats = [image["nats"] for image in done["images"]]
    assert nats == pytest.approx((-wanted.nats).tolist(), rel=1e-4)
    assert done["effective"] == pytest.approx(wanted.effective)
    refused = client.post("/api/complete", json={**request, "temperature": 0.5})
    assert refused.status_code == 422 and "temperature: wanted 1" in refused.json()["error"]


@torch.no_grad()
def test_encode_and_decode(client: TestClient, shelf: Shelf) -> None:
    """Blobs are those of Python, and as long as the score says."""
    p = shelf["tiny"](told(shelf))
    x = p.sample((5,), torch.Generator().manual_seed(1))
    images = [{"pixels": base64.b64encode(bytes(i.flatten().tolist())).decode()} for i in x]
    given = {"model": "tiny", "support": examples()}
    answer = client.post("/api/encode", json={**given, "images": images}).json()
    blob = base64.b64decode(answer["blob"])
    assert answer["bytes"] == len(blob)
    assert answer["bits"] == pytest.approx(-float(p.log_prob(x).sum()) / math.log(2), rel=1e-4)
    assert 8 * len(blob) < 1.01 * answer["bits"] + 8 * 64
    assert torch.equal(p.decode(blob), x)
    back = client.post("/api/decode", json={**given, "blob": answer["blob"]}).json()
    assert [image["pixels"] for image in back["images"]] == [i["pixels"] for i in images]
    mine = base64.b64encode(p.encode(x[:2])).decode()
    back = client.post("/api/decode", json={**given, "blob": mine}).json()
    assert torch.equal(torch.stack([pixels(i["pixels"]) for i in back["images"]]), x[:2])


def changed(code: Code, **fields: Any) -> str:
    return base64.b64encode(code._replace(**fields).pack()).decode()


def test_blobs_that_are_refused(client: TestClient, shelf: Shelf) -> None:
    """Forged ones too, whose checksum is right: nothing is made room for on their word."""
    p = shelf["tiny"](told(shelf))
    whole = p.encode(p.sample((2,)))
    code = parse(whole)
    noise = bytes(torch.randint(256, (len(code.words),)).tolist())
    refused = {
        base64.b64encode(whole[:-9]).decode(): "cut short",
        "?": "no base64",
        changed(code, sample_shape=(2**31, 2**31)): "no code of ilk",
        changed(code, sample_shape=(2**31,)): "images: wanted at most 20",
        changed(code, sample_shape=(3,)): "blob",
        changed(code, threads=256): "threads: wanted at most",
        changed(code, model=b"abcd"): "another model",
        changed(code, machine=b"abcd"): "another machine",
        changed(code, words=noise): "blob",
        changed(code, words=b""): "blob",
        changed(code, pixels=code.pixels ^ 1): "other images come out",
    }
    for text, reason in refused.items():
        request = {"model": "tiny", "support": examples(), "blob": text}
        answer = client.post("/api/decode", json=request)
        assert answer.status_code == 422 and reason in answer.json()["error"], answer.text
    other = {"model": "tiny", "support": examples(2), "blob": base64.b64encode(whole).decode()}
    assert "another condition" in client.post("/api/decode", json=other).json()["error"]


@torch.no_grad()
def test_score_and_its_surprise(client: TestClient, shelf: Shelf) -> None:
    request = {"model": "tiny", "support": examples(), "images": [{"file": picture(60)}] * 11}
    rows = client.post("/api/score", json={**request, "surprise": True}).json()["images"]
    x = read_image(base64.b64decode(picture(60)), (1, 26, 26), 2)[None]
    model = shelf["tiny"]
    given, alone = -model(told(shelf)).log_prob(x), -model().log_prob(x)
    assert len(rows) == 11 and rows[0].keys() == rows[10].keys()
    # Images side by side agree but for the last bits, and so for the last digit that is sent.
    for name, value in rows[0].items():
        assert rows[10][name] == pytest.approx(value, rel=1e-6, abs=1.1e-5)
    assert rows[0]["nats"] == pytest.approx(float(given), rel=1e-4)
    assert rows[0]["gain_bits"] * math.log(2) == pytest.approx(float(alone - given), abs=1e-3)
    assert sum(rows[0]["surprise"]) == pytest.approx(rows[0]["nats"], abs=0.01)


@torch.no_grad()
def test_classify_is_bayes(client: TestClient, shelf: Shelf) -> None:
    kinds = [examples(3), examples(2)]
    request = {"model": "tiny", "kinds": kinds, "images": [{"file": picture(60)}]}
    row = client.post("/api/classify", json=request).json()["images"][0]
    nats = torch.tensor([kind["nats"] for kind in row["kinds"]], dtype=torch.float64)
    assert row["posterior"] == pytest.approx((-nats).softmax(0).tolist(), abs=1e-4)
    x = read_image(base64.b64decode(picture(60)), (1, 26, 26), 2)[None]
    wanted = -shelf["tiny"](told(shelf, 2)).log_prob(x)
    assert row["kinds"][1]["nats"] == pytest.approx(float(wanted), rel=1e-4)


def test_attention_is_where_the_model_reads(client: TestClient, shelf: Shelf) -> None:
    request = {"model": "tiny", "support": examples(3), "image": {"file": picture(60)}}
    answer = client.post("/api/attention", json=request).json()
    assert (answer["grid"], answer["support"]) == ([7, 7], 3)
    shares = pixels(answer["weights"], (676, 3 * 49)).double()
    assert shares.amax(dim=1).eq(255).all()
    p = shelf["tiny"](told(shelf))
    x = read_image(base64.b64decode(picture(60)), (1, 26, 26), 2)
    with torch.inference_mode():
        wanted = read_weights(p, x)
    torch.testing.assert_close(wanted.sum(dim=1), torch.ones(676))
    assert answer["nothing"] == pytest.approx(wanted[:, 0].tolist(), abs=1e-4)
    most = wanted[:, 1:] / wanted[:, 1:].amax(dim=1, keepdim=True)
    torch.testing.assert_close(shares / 255, most.double(), atol=0.003, rtol=0)


def test_read_weights_make_the_read(shelf: Shelf) -> None:
    """The weights times the values are what the network adds: one head, one read."""
    import ilk

    model = ilk.models.AttentionPixelCNN(
        (1, 8, 8), width=8, depth=2, read_at=(1,), patches=8, heads=1
    ).eval()
    p, x = model(torch.randint(2, (2, 1, 8, 8))), torch.randint(2, (1, 8, 8))
    found: list[torch.Tensor] = []
    hook = model.net.reads[0].register_forward_hook(lambda *a: found.append(a[2]))  # type: ignore
    with torch.no_grad():
        weights = read_weights(p, x)
        p.parameters(x[None])
    hook.remove()
    torch.testing.assert_close(weights @ p.context.value[0], found[0][0])  # type: ignore[index]


def test_pictures_are_brought_to_the_model(client: TestClient) -> None:
    for form in ("PNG", "JPEG", "WEBP", "GIF"):
        file = base64.b64decode(picture(form=form, size=(300, 200)))
        answer = client.post("/api/read", params={"model": "tiny"}, content=file)
        assert answer.status_code == 200, form
        assert torch.equal(pixels(answer.json()["pixels"]), read_image(file, (1, 26, 26), 2))
        assert answer.json()["apart"] == []


def test_a_page_of_several_drawings_is_read_as_one_and_taken_apart(client: TestClient) -> None:
    file = base64.b64decode(page(4))
    answer = client.post("/api/read", params={"model": "tiny"}, content=file).json()
    assert torch.equal(pixels(answer["pixels"]), read_image(file, (1, 26, 26), 2))
    wanted = [read_image(drawing, (1, 26, 26), 2) for drawing in cut_apart(file)]
    assert len(wanted) == 4
    assert all(map(torch.equal, map(pixels, answer["apart"]), wanted))


def test_a_page_is_cut_and_put_right_by_hand(client: TestClient) -> None:
    request = {"model": "tiny", "image": {"file": page(4)}}
    answer = client.post("/api/cut", json=request).json()
    assert answer["groups"] == [[1], [2], [3], [4]] and answer["images"] == []
    lefts = [box[0] for box in answer["boxes"]]
    assert lefts == sorted(lefts) and all(0 <= v <= 1 for box in answer["boxes"] for v in box)
    overview = Image.open(io.BytesIO(base64.b64decode(answer["picture"])))
    assert overview.size == (800, 200)
    groups = [[1, 2], [4]]
    joined = client.post("/api/cut", json={**request, "groups": groups, "read": True}).json()
    assert joined["groups"] == groups and len(joined["images"]) == 2
    wanted = read_page(base64.b64decode(page(4))).grouped(groups).drawings()
    for image, drawing in zip(joined["images"], wanted, strict=True):
        assert torch.equal(pixels(image["pixels"]), read_image(drawing, (1, 26, 26), 2))
    parted = client.post("/api/cut", json={**request, "groups": groups, "split": 0}).json()
    assert parted["groups"] == [[1], [2], [4]]
    assert len(client.post("/api/cut", json={**request, "count": 2}).json()["groups"]) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"image": {"pixels": "AA=="}}, "wanted a picture file"),
        ({"image": {"file": base64.b64encode(b"none").decode()}}, "not a picture"),
        ({"count": 9}, "count: wanted 9 drawings, the ink is in 4 pieces"),
        ({"groups": [[1], [1]]}, "groups: wanted pieces from 1 to 4"),
        ({"groups": [[1], [2]], "split": 1}, "in one piece"),
        ({"groups": [[1]], "split": 5}, "split: wanted 0 to 0"),
    ],
)
def test_a_cut_that_can_not_be_made_is_refused(client: TestClient, more: dict, said: str) -> None:
    request = {"model": "tiny", "image": {"file": page(4)}, **more}
    answer = client.post("/api/cut", json=request)
    assert answer.status_code == 422 and said in answer.json()["error"]


def test_downloads(client: TestClient) -> None:
    request = {"model": "tiny", "images": examples(3)}
    sheet = client.post("/api/pack", json=request)
    assert sheet.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(sheet.content)).format == "PNG"
    archive = client.post("/api/pack", json={**request, "form": "archive"})
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        assert files.namelist() == ["01.png", "02.png", "03.png"]
        # What is downloaded can be used again, and is the same.
        first = read_image(files.read("01.png"), (1, 26, 26), 2)
    assert torch.equal(first, read_image(base64.b64decode(picture(40)), (1, 26, 26), 2))


def test_one_drawing_at_any_size_and_as_outlines(client: TestClient) -> None:
    x = read_image(base64.b64decode(picture(40)), (1, 26, 26), 2)
    request = {"model": "tiny", "images": examples(1)}
    for size in (13, 26, 100, 520):
        png = client.post("/api/pack", json={**request, "form": "png", "size": size})
        file = Image.open(io.BytesIO(png.content))
        assert file.size == (size, size)
    small = file.convert("L").resize((26, 26), Image.Resampling.BOX)
    assert torch.equal(torch.tensor(list(small.tobytes())).view(26, 26) < 128, x[0] > 0)
    svg = client.post("/api/pack", json={**request, "form": "svg"})
    assert svg.headers["content-type"] == "image/svg+xml" and svg.text == trace(x, 2)
    large = client.post("/api/pack", json={"model": "tiny", "images": examples(3), "size": 260})
    assert Image.open(io.BytesIO(large.content)).height == 260 + 2 * 16


def test_words_of_errors_are_for_people(client: TestClient) -> None:
    """Neither marks of code nor counts of bytes, nor what a library says to itself."""
    sent = [base64.b64decode(picture(40, form))[:-40] for form in ("PNG", "JPEG", "WEBP", "GIF")]
    for content in (*sent, b"", b"no picture", bytes(400_001), b"GIF89a"):
        answer = client.post("/api/read", params={"model": "tiny"}, content=content)
        assert 400 <= answer.status_code < 500
        assert not re.search(r"`|bytes|0x|Traceback|\(image", answer.json()["error"])


def test_a_model_without_examples(client: TestClient) -> None:
    answer = client.post("/api/sample", json={"model": "alone", "count": 2}).json()
    assert int(torch.stack([pixels(i["pixels"], (1, 4, 4)) for i in answer["images"]]).max()) < 4
    refused = client.post("/api/sample", json={"model": "alone", "support": examples()})
    assert refused.status_code == 422 and "takes no examples" in refused.json()["error"]
    image = {"pixels": base64.b64encode(bytes(16)).decode()}
    refused = client.post("/api/attention", json={"model": "alone", "image": image})
    assert refused.status_code == 422


def bomb(side: int) -> str:
    """A PNG of a few kilobytes that says it is `side` x `side`."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return base64.b64encode(file).decode()


def test_a_body_that_is_no_json_or_does_not_say_so(client: TestClient) -> None:
    text = {"content-type": "text/plain"}
    for headers, reason in (({}, "content-type"), (text, "content-type"), (JSON, "no JSON")):
        body = "{...}" if headers == JSON else "{}"
        answer = client.post("/api/sample", content=body, headers=headers)
        assert answer.status_code == 422 and reason in answer.json()["error"], answer.text


def test_what_openapi_tells_is_so(client: TestClient) -> None:
    """Its examples work, and what is refused is told as it comes."""
    api = client.get("/api/openapi.json").json()
    assert "20 images to draw" in api["info"]["description"]
    assert "HTTPValidationError" not in api["components"]["schemas"]
    posts = {path: verbs["post"] for path, verbs in api["paths"].items() if "post" in verbs}
    for path, what in posts.items():
        assert {"404", "408", "413", "422", "429"} < set(what["responses"])
        content = what["requestBody"]["content"]
        if path not in ("/api/read", "/api/decode"):  # a blob is of one machine
            answer = client.post(path, json=content["application/json"]["example"])
            assert answer.status_code == 200, answer.text
            said = answer.headers["content-type"].split(";")[0]
            assert said in what["responses"]["200"]["content"]
    events = posts["/api/sample"]["responses"]["200"]["content"]
    assert set(events) == {"application/json", "text/event-stream"}


VERBS = {"models", "read", "sample", "complete", "score", "classify"}
VERBS |= {"encode", "decode", "attention", "cut", "pack"}
BLANK = base64.b64encode(bytes(676)).decode()
MALFORMED: list[tuple[str, dict[str, Any], int, str]] = [
    ("sample", {"model": "../../etc/passwd"}, 404, "model: wanted one of"),
    ("sample", {"model": "/work"}, 404, "model: wanted one of"),
    ("sample", {"count": 0}, 422, "count"),
    ("sample", {"count": 21}, 422, "count: wanted at most 20, got 21"),
    ("sample", {"count": "many"}, 422, "count"),
    ("sample", {"temperature": -1}, 422, "temperature"),
    ("sample", {"guidance": -2}, 422, "guidance"),
    ("sample", {"of": 21}, 422, "of: wanted at most 20, got 21"),
    ("sample", {"of": 16, "support": []}, 422, "of: there are no examples to choose by"),
    ("sample", {"seed": -1}, 422, "seed"),
    ("sample", {"seed": 2**70}, 422, "seed"),
    ("sample", {"sede": 1}, 422, "body: there is no sede; wanted some of model, support, count"),
    ("sample", {"support": [{"pixel": ""}]}, 422, "support.0: there is no pixel; wanted"),
    ("sample", {"support": [{"pixels": "AA=="}]}, 422, "support.0: wanted 1 x 26 x 26 = 676"),
    ("sample", {"support": [{"pixels": "?"}]}, 422, "support.0: this is no base64"),
    ("sample", {"support": [{"pixels": "é"}]}, 422, "support.0: this is no base64"),
    ("sample", {"support": [{}]}, 422, "support.0: wanted either pixels or a file"),
    ("sample", {"support": [{"file": "AAAA"}]}, 422, "support.0: this file: not a picture"),
    ("sample", {"support": [{"file": picture()[:80]}]}, 422, "damaged or cut short"),
    ("sample", {"support": [{"file": bomb(30_000)}]}, 422, "too large to decode safely"),
    ("sample", {"support": [{"file": bomb(1_500)}]}, 422, "too large to decode safely"),
    ("sample", {"support": examples(7)}, 422, "support: wanted at most 6, got 7"),
    ("sample", {"support": "all"}, 422, "support"),
    ("complete", {"image": {"pixels": BLANK}, "known": "AAAA"}, 422, "known: wanted 26 x 26"),
    ("complete", {"image": {"pixels": BLANK}}, 422, "known"),
    ("score", {"images": []}, 422, "images"),
    ("score", {"images": [{"pixels": "Ag" * 450 + "=="}]}, 422, "images.0"),
    ("classify", {"kinds": [[]], "images": [{"pixels": BLANK}]}, 422, "kinds"),
    ("classify", {"kinds": [[]] * 4, "images": [{"pixels": BLANK}]}, 422, "kinds: wanted at most"),
    ("attention", {"image": {"pixels": BLANK}}, 422, "nothing to show"),
    ("complete", {"image": {"pixels": BLANK}, "known": BLANK, "particles": 99}, 422, "particles"),
    ("encode", {"images": []}, 422, "images"),
    ("encode", {"images": [{"pixels": BLANK}] * 21}, 422, "images: wanted at most 20, got 21"),
    ("decode", {"blob": "AAAA"}, 422, "blob: not coded by ilk"),
    ("decode", {}, 422, "blob"),
    ("pack", {"images": [{"pixels": BLANK}], "form": "tar"}, 422, "form"),
    ("pack", {"images": [{"pixels": BLANK}] * 2, "form": "svg"}, 422, "images, for svg: wanted"),
    (
        "pack",
        {"images": [{"pixels": BLANK}] * 3, "size": 900},
        422,
        "size: pixels: wanted at most",
    ),
    ("pack", {"images": [{"pixels": BLANK}], "size": 0}, 422, "size"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path, request_, status, reason", MALFORMED)
def test_mistakes_are_named(
    client: TestClient,
    path: str,
    request_: dict[str, Any],
    status: int,
    reason: str,
    stream: bool,
) -> None:
    more = {"stream": True} if stream and path in ("sample", "complete") else {}
    answer = client.post(f"/api/{path}", json={"model": "tiny", **more, **request_})
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b'{"temperature": NaN}',
        b'{"temperature": 1e999}',
        b'{"model": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"seed": ' + b"9" * 6000 + b"}",
        b"[" * 100_000,
        b'{"support": ' + b'[{"pixels":' * 20_000,
    ],
)
def test_no_body_makes_the_server_fail(client: TestClient, body: bytes) -> None:
    for path in VERBS - {"models", "read"}:
        headers = {"content-type": "application/json"}
        answer = client.post(f"/api/{path}", content=body, headers=headers)
        assert 400 <= answer.status_code < 500 and answer.json()["error"]


def test_bytes_that_are_no_picture(client: TestClient, generator: torch.Generator) -> None:
    whole = base64.b64decode(picture())
    for i in range(200):
        file = bytearray(whole)
        for _ in range(1 + i % 5):
            at = int(torch.randint(len(file), (), generator=generator))
            file[at] = int(torch.randint(256, (), generator=generator))
        answer = client.post("/api/read", params={"model": "tiny"}, content=bytes(file))
        assert answer.status_code in (200, 422)
    assert client.post("/api/read", params={"model": "tiny"}, content=b"").status_code == 422
    assert client.post("/api/read", params={"model": "x"}, content=whole).status_code == 404


def test_unknown_places(client: TestClient) -> None:
    assert client.get("/api/sample").status_code == 405
    for path in (
        "/nothing",
        "/page/..%2fapp.py",
        "/page/%2e%2e/app.py",
        "/page/../../../../etc/passwd",
        "/page/app.py",
        "/page/%00",
        "/page//etc/passwd",
    ):
        assert client.get(path).status_code == 404, path


def test_openapi_describes_every_route(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()
    assert set(api["paths"]) == {f"/api/{verb}" for verb in VERBS} | {"/healthz"}
    assert all("summary" in what for path in api["paths"].values() for what in path.values())
