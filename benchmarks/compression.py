"""How small and how fast: `python -m benchmarks.compression [MODEL] [--json]`.

Test characters of `omniglot-26`: 16 drawings of each, given 4 others. ilk codes those of a
character, or all as one batch under their own support sets. Every codec gets them in three ways, a
file a drawing, a file a character and one file for all. With the support set included, ilk codes
the 4 without examples, and a codec stores 20 drawings a character. In turn, as archives have it,
the first drawings are examples for the rest: 16 after 4 that are given, or 20 after none. A model
that takes no support set gets no examples, and 16 images a file: of the test part of
`mnist-binary` or `cifar10`.

Needs the data: `ILK_DATA`, or `ilk data omniglot-26`; zstd and JPEG XL need `imagecodecs`, and
are left out without it. JBIG2 is left out: there is no encoder to install from Python.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image

import ilk
from ilk.coding import Turns, blob

SHOTS, QUERIES = 4, 16
Codec = Callable[[np.ndarray], bytes]


def pillow(form: str, **options: object) -> Codec:
    """A codec of Pillow, for binary pictures `(H, W)` or pictures in colour `(H, W, 3)`."""

    def encode(values: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        colour = values.ndim == 3
        picture = Image.fromarray(
            values if colour else np.where(values > 0, 0, 255).astype(np.uint8)
        )
        picture = picture if colour or form == "WEBP" else picture.convert("1")
        picture.save(buffer, form, **options)
        return buffer.getvalue()

    return encode


def codecs(colour: bool) -> dict[str, Codec]:
    """The codecs that are installed."""
    found = {
        "PNG": pillow("PNG", optimize=True),
        "WebP lossless": pillow("WEBP", lossless=True, quality=100, method=6),
    }
    if not colour:
        found["TIFF, CCITT G4"] = pillow("TIFF", compression="group4")
    try:
        import imagecodecs
    except ImportError:
        return found
    jpegxl = lambda x: imagecodecs.jpegxl_encode(x, lossless=True, effort=9)  # noqa: E731
    zstd = lambda x: imagecodecs.zstd_encode(x.tobytes(), level=22)  # noqa: E731
    if colour:
        return found | {"zstd 22": zstd, "JPEG XL lossless": jpegxl}
    return found | {
        "zstd 22, 8 pixels a byte": lambda ink: zstd(np.packbits(ink)),
        "JPEG XL lossless": lambda ink: jpegxl((ink * 255).astype(np.uint8)),
    }


def files(x: np.ndarray) -> dict[str, Iterator[np.ndarray]]:
    """Pictures `(K, n, H, W, C)` as the files that hold them, in each of three ways."""
    kinds, each, height, width, channels = x.shape
    x = x if channels == 3 else x[..., 0]
    rest = x.shape[4:]
    return {
        "a drawing": iter(x.reshape(-1, height, width, *rest)),
        "a character": iter(x.reshape(kinds, each * height, width, *rest)),
        # Characters side by side, so that a picture stays within the sizes that formats allow.
        "all": iter(np.moveaxis(x, 0, 2).reshape(1, each * height, kinds * width, *rest)),
    }


def drawings(model: ilk.models.Model, data: str, split: str, count: int) -> torch.Tensor:
    """What is coded, `(count, 16, C, H, W)`, with 4 more before it that are shown, or none."""
    kinds = ilk.data.load(data, split, "test")
    if model.conditioning == "none":
        chosen = torch.linspace(0, len(kinds.images) - 1, count * QUERIES).long()
        return kinds.images[chosen].view(-1, QUERIES, *model.shape)
    chosen = torch.linspace(0, len(kinds) - 1, count).long().tolist()
    return torch.stack([kinds.of(k)[: SHOTS + QUERIES] for k in chosen])


def in_turn(
    model: ilk.models.Model, images: torch.Tensor, shots: int
) -> dict[str, dict[str, float]]:
    """Bits a drawing where those before it are examples, of kinds `(K, shots + 16, C, H, W)`."""
    rows: dict[str, dict[str, float]] = {}
    for which, given in (("excluded", shots), ("included", 0)):
        count = images.shape[1] - given
        each = [Turns.of(model, kind[:given], count) for kind in images]
        alone = [blob.encode(t, x[given:], (count,)) for t, x in zip(each, images, strict=True)]
        together = Turns.of(model, images[:, :given], count)
        every = blob.encode(together, images[:, given:].transpose(0, 1).contiguous(), (count,))
        for way, size in (("a character", sum(map(len, alone))), ("all", len(every))):
            row = rows.setdefault(f"ilk in turn, a file for {way}", {})
            row[which] = 8 * size / (len(images) * count)
    return rows


def _print(name: str, row: dict[str, float]) -> None:
    print(f"{name:42} {row['excluded']:18.1f} {row['included']:10.1f}", flush=True)


def main() -> None:
    """Measures, prints a table and, with `--json`, a last line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="omniglot", help="a name or a directory")
    parser.add_argument("--data", default="omniglot-26", help="a named set")
    parser.add_argument("--split", default="30-20", help="of Omniglot")
    parser.add_argument("--kinds", type=int, default=63, help="files of 16 drawings: characters")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    model = ilk.load(arguments.model)
    images = drawings(model, arguments.data, arguments.split, arguments.kinds)
    shots = images.shape[1] - QUERIES
    given = [s if shots else None for s in images[:, :shots]]
    support, x = images[:, :shots], images[:, shots:].transpose(0, 1).contiguous()
    count = x.shape[0] * x.shape[1]
    with torch.inference_mode():
        p = model(support) if shots else model()
        told = model().encode(support.flatten(0, 1)) if shots else b""
        begin, cpu = time.perf_counter(), time.process_time()
        coded = p.encode(x)
        encode_s, encode_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        begin, cpu = time.perf_counter(), time.process_time()
        decoded = p.decode(coded)
        decode_s, decode_cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        bits = -p.log_prob(x).sum().item() / math.log(2)
        apart = [
            (len(model(s).encode(x[:, k])), 0 if s is None else len(model().encode(s)))
            for k, s in enumerate(given)
        ]
        rows = in_turn(model, images, shots) if shots else {}
    facts = {
        "model": arguments.model,
        "data": f"{arguments.data}/{arguments.split}" if shots else arguments.data,
        "images": count,
        "wrong": int((decoded != x).flatten(2).any(-1).sum()),
        "bits_of_score": bits,
        "bits_over_score": 8 * len(coded) - bits,
        "encode_s": encode_s,
        "encode_cpu_s": encode_cpu_s,
        "decode_s": decode_s,
        "decode_cpu_s": decode_cpu_s,
        "encode_images_a_second": count / encode_s,
        "decode_images_a_second": count / decode_s,
        "threads": torch.get_num_threads(),
    }
    for name, value in facts.items():
        print(f"{name:24} {value if isinstance(value, str) else round(value, 2)}")
    several = count + support.shape[0] * shots
    alone, with_support = sum(size for size, _ in apart), sum(map(sum, apart))
    rows = {
        f"ilk, {shots} shots, a file for a character": {
            "excluded": 8 * alone / count,
            "included": 8 * with_support / several,
        },
        f"ilk, {shots} shots, a file for all": {
            "excluded": 8 * len(coded) / count,
            "included": 8 * (len(coded) + len(told)) / several,
        },
        **rows,
    }
    print(f"{'bits a drawing':42} {'support excluded':>18} {'included':>10}")
    for name, row in rows.items():
        _print(name, row)
    every = images.movedim(2, -1).numpy()
    sets = {"excluded": every[:, shots:], "included": every}
    for name, codec in codecs(colour=model.shape[0] == 3).items():
        for way in files(sets["included"]):
            rows[f"{name}, a file for {way}"] = {
                which: 8 * sum(len(codec(x)) for x in files(part)[way]) / part[..., 0, 0, 0].size
                for which, part in sets.items()
            }
            _print(*list(rows.items())[-1])
    if arguments.json:
        print(json.dumps(facts | {"bits_a_drawing": rows}))


if __name__ == "__main__":
    main()
